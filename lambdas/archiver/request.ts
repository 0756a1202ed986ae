import { Refusal } from '../runtime/failure.ts'

/** The schedule's event. */
export type ArchiverRequest = {
  /** Seconds to follow the stream before returning; 0 returns as soon as the server's end of the log at the start is archived. @default 50 */
  readonly seconds: number
}

export type ArchiverAnswer = {
  /** `busy`: another archiver follows the slot, and this run left it to it. */
  readonly state: 'archived' | 'busy'
  readonly segments: number
  readonly transactions: number
  readonly rows: number
  readonly gaps: readonly { readonly cause: string; readonly start: string; readonly end: string }[]
  /** Where the archive ends now. */
  readonly end: string | null
  /** When the newest archived transaction was committed, ISO with microseconds, by the primary's clock. */
  readonly lastCommit: string | null
  /** Everything committed before is archived; ISO, by the primary's clock. Null when the run ended behind the log. */
  readonly caughtUpAt: string | null
  /** Milliseconds that the slowest segment took, from the first look at the log to the advanced slot. */
  readonly slowestMs: number
}

/** @throws Refusal `BadRequest` */
export function parseArchiverRequest(event: unknown): ArchiverRequest {
  const seconds = (event as { seconds?: unknown } | null)?.seconds ?? 50
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= 840))
    throw new Refusal(
      'BadRequest',
      `"seconds" is ${JSON.stringify(seconds)}`,
      'give a number from 0 to 840, or leave it out',
    )
  return { seconds }
}
