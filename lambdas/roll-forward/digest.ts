import type pg from 'pg'
import { liftLimits } from './limits.ts'
import type { TableDigest } from './request.ts'

/** Rows must read alike on both sides, whatever the databases' own settings are; row security must not hide any. */
const SESSION = `
set row_security = off;
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set intervalstyle = 'postgres';
set extra_float_digits = 3;
set bytea_output = 'hex';
set xmlbinary = 'base64';
set lc_monetary = 'C';
set search_path = pg_catalog`

/** After our own views were read: from now on no view and no foreign table answers in this session. */
export const restrictReading = (client: pg.Client) =>
  client.query("set restrict_nonsystem_relation_kind = 'view, foreign-table'")

export async function prepareReading(client: pg.Client): Promise<void> {
  await liftLimits(client)
  for (const statement of SESSION.split(';')) await client.query(statement)
}

/**
 * Counts and hashes every row of a table, as text: a number's scale and a float's sign count. Sums of two hashes with
 * different seeds do not depend on the order of the rows, and a row that is there twice counts twice.
 * @param table with its schema, quoted by PostgreSQL where needed
 */
export async function digestTable(client: pg.Client, table: string): Promise<TableDigest> {
  await restrictReading(client)
  // A record writes its row out. The table's own type could be cast to text by a function of whoever owns the table,
  // which would run with the reader's rights; so could a view's or another server's that took the table's name since.
  // offset 0: the text of a row is made once for both hashes.
  const { rows } = await client.query(
    `select count(*)::text as rows,
       coalesce(sum(pg_catalog.hashtextextended(whole, 0)), 0)::text as sum0,
       coalesce(sum(pg_catalog.hashtextextended(whole, 1)), 0)::text as sum1
     from (select row(t.*)::pg_catalog.text as whole from only ${table} as t offset 0) as r`,
  )
  return { table, ...rows[0] }
}
