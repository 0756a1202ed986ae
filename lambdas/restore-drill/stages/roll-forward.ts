import {
  type ApplyAnswer,
  type ApplyRequest,
  type CompareAnswer,
  type FingerprintAnswer,
  isWhole,
  type Loss,
  type LossAnswer,
  NOT_COMPARED,
  type RollForwardRequest,
} from '../../roll-forward/request.ts'
import type { Check } from '../../runtime/verdict.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Found } from './cut.ts'
import type { Opened } from './open.ts'
import type { Plan } from './plan.ts'
import type { Restored } from './restore.ts'

export type Rolled = {
  readonly transactions: number
  readonly rows: number
  readonly schemaChanges: number
  /** Tables that are the same in the copy with its tail and on the primary; every change of the tail met its row. */
  readonly identicalTables: readonly string[]
  /** Rows of these tables. */
  readonly identicalRows: string
  /** What the disaster would have cost without the archive and with it. */
  readonly loss: LossAnswer | null
}

// The archive is behind by seconds and the function runs for minutes: half an hour of waiting is a broken archive.
const MOST_TURNS = 120
const PAUSE_SECONDS = 5
const TURN_SECONDS = 600

/** Applies the archive's tail to the copy until it must equal the primary, and asks every table whether it does. */
export async function rollForwardCopy(
  stage: Stage,
  arn: string,
  plan: Plan,
  { copy }: Restored,
  { boundary }: Opened,
  found: Found,
): Promise<Finding<Rolled>> {
  const ask = <O>(label: string, request: RollForwardRequest) =>
    stage.invoke<RollForwardRequest, O>(label, arn, request)
  const wanted = await ask<FingerprintAnswer>('fingerprint', { task: 'fingerprint', primary: plan.primary })
  const { systemIdentifier, snapshot, lsn } = wanted
  const applied = await applyAll(stage, arn, {
    ...{ task: 'apply', copy, systemIdentifier, boundary, seconds: TURN_SECONDS },
    target: { kind: 'snapshot', snapshot, lsn },
  })
  const compared = isWhole(applied)
    ? await ask<CompareAnswer>('compare', {
        ...{ task: 'compare', copy },
        fingerprint: { tables: wanted.tables, incomplete: wanted.incomplete, outside: wanted.outside },
      })
    : NOT_COMPARED
  const cut = { lsn: found.cut.lsn, at: found.cut.at, timeline: found.cut.timeline }
  const loss = await ask<LossAnswer>('loss', {
    ...{ task: 'loss', systemIdentifier, cut },
    lostAt: found.disasterAt,
  })
  const { transactions, rows, schemaChanges } = applied
  return {
    value: {
      ...{ transactions, rows, schemaChanges, loss },
      identicalTables: compared.identical,
      identicalRows: compared.rows,
    },
    checks: [...applied.checks, ...compared.checks, lossCheck(loss)],
    detail: `${compared.checks[0]?.detail ?? 'nothing was compared'}; RPO with the tail ${sayLoss(loss.withTail)}, without it ${sayLoss(loss.withoutTail)}`,
  }
}

/** Calls again while there is more to apply, and while the archive is not yet as far as the primary's snapshot. */
async function applyAll(stage: Stage, arn: string, request: ApplyRequest): Promise<ApplyAnswer> {
  let trouble: unknown
  for (let turn = 1; turn <= MOST_TURNS; turn++) {
    try {
      const answer = await stage.invoke<ApplyRequest, ApplyAnswer>(`apply-${turn}`, arn, request)
      if (answer.done) return answer
    } catch (error) {
      // An error's kind does not travel over an invocation: the archive that is a minute behind looks like any other.
      trouble = error
      if (turn * PAUSE_SECONDS > TURN_SECONDS) break
      await stage.pause(`apply-${turn}.pause`, PAUSE_SECONDS)
    }
  }
  throw trouble ?? new Error(`the tail was not applied in ${MOST_TURNS} turns`)
}

function lossCheck(loss: LossAnswer): Check {
  const { withTail, withoutTail, complete } = loss
  return {
    name: 'roll-forward.rpo',
    verdict: complete ? 'pass' : 'unknown',
    detail: `with the tail ${sayLoss(withTail)}; without it ${sayLoss(withoutTail)}${complete ? '' : '; the archive does not reach the disaster yet, so these are the least'}`,
    answer: loss,
  }
}

function sayLoss({ seconds, transactions, rows }: Loss): string {
  return `${seconds} s, ${transactions} transactions, ${rows} rows`
}
