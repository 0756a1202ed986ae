import { beginningOf, cronOf } from '../config/calendar.ts'
import type { EnvironmentConfig, Mode } from '../config/schema.ts'

const DAY = 86_400
const MINUTES_A_DAY = 1_440

/** A drill that runs by itself. */
export type PlannedDrill = {
  /** Unique in its region, in Pascal case: the schedule's logical id. */
  readonly id: string
  readonly expression: string
  readonly request: DrillInput
}

/** The request of `restore-drill`, as its request.ts reads it. */
export type DrillInput = {
  readonly mode: Mode
  readonly target:
    | { readonly kind: 'random' }
    | { readonly kind: 'before-backup-window'; readonly window: string }
  readonly region: 'home' | 'standby'
  readonly objective: { readonly rpoSeconds: number; readonly rtoSeconds: number }
  readonly coverageFloor: number
  readonly assertions: EnvironmentConfig['assertions']
  readonly negativeControl?: string
  readonly requestedBy: string
}

// One fault a week of the month, so that every way to see a fault is itself proven every month.
const CONTROLS = ['row-deleted', 'row-changed', 'index-dropped', 'grant-lost', 'wrong-time'] as const

/** The drills of one region, from what the environment asks for. */
export function planDrills(config: EnvironmentConfig, region: 'home' | 'standby'): readonly PlannedDrill[] {
  const mode: Mode = region === 'home' ? 'bad-write' : 'region-loss'
  const drill = config.drills[mode]
  const objective = config.objectives[mode]
  // No environment has the one without the other: config/rules/objectives.ts refuses it.
  if (drill === undefined || objective === undefined) return []
  const { window } = config.database.backup
  const beforeWindow = drill.at === 'before-backup-window'
  const request: DrillInput = {
    mode,
    target: beforeWindow ? { kind: 'before-backup-window', window } : { kind: 'random' },
    region,
    objective: { rpoSeconds: objective.rpo, rtoSeconds: objective.rto },
    coverageFloor: drill.coverageFloor,
    assertions: config.assertions,
    requestedBy: `schedule ${mode}`,
  }
  const planned: PlannedDrill[] = [
    {
      id: pascal(mode),
      expression: cronOf(drill.every, beforeWindow ? beginningOf(window) + ARRIVAL[region] : ANY_TIME),
      request,
    },
  ]
  if (region === 'standby') return planned
  return [
    ...planned,
    ...CONTROLS.map((fault, week) => ({
      id: `Control${pascal(fault)}`,
      // Saturdays, noon: far from backups and maintenance, and a working day follows only after a pause.
      expression: `cron(0 12 ? * 7#${week + 1} *)`,
      request: {
        ...request,
        target: { kind: 'random' as const },
        negativeControl: fault,
        requestedBy: `negative control ${fault}`,
      },
    })),
  ]
}

/**
 * Minutes after the backup window's beginning at which the moment before it is there to be restored. At home it is
 * waited for; replicated backups are 5 to 30 minutes behind (AWS Prescriptive Guidance, disaster recovery for RDS).
 */
const ARRIVAL = { home: 0, standby: 60 } as const

// Minutes after midnight, UTC, for a drill that may run whenever: somebody is awake in most of the world.
const ANY_TIME = 10 * 60

// Minutes before the moment to which a drill goes back: rows that are younger than the reading are then few.
const WITNESS_LEAD = 30

/** When the witness sees every row: daily, some time before the moment before the backup window. */
export function witnessTime(window: string): string {
  return cronOf(DAY, beginningOf(window) - WITNESS_LEAD + MINUTES_A_DAY)
}

function pascal(text: string): string {
  return text.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())
}
