import { createHash } from 'node:crypto'
import { type Blocks, joinBlocks } from '../runtime/blocks.ts'
import type { FaultySort, Strategy, TableResult } from '../runtime/table-result.ts'
import type { Digest } from './digest.ts'
import type { Relation } from './relations.ts'
import { titleOf } from './relations.ts'

/** How many faults a table names one by one. */
export const NAMED = 10

export type Fault = { readonly ctid: string; readonly xmin: string; readonly kind: FaultySort }

/** What was counted in one piece of one table. Rows of the copy are equal, changed since, corrupt or foreign. */
export type Counts = Pick<
  TableResult,
  | ('rowsPrimary' | 'rowsCopy' | 'equal' | 'changedSince' | 'newSince')
  | ('lost' | 'corrupt' | 'foreign' | 'undated' | 'faults')
> & { readonly changedIn: readonly Blocks[] }

export const NOTHING: Counts = {
  rowsPrimary: 0,
  rowsCopy: 0,
  equal: 0,
  changedSince: 0,
  newSince: 0,
  lost: 0,
  corrupt: 0,
  foreign: 0,
  undated: 0,
  changedIn: [],
  faults: [],
}

/** Both pieces together. */
export function plus(a: Counts, b: Counts): Counts {
  const keys = Object.keys(NOTHING).filter(isNumber)
  const sums = Object.fromEntries(keys.map(key => [key, a[key] + b[key]]))
  return {
    ...NOTHING,
    ...sums,
    changedIn: joinBlocks(a.changedIn, b.changedIn),
    faults: [...a.faults, ...b.faults].slice(0, NAMED),
  }
}

const isNumber = (key: string): key is Exclude<keyof Counts, 'faults' | 'changedIn'> =>
  key !== 'faults' && key !== 'changedIn'

/** A piece that is equal on both sides. */
export const allEqual = (rows: number): Counts => ({
  ...NOTHING,
  rowsPrimary: rows,
  rowsCopy: rows,
  equal: rows,
})

/** Adds up the pieces of one table. */
export type Tally = {
  readonly relation: Relation
  add(at: number, counts: Counts, digest?: Digest): void
  /** Says why something was not compared; `whole` when nothing of the table was. */
  skip(why: string, whole?: boolean): void
  hasDifferences(): boolean
  result(): TableResult
}

export function openTally(relation: Relation, strategy: Strategy): Tally {
  let sum = NOTHING
  const chunks: { at: number; digest: Digest }[] = []
  const reasons = new Set<string>()
  let whole = false
  return {
    relation,
    add(at, counts, digest) {
      sum = plus(sum, counts)
      if (digest) chunks.push({ at, digest })
    },
    skip(why, all = false) {
      reasons.add(why)
      whole ||= all
    },
    hasDifferences: () => sum.equal !== sum.rowsPrimary || sum.equal !== sum.rowsCopy,
    result: () => ({
      table: titleOf(relation),
      oid: relation.oid,
      strategy,
      ...sum,
      notCompared: reasons.size > 0 ? said([...reasons]) : undefined,
      skipped: whole || undefined,
      chunks: chunks.length,
      digest: chainOf(chunks),
    }),
  }
}

/** Reasons that a result names: a file that no block can be read of has one for each. */
const REASONS = 5

function said(reasons: readonly string[]): string {
  const more = reasons.length - REASONS
  return [...reasons.slice(0, REASONS), ...(more > 0 ? [`and ${more} reasons more`] : [])].join('; ')
}

function chainOf(chunks: { at: number; digest: Digest }[]): string {
  const lines = chunks
    .sort((a, b) => a.at - b.at)
    .map(({ at, digest }) => `${at}:${digest.count}:${digest.sum0}:${digest.sum1}\n`)
  return createHash('sha256').update(lines.join('')).digest('hex')
}
