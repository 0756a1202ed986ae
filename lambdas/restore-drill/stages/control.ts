import type { FaultKind } from '../../examine/request.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Plan } from './plan.ts'
import type { Restored } from './restore.ts'

// These are done by restoring something else, or below the copy by whoever ordered the control.
const OUTSIDE_SQL: readonly FaultKind[] = [
  'heap-byte-flipped',
  'index-byte-flipped',
  'wrong-time',
  'other-database',
]

/** Damages the copy on purpose. A control whose damage could not be done proves nothing: `unknown`. */
export async function injectFault(
  stage: Stage,
  kind: FaultKind,
  plan: Plan,
  { copy }: Restored,
): Promise<Finding<true>> {
  if (OUTSIDE_SQL.includes(kind))
    return {
      value: true,
      checks: [
        { name: 'control.injected', verdict: 'skipped', detail: `${kind} is done outside the database` },
      ],
      detail: `${kind} is done outside the database`,
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
