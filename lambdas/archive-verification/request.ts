import type { Fault } from '../runtime/segment/link.ts'

/** What was read of one database's archive. */
export type HistoryReport = {
  readonly systemIdentifier: string
  /** Segments that were read from end to end. */
  readonly segments: number
  readonly transactions: number
  readonly rows: number
  readonly bytes: number
  readonly from: string | null
  readonly to: string | null
  /** ISO, the archiver's clock. */
  readonly newestSealedAt: string | null
  readonly faults: readonly Fault[]
}

/** `unknown` when the bucket holds no segment at all. */
export type ArchiveReport = {
  readonly verdict: 'pass' | 'fail' | 'unknown'
  readonly histories: readonly HistoryReport[]
}
