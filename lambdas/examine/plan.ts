import type pg from 'pg'
import type { Check } from '../runtime/verdict.ts'
import { ask, several } from './check.ts'
import { both } from './chunk.ts'
import { WHY_HELD } from './held.ts'
import { type Relation, readRelations, titleOf } from './relations.ts'
import type { BlockRange, Cut, PlanAnswer, PlanRequest } from './request.ts'
import { withSession } from './session.ts'
import type { Side } from './side.ts'

/** Bytes of a block: PostgreSQL's default, and the only size that RDS has. */
export const BLOCK = 8192

/** Tables in a batch at most: its answer, a few hundred bytes a table, must fit into a checkpoint of 256 KB. */
const TABLES = 100

/** Stands as `from` of a table that is compared as a whole, row by content. */
export const WHOLE = -1

/**
 * Rows that this server wrote itself: recovery throws the counters away, so they count from its end. A comparison
 * cannot always say so: a row that the copy wrote under an id that the primary gave out too, in the same place and
 * with the same content, is equal.
 */
const OWN_WRITES = `
select
  pg_catalog.quote_ident(s.schemaname) || '.' || pg_catalog.quote_ident(s.relname) as table,
  (s.n_tup_ins + s.n_tup_upd + s.n_tup_del)::pg_catalog.text as rows
from pg_catalog.pg_stat_user_tables s
where s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0
order by 1`

/** A server that was shut down in order before its disk was copied kept its counters, which are then the primary's. */
const COUNTED_ANEW = `
select s.stats_reset > $1::pg_catalog.timestamptz as anew
from pg_catalog.pg_stat_bgwriter s`

/** What is to be compared, in batches of about equal size. A table larger than a batch is cut into block ranges. */
export async function plan(
  request: PlanRequest,
  sides: { readonly primary: Side; readonly copy: Side },
): Promise<PlanAnswer> {
  const [primary, [copy, writes]] = await both(
    withSession(sides.primary, client => readRelations(client, 'primary')),
    withSession(sides.copy, async client => {
      const relations = await readRelations(client, 'copy')
      return [relations, await ownWrites(client, request.cut)] as const
    }),
  )
  const notCompared = [...copy.values()].flatMap(relation => {
    const why = whyNot(relation)
    return why === undefined ? [] : [{ table: titleOf(relation), why }]
  })
  const tables = [...copy.values()].filter(relation => whyNot(relation) === undefined)
  const bytes = tables.reduce((sum, relation) => sum + relation.bytes, 0)
  return {
    checks: [
      summary(tables.length, bytes),
      writes,
      ...notCompared.map(skippedCheck),
      ...tables.flatMap(relation => unloggedSince(relation, primary.get(relation.oid))),
    ],
    batches: cut(tables, primary, batchSize(request, bytes)),
    tables: tables.length,
    bytes,
    notCompared,
  }
}

function batchSize(request: PlanRequest, bytes: number): number {
  return Math.max(request.batchBytes ?? 256 * 1024 * 1024, Math.ceil(bytes / (request.batches ?? 64)))
}

function whyNot(relation: Relation): string | undefined {
  if (relation.kind === 'f') return 'a foreign table: its rows are elsewhere'
  if (relation.held) return WHY_HELD
  if (!relation.populated) return 'a materialized view without data'
  if (relation.persistence === 'u') return 'an unlogged table: it is empty after every recovery'
  return undefined
}

const summary = (tables: number, bytes: number): Check => ({
  name: 'compare.plan',
  verdict: tables > 0 ? 'pass' : 'fail',
  detail: tables > 0 ? `${tables} tables of ${bytes} bytes are to be compared` : 'the copy holds no table',
})

const skippedCheck = ({ table, why }: { table: string; why: string }): Check => ({
  name: `compare.skip.${table}`,
  verdict: 'skipped',
  detail: `${table}: ${why}`,
})

async function ownWrites(client: pg.Client, cut: Cut): Promise<Check> {
  const name = 'compare.own-writes'
  const { rows } = await client.query<{ anew: boolean }>(COUNTED_ANEW, [cut.at])
  if (rows[0]?.anew === true) return ask(client, name, OWN_WRITES, judgeWrites)
  const detail = 'its counters are older than its end: they do not say what it wrote itself'
  return { name, verdict: 'skipped', detail, asked: COUNTED_ANEW.trim() }
}

function judgeWrites(rows: { table: string; rows: string }[]): Pick<Check, 'verdict' | 'detail'> {
  if (rows.length === 0) return { verdict: 'pass', detail: 'the copy wrote no row of its own' }
  const words = rows.map(row => `${row.rows} in ${row.table}`)
  return {
    verdict: 'fail',
    detail: `the copy wrote rows of its own after its recovery: ${several(words)}`,
  }
}

function unloggedSince(copy: Relation, primary: Relation | undefined): Check[] {
  if (primary?.persistence !== 'u') return []
  const table = titleOf(copy)
  const detail = `${table} was made unlogged on the primary since the cut: no backup will hold its rows from then on`
  return [{ name: `compare.unlogged.${table}`, verdict: 'pass', detail }]
}

function cut(
  tables: readonly Relation[],
  primary: ReadonlyMap<number, Relation>,
  size: number,
): BlockRange[][] {
  const batches: BlockRange[][] = []
  let batch: BlockRange[] = []
  let room = size
  const close = () => {
    if (batch.length > 0) batches.push(batch)
    batch = []
    room = size
  }
  for (const relation of [...tables].sort((a, b) => b.bytes - a.bytes)) {
    const blocks = Math.ceil(relation.bytes / BLOCK)
    if (primary.get(relation.oid)?.filenode !== relation.filenode) {
      // In one piece: its rows may lie anywhere on the other side, or nowhere.
      batch.push([relation.oid, WHOLE, null])
      room -= relation.bytes
    } else {
      let from = 0
      while ((blocks - from) * BLOCK > room) {
        const to = from + Math.max(1, Math.floor(room / BLOCK))
        batch.push([relation.oid, from, to])
        from = to
        close()
      }
      batch.push([relation.oid, from, null])
      // Even an empty table costs a question.
      room -= Math.max((blocks - from) * BLOCK, BLOCK)
    }
    if (room <= 0 || batch.length >= TABLES) close()
  }
  close()
  return batches
}
