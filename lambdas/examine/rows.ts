import type pg from 'pg'
import type { HashedRow } from './digest.ts'
import type { History } from './history.ts'
import { type Counts, type Fault, NAMED, NOTHING, plus } from './tally.ts'

/** A connection to each side. */
export type Lane = { readonly primary: pg.Client; readonly copy: pg.Client }

/**
 * Judges the rows of the same blocks, read on both sides. A recovered copy is the same file: the same version of a row
 * has the same place and the same xmin. A version that only the primary has is new, unless the copy's own log says
 * that its transaction committed before the cut: then the copy should have it. Snapshots cannot say so alone, since
 * they do not list subtransactions.
 */
export async function judgeRows(
  lane: Lane,
  history: History,
  primary: readonly HashedRow[],
  copy: readonly HashedRow[],
): Promise<Counts> {
  const places = new Map(copy.map(row => [row[0], row]))
  const missing: DatedRows[] = []
  const corrupt: Fault[] = []
  let equal = 0
  let newSince = 0
  for (const [ctid, xmin, hash0, hash1] of primary) {
    const twin = places.get(ctid)
    const xid = history.onPrimary(Number(xmin))
    if (twin && twin[1] === xmin && twin[2] === hash0 && twin[3] === hash1) {
      equal += 1
      places.delete(ctid)
    } else if (!history.mayBeInCopy(xid)) {
      newSince += 1
    } else if (twin && twin[1] === xmin) {
      corrupt.push({ ctid, xmin, kind: 'corrupt' })
      places.delete(ctid)
    } else missing.push({ ctid, xid, count: 1 })
  }
  const left = [...places.values()].map(([ctid, xmin]) => ({
    ctid,
    xid: history.onCopy(Number(xmin)),
    count: 1,
  }))
  const seen: Counts = {
    ...NOTHING,
    rowsPrimary: primary.length,
    rowsCopy: copy.length,
    equal,
    newSince,
    corrupt: corrupt.length,
    faults: corrupt.slice(0, NAMED),
  }
  return plus(seen, plus(await judgeMissing(lane, history, missing), await judgeLeft(lane, history, left)))
}

/** Rows of one transaction; their place, or the block that they are in. */
export type DatedRows = { readonly ctid: string; readonly xid: number; readonly count: number }

const countOf = (rows: readonly DatedRows[]) => rows.reduce((sum, row) => sum + row.count, 0)

const faultsOf = (rows: readonly DatedRows[], kind: Fault['kind']): Fault[] =>
  rows.slice(0, NAMED).map(({ ctid, xid }) => ({ ctid, xmin: String(xid), kind }))

/** Judges rows that only the primary has: lost where the copy's log says committed, else written after the cut. */
export async function judgeMissing(
  lane: Lane,
  history: History,
  rows: readonly DatedRows[],
): Promise<Counts> {
  const may = rows.filter(row => history.mayBeInCopy(row.xid))
  const committed = await history.committedInCopy(
    lane.copy,
    may.map(row => row.xid),
  )
  const lost = may.filter(row => committed.has(row.xid))
  return {
    ...NOTHING,
    newSince: countOf(rows) - countOf(lost),
    lost: countOf(lost),
    faults: faultsOf(lost, 'lost'),
  }
}

/**
 * Judges rows that only the copy has: updated or deleted on the primary after the cut, unless the copy wrote them
 * itself or the primary rolled their transaction back.
 */
export async function judgeLeft(lane: Lane, history: History, rows: readonly DatedRows[]): Promise<Counts> {
  const own = rows.filter(row => history.isForeign(row.xid))
  const others = rows.filter(row => !history.isForeign(row.xid))
  const judgeable = others.filter(row => history.mayBeInCopy(row.xid)).map(row => row.xid)
  const aborted = await history.abortedOnPrimary(lane.primary, judgeable)
  const undone = others.filter(row => aborted.has(row.xid))
  return {
    ...NOTHING,
    changedSince: countOf(others) - countOf(undone),
    foreign: countOf(own),
    corrupt: countOf(undone),
    faults: [...faultsOf(own, 'foreign'), ...faultsOf(undone, 'corrupt')],
  }
}
