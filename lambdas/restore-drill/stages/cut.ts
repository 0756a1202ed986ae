import type { Cut, CutAnswer } from '../../examine/request.ts'
import type { DrillRequest } from '../request.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Moment } from './canaries.ts'
import type { Plan } from './plan.ts'
import type { Restored } from './restore.ts'

export type Found = {
  readonly cut: Cut
  readonly rpoSeconds: number | null
  readonly lost: CutAnswer['lost']
  /** ISO: the moment that the loss is counted to. */
  readonly disasterAt: string
}

// A replica replays within seconds; one that is minutes behind is broken, and the region's alarms say so.
const MOST_LOOKS = 24
const PAUSE_SECONDS = 5

/**
 * Reads where the copy ends, inside the copy, and what that costs up to the disaster. Where a replica stands for the
 * primary, waits until it has replayed as far.
 */
export async function findCut(
  stage: Stage,
  request: DrillRequest,
  plan: Plan,
  moment: Moment,
  { copy }: Restored,
): Promise<Finding<Found>> {
  const disasterAt = disasterOf(request, plan, moment)
  const ask = (look: number) =>
    stage.examine<'cut'>(look === 1 ? 'cut' : `cut-${look}`, {
      task: 'cut',
      ...{ copy, primary: plan.primary, disasterAt },
    })
  let answer = await ask(1)
  for (let look = 2; look <= MOST_LOOKS && answer.cut !== null && !answer.referenceAhead; look++) {
    await stage.pause(`behind-${look}`, PAUSE_SECONDS)
    answer = await ask(look)
  }
  const { cut, referenceAhead, rpoSeconds, lost, checks } = answer
  if (cut === null)
    return { value: null, checks, detail: 'no heartbeat survived: nothing in the copy can be dated' }
  const detail = `the newest surviving heartbeat is ${cut.seq} of ${cut.at}`
  if (!referenceAhead)
    return { value: null, checks, detail: `${detail}; the replica has not replayed as far` }
  return { value: { cut, rpoSeconds, lost, disasterAt }, checks, detail }
}

/** ISO. For a chosen moment the damage came right after it; otherwise it strikes when the drill decides. */
export function disasterOf(
  request: DrillRequest,
  plan: Pick<Plan, 'mark'>,
  moment: Pick<Moment, 'at'>,
): string {
  if (request.disasterAt !== undefined) return new Date(request.disasterAt).toISOString()
  const { kind } = request.target
  return kind === 'latest' || kind === 'snapshot' ? plan.mark.now : moment.at
}
