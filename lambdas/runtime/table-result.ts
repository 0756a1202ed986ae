import { createHash } from 'node:crypto'
import { type Blocks, joinBlocks } from './blocks.ts'
import type { Check } from './verdict.ts'

/** How a table is compared. `tid`: by (ctid, xmin) in block ranges; `multiset`: whole rows, since its file was rewritten after the cut. */
export type Strategy = 'tid' | 'multiset'

/** What was found out about one table; results of several batches are added up with `addTables`. */
export type TableResult = {
  /** Quoted where needed, with its schema. */
  readonly table: string
  readonly oid: number
  readonly strategy: Strategy
  readonly rowsPrimary: number
  readonly rowsCopy: number
  /** Rows of the copy that the primary has identically. */
  readonly equal: number
  /** Rows of the copy that the primary has no longer: updated or deleted after the cut. Counted, unproven. */
  readonly changedSince: number
  /** Blocks of the copy that hold those rows, and perhaps others. */
  readonly changedIn?: readonly Blocks[]
  /** Rows of the primary that were written after the cut. */
  readonly newSince: number
  /** Rows of the primary whose transaction is committed in the copy, and which the copy has not. */
  readonly lost: number
  /** Rows with the same identity on both sides and different content, or of a transaction that the primary rolled back. */
  readonly corrupt: number
  /** Rows that the copy wrote itself after its recovery. */
  readonly foreign: number
  /** Rows of the primary that nothing dates: the table's file was replaced after the cut, or a frozen id has no epoch. */
  readonly undated: number
  /** Why the table, or a column of it, was not compared; absent when all of it was. */
  readonly notCompared?: string
  /** True when no row of the table could be compared. */
  readonly skipped?: boolean
  readonly chunks: number
  /** SHA-256 over the ordered chunk digests of the copy. */
  readonly digest: string
  /** The first few faults: where, which transaction, what kind; never content. */
  readonly faults: readonly { readonly ctid: string; readonly xmin: string; readonly kind: FaultySort }[]
}

export type FaultySort = 'lost' | 'corrupt' | 'foreign' | 'undated'

/** One result per table out of the results of many batches, given in the order of the batches; ordered by name. */
export function addTables(results: readonly TableResult[]): TableResult[] {
  const sums = new Map<number, TableResult>()
  for (const result of results) {
    const before = sums.get(result.oid)
    sums.set(result.oid, before ? add(before, result) : result)
  }
  return [...sums.values()].sort((a, b) => (a.table < b.table ? -1 : a.table > b.table ? 1 : 0))
}

function add(a: TableResult, b: TableResult): TableResult {
  // A whole-table comparison was made because the table had been rewritten: what was found by place is void.
  if (b.strategy === 'multiset') return b
  if (a.strategy === 'multiset') return a
  return {
    ...a,
    rowsPrimary: a.rowsPrimary + b.rowsPrimary,
    rowsCopy: a.rowsCopy + b.rowsCopy,
    equal: a.equal + b.equal,
    changedSince: a.changedSince + b.changedSince,
    changedIn: joinBlocks(a.changedIn ?? [], b.changedIn ?? []),
    newSince: a.newSince + b.newSince,
    lost: a.lost + b.lost,
    corrupt: a.corrupt + b.corrupt,
    foreign: a.foreign + b.foreign,
    undated: a.undated + b.undated,
    notCompared: a.notCompared ?? b.notCompared,
    skipped: a.skipped || b.skipped || undefined,
    chunks: a.chunks + b.chunks,
    digest: createHash('sha256').update(`${a.digest}${b.digest}`).digest('hex'),
    faults: [...a.faults, ...b.faults].slice(0, 10),
  }
}

/** Percent of the copy's rows that were compared: found equal, or changed on the primary since. 100 for an empty copy. */
export function coverage(tables: readonly TableResult[]): number {
  const rows = tables.reduce((sum, table) => sum + table.rowsCopy, 0)
  const unread = tables.reduce((sum, table) => sum + (table.skipped ? table.rowsCopy : 0), 0)
  return rows === 0 ? 100 : (100 * (rows - unread)) / rows
}

/** A check for each table that is not simply equal, and one that says how many are. A table that could not be read is `unknown`. */
export function judgeTables(tables: readonly TableResult[]): Check[] {
  const remarkable = tables.filter(table => judge(table) !== 'pass' || table.changedSince > 0)
  const rows = tables.reduce((sum, table) => sum + table.equal, 0)
  return [
    {
      name: 'compare.tables',
      verdict: tables.length === 0 ? 'unknown' : 'pass',
      detail: `${tables.length} tables compared, ${rows} rows equal, ${remarkable.length} tables with more to say`,
    },
    ...remarkable.map(table => ({
      name: `compare.table.${table.table}`,
      verdict: judge(table),
      detail: `${table.table}: ${describe(table)}`,
      answer: table,
    })),
  ]
}

function judge(table: TableResult): Check['verdict'] {
  if (table.lost + table.corrupt + table.foreign > 0) return 'fail'
  if (table.undated > 0 || table.skipped) return 'unknown'
  return table.notCompared === undefined ? 'pass' : 'skipped'
}

function describe(table: TableResult): string {
  const parts = [
    [table.lost, 'lost: committed before the cut and missing from the copy'],
    [table.corrupt, 'corrupt: not what the primary has under the same identity'],
    [table.foreign, 'written by the copy itself after its recovery'],
    [
      table.undated,
      'that cannot be dated: the table got another file after the cut, or the block was frozen',
    ],
    [table.changedSince, 'changed or deleted on the primary since the cut (unproven)'],
  ] as const
  const found = parts
    .filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${count === 1 ? 'row' : 'rows'} ${what}`)
  return [
    `${table.equal} of ${table.rowsCopy} rows equal`,
    ...found,
    ...(table.notCompared ? [table.notCompared] : []),
  ].join('; ')
}
