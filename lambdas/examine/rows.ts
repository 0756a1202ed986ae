import type pg from 'pg'
import { blocksAt } from '../runtime/blocks.ts'
import type { HashedRow } from './digest.ts'
import type { History } from './history.ts'
import { type Addresses, openFrozen } from './rows/frozen.ts'
import { type Counts, type Fault, NAMED, NOTHING, plus } from './tally.ts'
import { hasElder } from './xid.ts'

/** A connection to each side. */
export type Lane = { readonly primary: pg.Client; readonly copy: pg.Client }

/**
 * Judges the rows of the same blocks, read on both sides. A recovered copy is the same file: the same version of a row
 * has the same place and the same xmin. A version that only the primary has is new, unless the copy's own log says
 * that its transaction committed before the cut: then the copy should have it. Snapshots cannot say so alone, since
 * they do not list subtransactions.
 * @param table where the rows are; without it no map of frozen blocks is asked
 */
export async function judgeRows(
  lane: Lane,
  history: History,
  primary: readonly HashedRow[],
  copy: readonly HashedRow[],
  table?: Addresses,
): Promise<Counts> {
  const places = new Map(copy.map(row => [row[0], row]))
  const missing: DatedRows[] = []
  const young: DatedRows[] = []
  const corrupt: Fault[] = []
  let equal = 0
  let newSince = 0
  for (const [ctid, xmin, hash0, hash1] of primary) {
    const twin = places.get(ctid)
    const xid = history.onPrimary(Number(xmin))
    const same = twin?.[1] === xmin
    if (same && twin[2] === hash0 && twin[3] === hash1) {
      equal += 1
      places.delete(ctid)
      // The copy's own id of that row says that it is of before the cut, also where the primary's could be a later one.
    } else if (same && (history.mayBeInCopy(xid) || history.onCopy(Number(xmin)) < history.firstNew)) {
      corrupt.push({ ctid, xmin, kind: 'corrupt' })
      places.delete(ctid)
    } else if (history.mayBeInCopy(xid)) missing.push({ ctid, xid, count: 1 })
    else if (hasElder(xid)) young.push({ ctid, xid, count: 1 })
    else newSince += 1
  }
  const frozen = openFrozen(lane, table)
  const undated = await frozen.onBoth(young)
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
    newSince: newSince + young.length - undated.length,
    corrupt: corrupt.length,
    undated: undated.length,
    faults: [...corrupt, ...faultsOf(undated, 'undated')].slice(0, NAMED),
  }
  return plus(
    seen,
    plus(await judgeMissing(lane, history, missing), await judgeLeft(lane, history, left, table)),
  )
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
export async function judgeLeft(
  lane: Lane,
  history: History,
  rows: readonly DatedRows[],
  table?: Addresses,
): Promise<Counts> {
  const foreign = rows.filter(row => history.isForeign(row.xid))
  const older = new Set(await openFrozen(lane, table).inCopy(foreign.filter(row => hasElder(row.xid))))
  const own = foreign.filter(row => !older.has(row))
  const others = rows.filter(row => !history.isForeign(row.xid) || older.has(row))
  // Of a row that may be frozen the log is not asked: another transaction may have had that id since.
  const judgeable = others
    .filter(row => history.mayBeInCopy(row.xid) && !hasElder(row.xid))
    .map(row => row.xid)
  const aborted = await history.abortedOnPrimary(lane.primary, judgeable)
  const undone = others.filter(row => aborted.has(row.xid))
  const changed = others.filter(row => !aborted.has(row.xid))
  return {
    ...NOTHING,
    changedSince: countOf(changed),
    changedIn: blocksAt(changed.map(row => row.ctid)),
    foreign: countOf(own),
    corrupt: countOf(undone),
    faults: [...faultsOf(own, 'foreign'), ...faultsOf(undone, 'corrupt')],
  }
}
