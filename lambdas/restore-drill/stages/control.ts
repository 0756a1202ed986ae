import type { FaultKind } from '../../examine/request.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Plan } from './plan.ts'
import type { Restored } from './restore.ts'

// Restored instead of what is asked for: nothing is left to be done here.
const RESTORED: readonly FaultKind[] = ['wrong-time', 'other-database']
// No SQL reaches the bytes of a file: whoever ordered the control flips one while the drill pauses.
const FLIPPED: readonly FaultKind[] = ['heap-byte-flipped', 'index-byte-flipped']
/** Seconds for that, and for the copy to be started again over the damaged file. */
const PAUSE_SECONDS = 30

/** Damages the copy on purpose. A control whose damage could not be done proves nothing: `unknown`. */
export async function injectFault(
  stage: Stage,
  kind: FaultKind,
  plan: Plan,
  { copy }: Restored,
): Promise<Finding<true>> {
  if (FLIPPED.includes(kind)) await stage.pause('outside', PAUSE_SECONDS)
  if (RESTORED.includes(kind) || FLIPPED.includes(kind)) {
    const detail = `${kind} is done outside the database`
    return { value: true, checks: [{ name: 'control.injected', verdict: 'skipped', detail }], detail }
  }
  const answer = await stage.examine<'fault'>('inject', { task: 'fault', copy, primary: plan.primary, kind })
  const detail = answer.done
    ? `${kind} on ${answer.target}`
    : `${kind} could not be done: the control proves nothing`
  return {
    value: true,
    checks: [
      ...answer.checks,
      { name: 'control.injected', verdict: answer.done ? 'pass' : 'unknown', detail },
    ],
    detail,
  }
}
