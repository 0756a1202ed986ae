import type pg from 'pg'
import { Refusal, sentence } from '../runtime/failure.ts'
import { formatLsn } from '../runtime/segment/lsn.ts'
import type { Archive } from '../runtime/segment/store.ts'
import type { Check } from '../runtime/verdict.ts'
import { type Applied, applyTail } from './apply.ts'
import type { ApplyAnswer, ApplyRequest } from './request.ts'

/** Refusals that say that copy and archive do not fit: the drill failed. Any other one left the question open. */
const FAILURES = ['RowMissing', 'NotApplied', 'NotAPrefix', 'ForeignWrites', 'ForeignRights']

export type RollForwardOptions = {
  readonly client: pg.Client
  readonly writer: pg.Client
  readonly schema: pg.Client
  readonly archive: Archive
  readonly request: ApplyRequest
}

/** Applies the tail and says what came of it as checks. A transient failure is thrown: the caller asks again. */
export async function rollForward(options: RollForwardOptions): Promise<ApplyAnswer> {
  const limit = (options.request.seconds ?? 600) * 1_000
  try {
    const applied = await applyTail({ ...options, limit })
    return answerOf(applied.done, applied, applied.done ? checksOf(applied) : [])
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const verdict = FAILURES.includes(error.name) ? 'fail' : 'unknown'
    return answerOf(true, undefined, [{ name: 'roll-forward.applied', verdict, detail: sentence(error) }])
  }
}

function answerOf(done: boolean, applied: Applied | undefined, checks: Check[]): ApplyAnswer {
  const progress = applied?.progress
  const lsn = (position: bigint | null | undefined) => (position == null ? null : formatLsn(position))
  return {
    done,
    checks,
    transactions: progress?.transactions ?? 0,
    rows: progress?.rows ?? 0,
    schemaChanges: applied?.schema.schemaChanges ?? 0,
    boundaryLsn: lsn(progress?.boundary),
    boundaryAt: progress?.boundaryAt ?? null,
    appliedLsn: lsn(progress?.applied),
    appliedAt: progress?.appliedAt ?? null,
  }
}

function checksOf({ progress, schema }: Applied): Check[] {
  const { transactions, rows, messages } = progress
  const { schemaChanges, leftOut, withheld, roles } = schema
  const checks: Check[] = [
    {
      name: 'roll-forward.applied',
      verdict: 'pass',
      detail: `${transactions} transactions with ${rows} row changes and ${schemaChanges} schema changes were applied once each, in commit order`,
    },
  ]
  if (messages > 0)
    checks.push({
      name: 'roll-forward.messages',
      verdict: 'explained',
      detail: `${messages} logical messages of others were passed over: anybody may write one, and none is believed`,
    })
  if (roles.length > 0)
    checks.push({
      name: 'roll-forward.roles',
      verdict: 'explained',
      detail: `${roles.length} roles are younger than the copy and were made in it without login, password and attributes: ${roles.slice(0, 5).join(', ')}`,
      answer: roles,
    })
  if (withheld.length > 0)
    checks.push({
      name: 'roll-forward.withheld',
      verdict: 'explained',
      detail: `${withheld.length} schema changes were not repeated on purpose: ${withheld.slice(0, 5).join('; ')}`,
      answer: withheld,
    })
  if (leftOut.length > 0)
    checks.push({
      name: 'roll-forward.schema-changes',
      verdict: 'unknown',
      detail: `${leftOut.length} schema changes could not be repeated: ${leftOut.slice(0, 5).join('; ')}`,
      answer: leftOut,
    })
  return checks
}
