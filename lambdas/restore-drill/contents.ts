import type { ContentsResult } from '../examine/request.ts'
import type { TableResult } from '../runtime/table-result.ts'
import type { Check } from '../runtime/verdict.ts'
import { sayCount, sayShare } from './report/figure.ts'

/** Of one table, what is known of the contents of its rows that were changed or deleted on the primary since the cut. */
export type TableContents = Omit<ContentsResult, 'faults' | 'rows' | 'oid'> & {
  /** As the comparison counted them. */
  readonly changed: number
}

/** Results of the same table, of several calls, as one. */
export function addContents(results: readonly ContentsResult[]): ContentsResult[] {
  const sums = new Map<number, ContentsResult>()
  for (const result of results) {
    const before = sums.get(result.oid)
    sums.set(result.oid, before === undefined ? result : add(before, result))
  }
  return [...sums.values()]
}

function add(a: ContentsResult, b: ContentsResult): ContentsResult {
  return {
    ...a,
    rows: a.rows + b.rows,
    witness: a.witness + b.witness,
    image: a.image + b.image,
    oldRow: a.oldRow + b.oldRow,
    corrupt: a.corrupt + b.corrupt,
    unproven: a.unproven + b.unproven,
    faults: [...a.faults, ...b.faults].slice(0, 10),
  }
}

/**
 * Each table that changed, with what is proven of it. Where rows were looked at that the comparison had found equal, as in
 * a table that lies elsewhere now, no more can be unproven than changed; a row that nobody looked at is unproven.
 */
export function contentsOf(
  tables: readonly TableResult[],
  results: readonly ContentsResult[],
): TableContents[] {
  const known = new Map(results.map(result => [result.oid, result]))
  return tables
    .filter(({ changedSince }) => changedSince > 0)
    .map(({ table, oid, changedSince: changed }) => {
      const result = known.get(oid)
      if (result === undefined)
        return {
          table,
          archived: true,
          changed,
          witness: 0,
          image: 0,
          oldRow: 0,
          corrupt: 0,
          unproven: changed,
        }
      const { archived, corrupt, rows } = result
      const unseen = Math.max(0, changed - rows)
      const unproven = Math.min(changed, result.unproven + unseen)
      // More rows than those may have changed while they were looked at.
      let room = Math.max(0, changed - unproven - corrupt)
      const taken = (count: number) => {
        const some = Math.min(count, room)
        room -= some
        return some
      }
      const [witness, image, oldRow] = [result.witness, result.image, result.oldRow].map(taken)
      return {
        ...{ table, archived, changed, corrupt, unproven },
        ...{ witness: witness ?? 0, image: image ?? 0, oldRow: oldRow ?? 0 },
      }
    })
}

/**
 * The floor of what must be proven of the rows that changed, in each archived table and in all of them together. A table
 * outside the archive has none: it is named in the sentence, as unproven.
 * @param floor share, 0 to 1
 */
export function provenCheck(tables: readonly TableContents[], floor: number): Check {
  const name = 'contents.proven'
  const archived = tables.filter(table => table.archived)
  const below = archived.filter(table => shareOf([table]) < floor)
  const { changed } = total(archived)
  const all = `of ${sayCount(changed)} rows that were changed or deleted since the cut, the contents of ${sayCount(provenRows(archived))} are proven`
  if (changed === 0)
    return {
      name,
      verdict: 'pass',
      detail: 'no row of an archived table was changed or deleted since the cut',
    }
  if (below.length === 0 && shareOf(archived) >= floor)
    return { name, verdict: 'pass', detail: `${all}${sayKinds(archived)}` }
  const named = below
    .slice(0, 5)
    .map(
      table => `${table.table} (${sayCount(table.unproven + table.corrupt)} of ${sayCount(table.changed)})`,
    )
  const more = below.length > 5 ? ` and ${below.length - 5} more` : ''
  return {
    name,
    verdict: 'fail',
    detail: `${all}, ${sayShare(shareOf(archived))} and at least ${sayShare(floor)} of each table is asked for; not proven: ${named.join(', ')}${more}: neither a witness nor an image in the archive says that they held this`,
    answer: below.slice(0, 50),
  }
}

function shareOf(tables: readonly TableContents[]): number {
  const { changed, unproven, corrupt } = total(tables)
  return changed === 0 ? 1 : Math.max(0, changed - unproven - corrupt) / changed
}

/** Rows changed since the cut that are proven to hold what they should. */
export function provenRows(tables: readonly TableContents[]): number {
  const { changed, unproven, corrupt } = total(tables)
  return Math.max(0, changed - unproven - corrupt)
}

/** How: `, 12 by a witness and 3 by the archive’s last image of them`; empty where nothing was proven. */
export function sayKinds(tables: readonly Pick<TableContents, 'witness' | 'image' | 'oldRow'>[]): string {
  const sum = (kind: 'witness' | 'image' | 'oldRow') => tables.reduce((all, table) => all + table[kind], 0)
  const [witness, image, oldRow] = [sum('witness'), sum('image'), sum('oldRow')]
  const kinds = [
    [witness, 'by a witness'],
    [image, 'by the archive’s last image of them'],
    [oldRow, 'by the old row in their next change'],
  ] as const
  const said = kinds.filter(([count]) => count > 0).map(([count, how]) => `${sayCount(count)} ${how}`)
  return said.length === 0 ? '' : `, ${said.join(' and ')}`
}

type Sums = Record<'changed' | 'witness' | 'image' | 'oldRow' | 'corrupt' | 'unproven', number>

function total(tables: readonly TableContents[]): Sums {
  const sums = { changed: 0, witness: 0, image: 0, oldRow: 0, corrupt: 0, unproven: 0 }
  for (const table of tables) for (const key of Object.keys(sums) as (keyof Sums)[]) sums[key] += table[key]
  return sums
}
