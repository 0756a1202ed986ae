import { mechanismsOf } from '../recovery.ts'
import type { EnvironmentConfig, Mode } from '../schema.ts'
import { MODES } from '../schema.ts'
import { type Rule, when, writeDuration } from './rule.ts'

const HOUR = 3_600

const mustHaveAMechanism: Rule = config =>
  MODES.flatMap(mode =>
    when(
      mode !== 'account-loss' &&
        config.objectives[mode] !== undefined &&
        mechanismsOf(config, mode).length === 0,
      `objectives['${mode}']`,
      written(config.objectives[mode]),
      'nothing in this environment survives that',
      'set standby.enabled, database.backup.replicate or vault.enabled to true',
    ),
  )

const mustNotPromiseAccountLoss: Rule = ({ objectives }) =>
  when(
    objectives['account-loss'] !== undefined,
    "objectives['account-loss']",
    written(objectives['account-loss']),
    'nothing survives the account: the vaults, the buckets and the keys of both regions are in it, and no drill restores outside of it',
    'remove it: an objective that nothing keeps and nothing proves promises too much',
  )

const mustKeepRpo: Rule = config => mustKeep(config, 'rpo', 'loses up to')
const mustKeepRto: Rule = config => mustKeep(config, 'rto', 'takes')

function mustKeep(config: EnvironmentConfig, measure: 'rpo' | 'rto', verb: string) {
  return MODES.flatMap(mode => {
    const objective = config.objectives[mode]
    const [mechanism] = mechanismsOf(config, mode)
    if (!objective || !mechanism) return []
    return when(
      objective[measure] < mechanism[measure],
      `objectives['${mode}'].${measure}`,
      writeDuration(objective[measure]),
      `the best that this environment has, ${mechanism.name}, ${verb} ${writeDuration(mechanism[measure])}`,
      `use "${writeDuration(mechanism[measure])}" or more (for less: ${mechanism.better})`,
    )
  })
}

const mustBeStated: Rule = ({ objectives }) =>
  when(
    Object.keys(objectives).length === 0,
    'objectives',
    objectives,
    'an environment without an objective promises nothing and proves nothing',
    "write at least objectives['bad-write']",
  )

const badWriteMustBeDrilled: Rule = ({ objectives, drills }) =>
  when(
    objectives['bad-write'] !== undefined && drills['bad-write'] === undefined,
    "drills['bad-write']",
    undefined,
    'this objective has no drill: nobody would know whether it is kept',
    'write { every: "7d", at: "before-backup-window" }',
  )

const drillsMustHaveAnObjective: Rule = ({ objectives, drills }) =>
  MODES.flatMap(mode =>
    when(
      drills[mode] !== undefined && objectives[mode] === undefined,
      `drills['${mode}']`,
      { every: writeDuration(drills[mode]?.every ?? 0) },
      'a drill without an objective has nothing to be measured against',
      `write objectives['${mode}'], or remove the drill`,
    ),
  )

/** What `restore-drill` rehearses: at home and in the other region. */
const REHEARSED: readonly Mode[] = ['bad-write', 'region-loss']

const drillsMustRehearse: Rule = ({ drills }) =>
  MODES.flatMap(mode =>
    when(
      drills[mode] !== undefined && !REHEARSED.includes(mode),
      `drills['${mode}']`,
      { every: writeDuration(drills[mode]?.every ?? 0) },
      'no function rehearses this mode, so the drill would never run and never fail',
      `schedule one of: ${REHEARSED.join(', ')}`,
    ),
  )

const regionDrillMustHaveBothSides: Rule = ({ drills, standby, database }) =>
  when(
    drills['region-loss'] !== undefined && !(standby.enabled && database.backup.replicate),
    "drills['region-loss']",
    { every: writeDuration(drills['region-loss']?.every ?? 0) },
    'this drill restores replicated backups in the other region and compares them with the standby: one of them is not there',
    'set standby.enabled and database.backup.replicate to true, or remove the drill',
  )

const DAY = 24 * HOUR

const drillsMustComeRound: Rule = ({ drills }) =>
  MODES.flatMap(mode => {
    const every = drills[mode]?.every
    return when(
      every !== undefined && (every < DAY || every > 31 * DAY),
      `drills['${mode}'].every`,
      writeDuration(every ?? 0),
      'a drill runs at most daily, for each restores a whole instance, and at least monthly, or the proof is stale',
      'use "7d"',
    )
  })

const drillsMustCompare: Rule = ({ drills }) =>
  MODES.flatMap(mode => {
    const floor = drills[mode]?.coverageFloor
    return when(
      floor !== undefined && floor < 0.5,
      `drills['${mode}'].coverageFloor`,
      floor,
      'a drill that may leave most rows unread proves nothing when it passes',
      'use 0.99',
    )
  })

const evidenceMustReachBack: Rule = ({ drills, evidence }) =>
  MODES.flatMap(mode => {
    const every = drills[mode]?.every
    return when(
      every !== undefined && evidence.retention < 2 * every,
      'evidence.retention',
      writeDuration(evidence.retention),
      `the evidence of the drill before would be gone at the next ${mode} drill (every ${writeDuration(every ?? 0)}), and the chain with it`,
      `use "${writeDuration(2 * (every ?? 0))}" or more`,
    )
  })

const drillWindowMustExist: Rule = ({ drills, database }) =>
  MODES.flatMap(mode =>
    when(
      database.backup.retention >= DAY && database.backup.retention < (drills[mode]?.every ?? 0),
      `drills['${mode}'].every`,
      writeDuration(drills[mode]?.every ?? 0),
      `backups are kept ${writeDuration(database.backup.retention)}: most of them would expire without ever having been restored`,
      `drill at least every ${writeDuration(database.backup.retention)}, or keep backups longer`,
    ),
  )

function written(objective: { rpo: number; rto: number } | undefined) {
  return objective && { rpo: writeDuration(objective.rpo), rto: writeDuration(objective.rto) }
}

/** Objectives that their mechanism cannot keep, and drills that prove nothing. */
export const OBJECTIVES: readonly Rule[] = [
  mustHaveAMechanism,
  mustNotPromiseAccountLoss,
  mustKeepRpo,
  mustKeepRto,
  mustBeStated,
  badWriteMustBeDrilled,
  drillsMustHaveAnObjective,
  drillsMustRehearse,
  regionDrillMustHaveBothSides,
  drillsMustComeRound,
  drillsMustCompare,
  evidenceMustReachBack,
  drillWindowMustExist,
]
