import type pg from 'pg'
import type { SequenceValue } from '../runtime/segment/header.ts'

/**
 * Puts the copy's sequences where the primary's were when the last segment was sealed, which is at or after the last
 * change: a sequence may stand ahead of its rows, never behind.
 */
export async function setSequences(client: pg.Client, sequences: readonly SequenceValue[]): Promise<void> {
  const given = sequences.filter(sequence => sequence.last !== null)
  await client.query(
    `select pg_catalog.setval(s.oid, v.last::bigint, true)
     from pg_catalog.jsonb_to_recordset($1::jsonb) as v(schema text, name text, last text)
     join pg_catalog.pg_namespace n on n.nspname = v.schema
     join pg_catalog.pg_class s on s.relnamespace = n.oid and s.relname = v.name and s.relkind = 'S'`,
    [JSON.stringify(given)],
  )
}
