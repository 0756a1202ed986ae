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

/** Reads where the copy ends, inside the copy, and what that costs up to the disaster. */
export async function findCut(
  stage: Stage,
  request: DrillRequest,
  plan: Plan,
  moment: Moment,
  { copy }: Restored,
): Promise<Finding<Found>> {
  const disasterAt = disasterOf(request, plan, moment)
  const answer = await stage.examine<'cut'>('cut', { task: 'cut', copy, primary: plan.primary, disasterAt })
  const { cut, rpoSeconds, lost } = answer
  return {
    value: cut === null ? null : { cut, rpoSeconds, lost, disasterAt },
    checks: answer.checks,
    detail:
      cut === null
        ? 'no heartbeat survived: nothing in the copy can be dated'
        : `the newest surviving heartbeat is ${cut.seq} of ${cut.at}`,
  }
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
