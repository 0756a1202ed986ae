import type { Chunk } from './chunk.ts'
import { both } from './chunk.ts'
import { BLOCK, WHOLE } from './plan.ts'
import {
  address,
  type Hashing,
  hashingOf,
  type Relation,
  readColumnTypes,
  readRelations,
  versionHashes,
} from './relations.ts'
import type { BlockRange } from './request.ts'
import type { Lane } from './rows.ts'
import type { TypeRow } from './types.ts'

/** Blocks in one statement: 32 MB, about a tenth of a second. */
const CHUNK = 4096

/** Tables in one statement: with thousands of small ones, round trips would cost more than rows. */
const TOGETHER = 50

/** Both sides' tables of one batch, by oid. */
export type Catalog = {
  readonly primary: ReadonlyMap<number, Relation>
  readonly copy: ReadonlyMap<number, Relation>
  readonly types: {
    readonly primary: ReadonlyMap<number, TypeRow>
    readonly copy: ReadonlyMap<number, TypeRow>
  }
}

/** One statement on each side, or one table that is looked at as a whole. `blocks` are the copy's. */
export type Job =
  | { readonly kind: 'chunks'; readonly chunks: readonly Chunk[]; readonly blocks: number }
  | { readonly kind: 'whole'; readonly table: number; readonly blocks: number }
  | { readonly kind: 'dropped'; readonly table: number; readonly blocks: number }

/** Reads the tables and the types of their columns on both sides. */
export async function readCatalog(lane: Lane, tables: readonly number[]): Promise<Catalog> {
  const [primary, copy] = await both(
    readRelations(lane.primary, 'primary', tables),
    readRelations(lane.copy, 'copy', tables),
  )
  const [theirs, mine] = await both(
    readColumnTypes(lane.primary, primary.values()),
    readColumnTypes(lane.copy, copy.values()),
  )
  return { primary, copy, types: { primary: theirs, copy: mine } }
}

/** Blocks of the relation's file in the copy. */
export const blocksOf = (relation: Relation) => Math.ceil(relation.bytes / BLOCK)

/** What a batch comes to. `redo` are tables that must be asked for again as a whole, `leftOut` columns by table. */
export type Jobs = {
  readonly jobs: Job[]
  readonly redo: readonly BlockRange[]
  readonly leftOut: ReadonlyMap<number, readonly string[]>
}

/** Cuts the ranges into statements, the largest first. @throws Error when the copy lacks a table that was planned */
export function jobsOf(batch: readonly BlockRange[], catalog: Catalog): Jobs {
  const jobs: Job[] = []
  const chunks: Chunk[] = []
  const redo: BlockRange[] = []
  const leftOut = new Map<number, readonly string[]>()
  for (const [table, from, to] of batch) {
    const copy = catalog.copy.get(table)
    const primary = catalog.primary.get(table)
    if (!copy) throw new Error(`the copy has no table with oid ${table}`)
    const kind = primary ? 'whole' : 'dropped'
    if (from === WHOLE) jobs.push({ kind, table, blocks: blocksOf(copy) })
    // A part of a table that was dropped or rewritten meanwhile: the whole of it must be looked at anew.
    else if (primary?.filenode !== copy.filenode) redo.push([table, WHOLE, null])
    else {
      const hashing = hashingOf(primary, copy, catalog.types)
      leftOut.set(table, hashing.leftOut)
      chunks.push(...chunksOf(copy, primary, hashing, [from, to]))
    }
  }
  return { jobs: [...grouped(chunks), ...jobs].sort((a, b) => b.blocks - a.blocks), redo, leftOut }
}

function chunksOf(
  copy: Relation,
  primary: Relation,
  hashing: Hashing,
  [from, to]: readonly [number, number | null],
): Chunk[] {
  const common = {
    table: copy.oid,
    primary: { address: address(primary), hashes: versionHashes(hashing.primary) },
    copy: { address: address(copy), hashes: versionHashes(hashing.copy) },
  }
  const end = to ?? Math.max(blocksOf(copy), from)
  const chunks: Chunk[] = []
  for (let at = from; at < end || at === from; at += CHUNK) {
    const last = at + CHUNK >= end
    chunks.push({ ...common, from: at, to: last ? to : at + CHUNK, blocks: Math.min(CHUNK, end - at) })
  }
  return chunks
}

function grouped(chunks: readonly Chunk[]): Job[] {
  const jobs: Job[] = []
  let group: Chunk[] = []
  let blocks = 0
  for (const chunk of chunks) {
    if (group.length > 0 && (blocks + chunk.blocks > CHUNK || group.length === TOGETHER)) {
      jobs.push({ kind: 'chunks', chunks: group, blocks })
      group = []
      blocks = 0
    }
    group.push(chunk)
    blocks += chunk.blocks
  }
  if (group.length > 0) jobs.push({ kind: 'chunks', chunks: group, blocks })
  return jobs
}

/** The ranges of a job that was not begun. */
export const rangesOf = (job: Job): BlockRange[] =>
  job.kind === 'chunks'
    ? job.chunks.map(chunk => [chunk.table, chunk.from, chunk.to] as const)
    : [[job.table, job.kind === 'whole' ? WHOLE : 0, null]]

/** Neighbouring ranges of a table as one, and each whole table once. */
export function joined(ranges: readonly BlockRange[]): BlockRange[] {
  const whole = new Set(ranges.filter(range => range[1] === WHOLE).map(range => range[0]))
  const parts = ranges.filter(range => !whole.has(range[0])).sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const result: BlockRange[] = [...whole].map(table => [table, WHOLE, null])
  for (const part of parts) {
    const last = result.at(-1)
    if (last && last[0] === part[0] && last[2] === part[1])
      result[result.length - 1] = [last[0], last[1], part[2]]
    else result.push(part)
  }
  return result
}
