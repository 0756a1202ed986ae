import type pg from 'pg'
import type { Boundary, Cut } from './request.ts'
import { fullXid, hasElder, isFinished, parseSnapshot, type Snapshot } from './xid.ts'

/** What the two servers' transaction logs say about the rows that are compared. */
export type History = {
  /** Reads the primary's next id anew. Rows that were read before this have ids below it: call it between the two. */
  readonly keepUp: (primary: pg.Client) => Promise<void>
  /** True where the primary gave out so many ids that a frozen row may bear the bits of a later one. */
  readonly isAged: () => boolean
  /** A row's xmin on the primary as a 64-bit id. */
  readonly onPrimary: (xmin: number) => number
  readonly onCopy: (xmin: number) => number
  /** True where the copy's log can be asked whether it holds this transaction. */
  readonly mayBeInCopy: (xid: number) => boolean
  /** The first id that may be younger than the copy's end. */
  readonly firstNew: number
  /** True for ids that the copy gave out itself after its recovery. */
  readonly isForeign: (xid: number) => boolean
  /** Those of these ids, each of a row that the primary shows, that were committed before the copy's end. */
  readonly committedInCopy: (client: pg.Client, xids: Iterable<number>) => Promise<ReadonlySet<number>>
  /** Those of these ids that the primary's log calls aborted. */
  readonly abortedOnPrimary: (client: pg.Client, xids: Iterable<number>) => Promise<ReadonlySet<number>>
}

const NEXT = 'select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text as next'

/**
 * A null status means older than the kept log, which only committed transactions are. An id that the copy never
 * reached raises an error: the callers ask only for ids below the boundary.
 */
const STATUS = `
select x, coalesce(pg_catalog.pg_xact_status(x::pg_catalog.xid8), 'committed') as status
from pg_catalog.unnest($1::pg_catalog.text[]) x`

/** Reads both servers' next ids. */
export async function readHistory(
  primary: pg.Client,
  copy: pg.Client,
  boundary: Boundary,
  cut: Cut,
): Promise<History> {
  const [nextPrimary, nextCopy] = await Promise.all([readNext(primary), readNext(copy)])
  return historyOf({ nextPrimary, nextCopy, boundary, snapshot: parseSnapshot(cut.snapshot) })
}

/** The server's next id, 64 bits. */
export const readNext = async (client: pg.Client) => Number((await client.query(NEXT)).rows[0].next)

/** The history from its numbers. */
export function historyOf(facts: {
  readonly nextPrimary: number
  readonly nextCopy: number
  readonly boundary: Boundary
  readonly snapshot: Snapshot
}): History {
  const { snapshot, boundary } = facts
  const first = Number(boundary.nextXid)
  const inCopy = new Map<number, string>()
  const onPrimary = new Map<number, string>()
  let { nextPrimary } = facts
  return {
    async keepUp(primary) {
      nextPrimary = Math.max(nextPrimary, await readNext(primary))
    },
    isAged: () => hasElder(nextPrimary),
    onPrimary: xmin => fullXid(xmin, nextPrimary),
    onCopy: xmin => fullXid(xmin, facts.nextCopy),
    // Without an exact boundary, an id between the last heartbeat and the boundary may be the copy's own.
    mayBeInCopy: xid => xid >= 0 && xid < first && (boundary.exact || isFinished(xid, snapshot)),
    firstNew: boundary.exact ? first : Math.min(first, snapshot.xmax),
    isForeign: xid => xid >= first,
    async committedInCopy(client, xids) {
      // Whatever is older than all that ran at the last heartbeat was over by then, subtransactions too: the copy's log
      // of transactions, which no checksum protects, is not asked.
      const all = [...xids]
      const settled = all.filter(xid => xid < snapshot.xmin)
      const young = all.filter(xid => xid >= snapshot.xmin)
      return new Set([...settled, ...(await withStatus(client, inCopy, young, 'committed'))])
    },
    abortedOnPrimary: (client, xids) => withStatus(client, onPrimary, xids, 'aborted'),
  }
}

async function withStatus(
  client: pg.Client,
  known: Map<number, string>,
  xids: Iterable<number>,
  wanted: string,
): Promise<ReadonlySet<number>> {
  const all = [...new Set(xids)]
  const unknown = all.filter(xid => !known.has(xid))
  for (let at = 0; at < unknown.length; at += 10_000) {
    const { rows } = await client.query(STATUS, [unknown.slice(at, at + 10_000).map(String)])
    for (const row of rows) known.set(Number(row.x), row.status)
  }
  return new Set(all.filter(xid => known.get(xid) === wanted))
}
