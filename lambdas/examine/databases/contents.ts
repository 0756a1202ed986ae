import type pg from 'pg'
import type { Holding } from '../../runtime/holding.ts'

/** Bytes of a table that is counted row by row; of a larger one PostgreSQL's own estimate stands for the count. */
const COUNTED = 1024 ** 3

/** What holds rows of users: a materialized view and an unlogged table too, if anything is in them. */
const TABLES = `
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
  coalesce(pg_catalog.pg_relation_size(c.oid), 0)::pg_catalog.float8 as bytes,
  c.reltuples::pg_catalog.float8 as estimate
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and c.relispopulated
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1`

const LARGE_OBJECTS = 'select count(*)::pg_catalog.float8 as rows from pg_catalog.pg_largeobject_metadata'

/**
 * Counts the rows of every table of a database, in a pinned session. A table's size says nothing: what was deleted keeps
 * its pages.
 * @param end milliseconds since the epoch after which tables are no longer counted
 * @throws what the server answers where one cannot be read
 */
export async function countRows(client: pg.Client, end: number): Promise<Holding> {
  const { rows: listed } = await client.query<{ name: string; bytes: number; estimate: number }>(TABLES)
  const large = await client.query<{ rows: number }>(LARGE_OBJECTS)
  const objects = large.rows[0]?.rows ?? 0
  let holding: Holding = { tables: objects > 0 ? 1 : 0, rows: objects, counted: true }
  for (const { name, bytes, estimate } of listed) {
    const exact = bytes <= COUNTED && Date.now() < end
    const rows = exact ? await count(client, name) : await atLeast(client, name, estimate)
    if (rows === 0) continue
    holding = {
      tables: holding.tables + 1,
      rows: holding.rows + rows,
      counted: holding.counted && exact,
    }
  }
  return holding
}

async function count(client: pg.Client, name: string): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `select count(*)::pg_catalog.float8 as n from only ${name}`,
  )
  return rows[0]?.n ?? 0
}

/** That there is a row at all is asked; how many there are is PostgreSQL's guess. */
async function atLeast(client: pg.Client, name: string, estimate: number): Promise<number> {
  const { rowCount } = await client.query(`select from only ${name} limit 1`)
  return rowCount === 0 ? 0 : Math.max(1, estimate)
}
