import { sentence, Transient } from '../runtime/failure.ts'
import { judgeTables } from '../runtime/table-result.ts'
import { asked, type Chunk, compareChunks, SideError } from './chunk.ts'
import { type History, readHistory } from './history.ts'
import { blocksOf, type Catalog, type Job, jobsOf, joined, rangesOf, readCatalog } from './jobs.ts'
import { compareDropped, compareWhole } from './multiset.ts'
import { BLOCK, WHOLE } from './plan.ts'
import { address, hashesOf, hashingOf, type Relation, readRelations, titleOf } from './relations.ts'
import type { BlockRange, CompareAnswer, CompareRequest } from './request.ts'
import type { Lane } from './rows.ts'
import { openSession } from './session.ts'
import type { Side } from './side.ts'
import { NOTHING, openTally, type Tally } from './tally.ts'

type Work = {
  readonly catalog: Catalog
  readonly history: History
  readonly tallies: Map<number, Tally>
  readonly rest: BlockRange[]
}

/**
 * Compares one batch of block ranges. Every statement has a snapshot of its own, which the rule allows because it
 * judges each row by itself; so nothing holds the primary's horizon for longer than one statement.
 * @throws Transient `SideLost` when a server went away: the same request can be made again
 */
export async function compare(
  request: CompareRequest,
  sides: { readonly primary: Side; readonly copy: Side },
): Promise<CompareAnswer> {
  const lanes: Lane[] = []
  try {
    for (let at = 0; at < (request.concurrency ?? 2); at += 1) lanes.push(await openLane(sides))
    const [first] = lanes
    if (!first) throw new Error('concurrency must be at least 1')
    return await compareOver(lanes, first, request)
  } catch (error) {
    if (isLost(error))
      throw new Transient('SideLost', `the ${(error as SideError).side} went away`, { cause: error })
    throw error
  } finally {
    await Promise.allSettled(lanes.flatMap(lane => [lane.primary.end(), lane.copy.end()]))
  }
}

async function openLane(sides: { readonly primary: Side; readonly copy: Side }): Promise<Lane> {
  const primary = await openSession(sides.primary)
  try {
    return { primary, copy: await openSession(sides.copy, { statementTimeout: 600_000 }) }
  } catch (error) {
    await primary.end()
    throw error
  }
}

async function compareOver(
  lanes: readonly Lane[],
  first: Lane,
  request: CompareRequest,
): Promise<CompareAnswer> {
  const end = Date.now() + (request.budgetMs ?? 600_000)
  const tables = [...new Set(request.batch.map(([table]) => table))]
  const catalog = await readCatalog(first, tables)
  const { jobs, redo, leftOut } = jobsOf(request.batch, catalog)
  const work: Work = {
    catalog,
    history: await readHistory(first.primary, first.copy, request.boundary, request.cut),
    tallies: new Map(),
    rest: [...redo],
  }
  for (const [table, reasons] of leftOut) {
    const tally = tallyOf(work, table, 'tid')
    for (const why of reasons) tally.skip(why)
  }
  let blocks = 0
  await Promise.all(
    lanes.map(async lane => {
      for (let job = jobs.shift(); job; job = jobs.shift()) {
        if (Date.now() > end) work.rest.push(...rangesOf(job))
        else {
          await run(lane, job, work)
          blocks += job.blocks
        }
      }
    }),
  )
  await redoRewritten(first, work)
  const results = [...work.tallies.values()].map(tally => tally.result())
  // The results themselves are in `tables`: twice would not fit into a checkpoint.
  const checks = judgeTables(results).map(({ answer: _, ...check }) => check)
  return { checks, tables: results, rest: joined(work.rest), bytes: blocks * BLOCK }
}

function tallyOf(work: Work, table: number, strategy: 'tid' | 'multiset'): Tally {
  const known = work.tallies.get(table)
  if (known) return known
  const copy = work.catalog.copy.get(table)
  if (!copy) throw new Error(`the copy has no table with oid ${table}`)
  const tally = openTally(copy, strategy)
  work.tallies.set(table, tally)
  return tally
}

async function run(lane: Lane, job: Job, work: Work): Promise<void> {
  if (job.kind === 'chunks') return runChunks(lane, job.chunks, work)
  const copy = work.catalog.copy.get(job.table)
  if (!copy) return
  const tally = tallyOf(work, job.table, 'multiset')
  const primary = work.catalog.primary.get(job.table)
  try {
    if (primary) await runWhole(lane, primary, copy, tally, work)
    else {
      tally.skip('dropped or without data on the primary since the cut')
      const hashes = hashesOf(
        hashingOf(copy, copy, { primary: work.catalog.types.copy, copy: work.catalog.types.copy }).copy,
      )
      const found = await compareDropped(lane, {
        copy: { address: address(copy), hashes },
        blocksCopy: blocksOf(copy),
      })
      tally.add(0, found.counts, found.digest)
    }
  } catch (error) {
    if (!(error instanceof SideError) || isLost(error)) throw error
    if (isMoved(error)) {
      work.tallies.delete(job.table)
      work.rest.push([job.table, WHOLE, null])
      return
    }
    if (error.side === 'copy' && isDamage(error)) tally.add(0, corruptAt('(?,?)', 1))
    tally.skip(`${error.side}: ${sentence(error.cause)}`, true)
  }
}

const SIZE = 'select coalesce(pg_catalog.pg_relation_size($1::pg_catalog.oid), 0) as bytes'

async function runWhole(
  lane: Lane,
  primary: Relation,
  copy: Relation,
  tally: Tally,
  work: Work,
): Promise<void> {
  const hashing = hashingOf(primary, copy, work.catalog.types, true)
  for (const why of hashing.leftOut) tally.skip(why)
  const size = await asked('primary', lane.primary.query(SIZE, [primary.oid]))
  const { counts, digest, refreshed } = await compareWhole(lane, work.history, {
    primary: { address: address(primary), hashes: hashesOf(hashing.primary) },
    copy: { address: address(copy), hashes: hashesOf(hashing.copy) },
    blocksPrimary: Math.ceil(Number(size.rows[0].bytes) / BLOCK),
    blocksCopy: blocksOf(copy),
    derived: copy.kind === 'm',
    filedAt: wasEmptied(primary, copy) ? 0 : work.history.onPrimary(primary.catalogXmin),
  })
  if (refreshed) tally.skip('refreshed on the primary since: what it held at the cut is not known there')
  tally.add(0, counts, digest)
}

/** TRUNCATE gives a TOAST table another file too; whatever carries rows over gives the table another TOAST table. */
const wasEmptied = (primary: Relation, copy: Relation) =>
  copy.toast[0] !== 0 && primary.toast[0] === copy.toast[0] && primary.toast[1] !== copy.toast[1]

async function runChunks(lane: Lane, chunks: readonly Chunk[], work: Work): Promise<void> {
  try {
    for (const { chunk, counts, digest } of await compareChunks(lane, work.history, chunks))
      work.tallies.get(chunk.table)?.add(chunk.from, counts, digest)
  } catch (error) {
    if (!(error instanceof SideError) || isLost(error)) throw error
    const [chunk] = chunks
    if (chunk && chunks.length === 1) return runTroubled(lane, chunk, error, work)
    for (const one of chunks) await runChunks(lane, [one], work)
  }
}

/** SQLSTATE class XX is "internal error, data corrupted", 58 a file that cannot be read. */
const isDamage = (error: SideError) => /^(XX|58)/.test(error.code)

/** No SQLSTATE, class 08 or a shutdown: the server or the network went away. */
const isLost = (error: unknown) => error instanceof SideError && /^($|08|57P)/.test(error.code)

/**
 * A table or a column that went away between the look at the catalog and the look at the rows, or a lock that DDL
 * holds: the range goes back to the caller, whose next call looks at the catalog anew.
 */
const isMoved = (error: SideError) =>
  ['42P01', '42703', '3F000', '42704', '55P03', '40P01', '40001'].includes(error.code)

const TIMEOUT = '57014'

async function runTroubled(lane: Lane, chunk: Chunk, error: SideError, work: Work): Promise<void> {
  const tally = work.tallies.get(chunk.table)
  if (!tally) throw error
  if (isMoved(error)) {
    work.rest.push([chunk.table, chunk.from, chunk.to])
    return
  }
  const halvable = chunk.blocks > 1
  if (halvable && (error.code === TIMEOUT || (error.side === 'copy' && isDamage(error)))) {
    const middle = chunk.from + Math.floor(chunk.blocks / 2)
    await runChunks(lane, [{ ...chunk, to: middle, blocks: middle - chunk.from }], work)
    await runChunks(lane, [{ ...chunk, from: middle, blocks: chunk.blocks - (middle - chunk.from) }], work)
    return
  }
  const why = `${error.side}, block ${chunk.from}: ${sentence(error.cause)}`
  if (error.side === 'copy' && isDamage(error)) {
    tally.add(chunk.from, corruptAt(`(${chunk.from},*)`, await rowsThere(lane, chunk)))
    tally.skip(why)
  } else tally.skip(why, true)
}

const corruptAt = (ctid: string, rows: number) => ({
  ...NOTHING,
  rowsPrimary: rows,
  rowsCopy: rows,
  corrupt: rows,
  faults: [{ ctid, xmin: '?', kind: 'corrupt' as const }],
})

/** Rows that the primary has in an unreadable block of the copy, at least 1: the block itself. */
async function rowsThere(lane: Lane, chunk: Chunk): Promise<number> {
  const { rows } = await lane.primary.query(
    `select count(*) as rows from only ${chunk.primary.address} t where t.ctid >= $1::pg_catalog.tid and t.ctid < $2::pg_catalog.tid`,
    [`(${chunk.from},0)`, `(${chunk.from + 1},0)`],
  )
  return Math.max(1, Number(rows[0].rows))
}

/**
 * A table that was rewritten while it was read has its rows elsewhere, one that was renamed left its name to another, and
 * so does a column: what was found of it counts for nothing.
 */
async function redoRewritten(lane: Lane, work: Work): Promise<void> {
  const differing = [...work.tallies.values()].filter(tally => tally.hasDifferences())
  const tables = differing.map(tally => tally.relation.oid)
  if (tables.length === 0) return
  const now = await readRelations(lane.primary, 'primary', tables)
  for (const table of tables) {
    const before = work.catalog.primary.get(table)
    const after = now.get(table)
    if (!before || (after && shapeOf(before) === shapeOf(after))) continue
    work.tallies.delete(table)
    work.rest.push([table, WHOLE, null])
  }
}

const shapeOf = (relation: Relation) =>
  JSON.stringify([
    relation.filenode,
    titleOf(relation),
    relation.columns.map(({ number, name, type, typmod }) => [number, name, type, typmod]),
  ])
