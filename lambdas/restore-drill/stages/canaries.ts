import type { Canary } from '../../examine/request.ts'
import { Refusal } from '../../runtime/failure.ts'
import { describe } from '../copy.ts'
import type { DrillRequest } from '../request.ts'
import type { Drill } from '../setting.ts'
import type { Finding, Stage } from '../stage.ts'
import { PATIENCE_SECONDS } from '../target.ts'
import type { Plan } from './plan.ts'

/** The moment that RDS is asked for, and what marks it. */
export type Moment = {
  /** ISO, whole seconds. */
  readonly at: string
  /** Empty for a moment in the past: the heartbeats around it are its marks. */
  readonly canaries: readonly Canary[]
}

// The last sentinel is committed two seconds after the moment; less ahead than this cannot be marked.
const AHEAD_SECONDS = 4

/** Marks the moment with commits before and after it where it lies ahead, and waits until it can be restored. */
export async function placeCanaries(
  stage: Stage,
  drill: Drill,
  request: DrillRequest,
  plan: Plan,
): Promise<Finding<Moment>> {
  const ahead =
    plan.moment === null || Date.parse(plan.moment) - Date.parse(plan.mark.now) > AHEAD_SECONDS * 1_000
  const past = plan.moment
  if (ahead && plan.mark.recovering)
    throw new Refusal(
      'NoSentinels',
      `${plan.reference.identifier} is a replica: nothing can be committed there to mark ${past ?? 'a moment just ahead'}`,
      'ask for latest, random, a moment in the past or a snapshot; now and the future are for the home region',
    )
  if (!ahead && past !== null) {
    const restorable = await waitUntilRestorable(stage, drill, request, plan, past)
    await waitUntilReplayed(stage, plan, past)
    const detail = `${past} is past: the heartbeats around it stand for sentinels${restorable}`
    return {
      value: { at: past, canaries: [] },
      checks: [{ name: 'canaries.placed', verdict: 'skipped', detail }],
      detail,
    }
  }
  const { primary, moment } = plan
  const answer = await stage.examine<'canaries'>('commit', {
    task: 'canaries',
    primary,
    drill: drill.id,
    ...(moment === null ? {} : { target: moment }),
  })
  const waited = await waitUntilRestorable(stage, drill, request, plan, answer.target)
  return {
    value: { at: answer.target, canaries: answer.canaries },
    checks: answer.checks,
    detail: `${answer.canaries.length} sentinels around ${answer.target}${waited}`,
  }
}

const MOST_LOOKS = 60
const LOOK_SECONDS = 5

/** A replica that stands for the primary must show the heartbeats around the moment: one after it says that it does. */
async function waitUntilReplayed(stage: Stage, { primary, mark }: Plan, past: string): Promise<void> {
  let { now, heartbeatAgeSeconds, recovering } = mark
  for (let look = 1; recovering; look++) {
    const newest = Date.parse(now) - (heartbeatAgeSeconds ?? Number.POSITIVE_INFINITY) * 1_000
    if (newest > Date.parse(past)) return
    if (look > MOST_LOOKS)
      throw new Refusal(
        'NotReplayed',
        `${primary.identifier} has not replayed as far as ${past} in ${MOST_LOOKS * LOOK_SECONDS} s`,
        'look at its replication: ReplicaLag must fall',
      )
    await stage.pause(`behind-${look}`, LOOK_SECONDS)
    const answer = await stage.examine<'mark'>(`mark-${look}`, { task: 'mark', primary, standby: true })
    ;({ now, heartbeatAgeSeconds, recovering } = answer)
  }
}

async function waitUntilRestorable(
  stage: Stage,
  drill: Drill,
  { region, target }: DrillRequest,
  { from }: Plan,
  at: string,
): Promise<string> {
  const known = from.window !== null && from.window.latest >= Date.parse(at)
  if (target.kind === 'snapshot' || known) return ''
  if (region === 'standby')
    throw new Refusal(
      'ImpossibleTime',
      `${at} has not been replicated yet`,
      'ask for a moment inside the replicated window',
    )
  const waited = await stage.until('restorable', 'waiting until the moment is restorable', {
    look: async () => (await describe(drill.clients.rds, from.id))?.latestRestorable ?? null,
    settled: latest => latest !== null && Date.parse(latest) >= Date.parse(at),
    forSeconds: PATIENCE_SECONDS,
    everySeconds: drill.setting.pollSeconds,
  })
  if (waited.settled) return '; it is restorable'
  throw new Refusal(
    'NotRestorable',
    `${at} did not become restorable in ${PATIENCE_SECONDS} s; the newest restorable moment is ${waited.value ?? 'unknown'}${waited.trouble === undefined ? '' : ` (${waited.trouble})`}`,
    'look at the log archiving of the source: LatestRestorableTime must advance',
  )
}
