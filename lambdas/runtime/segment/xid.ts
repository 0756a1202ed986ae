/** 2^32: transaction ids in the stream lack their epoch. */
const EPOCH = 1n << 32n

/** The full id of a transaction that is within two thousand million of `near`, as every living one is. */
export function fullXid(xid: number, near: bigint): bigint {
  const candidate = (near / EPOCH) * EPOCH + BigInt(xid)
  if (candidate > near + EPOCH / 2n) return candidate - EPOCH
  if (candidate + EPOCH / 2n < near) return candidate + EPOCH
  return candidate
}

/** Which transactions a snapshot sees as finished. */
export type Snapshot = { readonly xmax: bigint; readonly running: ReadonlySet<bigint> }

/** Reads `xmin:xmax:xip,…`, the text of `pg_current_snapshot()`. */
export function parseSnapshot(text: string): Snapshot {
  const [, xmax, running] = text.split(':')
  return {
    xmax: BigInt(xmax ?? 0),
    running: new Set((running ?? '').split(',').filter(Boolean).map(BigInt)),
  }
}

/** For ids of top-level transactions, which are all that the stream has. */
export function isVisible(xid: bigint, snapshot: Snapshot): boolean {
  return xid < snapshot.xmax && !snapshot.running.has(xid)
}
