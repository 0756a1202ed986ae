import type { Boundary, Endpoint } from '../examine/request.ts'
import { Refusal } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'

export type { Boundary, Endpoint }

/** One table's rows as numbers: the count and two sums of 64-bit hashes of each row's text, as decimal text. */
export type TableDigest = {
  /** Quoted where needed, with its schema. */
  readonly table: string
  readonly rows: string
  readonly sum0: string
  readonly sum1: string
}

/**
 * Reads the primary in one snapshot: what the copy must equal after the roll-forward. The snapshot, and with it the
 * horizon of vacuum, is held for the length of one scan of the archived tables.
 */
export type FingerprintRequest = { readonly task: 'fingerprint'; readonly primary: Endpoint }
export type FingerprintAnswer = {
  readonly systemIdentifier: string
  /** `pg_current_snapshot()` as text: the transactions that the digests saw. */
  readonly snapshot: string
  /** Every one of them has its commit record before this position. */
  readonly lsn: string
  /** ISO with microseconds, by the primary's clock. */
  readonly at: string
  readonly tables: readonly TableDigest[]
  /** Tables of the archive whose changes it does not hold completely, with the reason. */
  readonly incomplete: readonly { readonly table: string; readonly reason: string }[]
  /** Whose changes the archive does not hold: no pattern names it, it is in no publication, or no stream carries it. */
  readonly outside: readonly Outside[]
}

/** A table, or the large objects, outside the archive. */
export type Outside = {
  /** Quoted where needed, with its schema. */
  readonly name: string
  /** Decimal text; `null` where they could not be counted. */
  readonly rows: string | null
  /** False where PostgreSQL's own estimate stands for the count. */
  readonly counted: boolean
}

/** Up to where to roll forward: the transactions that a snapshot sees, or all before a position, or all there are. */
export type Target =
  | { readonly kind: 'snapshot'; readonly snapshot: string; readonly lsn: string }
  | { readonly kind: 'lsn'; readonly lsn: string }
  | { readonly kind: 'latest' }

/**
 * Applies the archive's tail to the copy. Runs for at most `seconds` and answers `done: false` when there is more:
 * call again with the same request, the copy remembers how far it is.
 * @throws Transient `ArchiveBehind` while the archive does not reach the target: call again.
 */
export type ApplyRequest = {
  readonly task: 'apply'
  readonly copy: Endpoint
  readonly systemIdentifier: string
  /** Frozen before anything wrote on the copy; see examine's `open`. */
  readonly boundary: Boundary
  readonly target: Target
  /** @default 600 */
  readonly seconds?: number
}
export type ApplyAnswer = {
  readonly done: boolean
  readonly checks: Check[]
  /** Transactions and rows applied so far, over all calls. */
  readonly transactions: number
  readonly rows: number
  readonly schemaChanges: number
  /** Commit position and time of the last transaction that was in the copy by itself, and of the last applied. */
  readonly boundaryLsn: string | null
  readonly boundaryAt: string | null
  readonly appliedLsn: string | null
  readonly appliedAt: string | null
}

/** Compares the copy with a fingerprint of the primary, table by table. */
export type CompareRequest = {
  readonly task: 'compare'
  readonly copy: Endpoint
  readonly fingerprint: Pick<FingerprintAnswer, 'tables' | 'incomplete' | 'outside'>
}
export type CompareAnswer = {
  readonly checks: Check[]
  /** The tables that are the same on both sides, quoted where needed, with their schema. */
  readonly identical: readonly string[]
  readonly different: number
  readonly rows: string
}

/** Whether the tail was applied to its end: what stopped before cannot equal the primary, and that says nothing more. */
export function isWhole({ checks }: Pick<ApplyAnswer, 'checks'>): boolean {
  return checks.some(({ name, verdict }) => name === 'roll-forward.applied' && verdict === 'pass')
}

/** The comparison of a copy whose tail was not applied to its end. */
export const NOT_COMPARED: CompareAnswer = {
  checks: [
    {
      name: 'roll-forward.identical',
      verdict: 'unknown',
      detail: 'not compared: the tail was not applied to its end',
    },
  ],
  ...{ identical: [], different: 0, rows: '0' },
}

/** What would have been lost at `lostAt`, without and with what the archive held by then. */
export type LossRequest = {
  readonly task: 'loss'
  readonly systemIdentifier: string
  /** Commit position of the last transaction in the bare copy, and its time: ApplyAnswer's boundary, or the cut. */
  readonly cut: { readonly lsn: string; readonly at: string; readonly timeline: number }
  /** ISO, the moment of the simulated disaster by the primary's clock. */
  readonly lostAt: string
}
export type Loss = { readonly seconds: number; readonly transactions: number; readonly rows: number }
export type LossAnswer = {
  readonly withoutTail: Loss
  readonly withTail: Loss
  /** False while the archive does not reach `lostAt`: transactions and rows are then at least these. */
  readonly complete: boolean
}

/** Ends a proven copy's being one: whatever the roll-forward was given there is taken back, before it gets its name. */
export type CloseRequest = { readonly task: 'close'; readonly copy: Endpoint }
export type CloseAnswer = { readonly checks: Check[] }

export type RollForwardRequest =
  | FingerprintRequest
  | ApplyRequest
  | CompareRequest
  | LossRequest
  | CloseRequest
export type RollForwardAnswer = FingerprintAnswer | ApplyAnswer | CompareAnswer | LossAnswer | CloseAnswer

const TASKS = ['fingerprint', 'apply', 'compare', 'loss', 'close']

/** @throws Refusal `BadRequest` for anything that is none of the five tasks. */
export function parseRollForwardRequest(event: unknown): RollForwardRequest {
  const task = (event as { task?: unknown } | null)?.task
  if (typeof task === 'string' && TASKS.includes(task)) return event as RollForwardRequest
  throw new Refusal('BadRequest', `the task is ${JSON.stringify(task)}`, `ask for one of ${TASKS.join(', ')}`)
}
