const EPOCH = 2 ** 32

/** `pg_current_snapshot()`: what was finished when it was taken. Ids are 64-bit; numbers hold them exactly to 2^53. */
export type Snapshot = {
  readonly xmin: number
  readonly xmax: number
  readonly running: ReadonlySet<number>
}

/** @param text `xmin:xmax:xid,xid,…` @throws Error when it is something else */
export function parseSnapshot(text: string): Snapshot {
  const match = /^(\d+):(\d+):([\d,]*)$/.exec(text)
  if (!match) throw new Error(`"${text}" is not a snapshot`)
  const running = (match[3] ?? '').split(',').filter(id => id !== '')
  return { xmin: Number(match[1]), xmax: Number(match[2]), running: new Set(running.map(Number)) }
}

/**
 * Whether the snapshot shows this transaction as finished. Right for top-level ids only: a snapshot does not list
 * subtransactions, so a "yes" for one of those must be confirmed by `pg_xact_status`.
 */
export function isFinished(xid: number, snapshot: Snapshot): boolean {
  return xid < snapshot.xmax && !snapshot.running.has(xid)
}

/**
 * A row's 32-bit xmin as a 64-bit id: the newest one below `next` with these low bits. Ids 0 to 2 are permanent.
 * A frozen row may be older by whole epochs: see {@link hasElder}.
 * @param next the server's next id, 64 bits, read after the row
 */
export function fullXid(xmin: number, next: number): number {
  if (xmin < 3) return xmin
  const candidate = Math.floor(next / EPOCH) * EPOCH + xmin
  return candidate < next ? candidate : candidate - EPOCH
}

/** Whether a row that looks like this id may be a frozen one of an epoch before: it wears the same 32 bits. */
export const hasElder = (xid: number) => xid - EPOCH >= 3
