import type pg from 'pg'

/** Tables that one transaction brings into the publications, where that shuts nobody out of them. */
const MOST = 50

/**
 * The tables that are not archived as they should be, in the pieces in which to follow them: one that must be locked
 * goes alone, so that no lock is held longer than its own statement takes.
 */
export async function readPending(client: pg.Client): Promise<readonly (readonly string[])[]> {
  const { rows } = await client.query('select relation::text, locks from holdfast.archive_pending()')
  const free = rows.filter(row => !row.locks).map(row => row.relation as string)
  const pieces: string[][] = []
  for (let start = 0; start < free.length; start += MOST) pieces.push(free.slice(start, start + MOST))
  return [...pieces, ...rows.filter(row => row.locks).map(row => [row.relation])]
}

/** Follows the tables of these oids, and answers a line for each change and for each thing that could not be done. */
export async function followPiece(client: pg.Client, tables: readonly string[]): Promise<readonly string[]> {
  const { rows } = await client.query(
    'select thing, detail from holdfast.follow_tables($1::pg_catalog.oid[])',
    [tables],
  )
  return rows.map(row => `${row.thing}: ${row.detail}`)
}
