import type pg from 'pg'
import { BELL } from '../archiver/names.ts'
import { digestTable, prepareReading } from './digest.ts'
import { countOutside, listOutside } from './outside.ts'
import type { FingerprintAnswer } from './request.ts'

/** Digests of all archived tables of the primary, as one snapshot sees them; see FingerprintRequest. */
export async function fingerprint(client: pg.Client): Promise<FingerprintAnswer> {
  await prepareReading(client)
  await client.query('begin isolation level repeatable read read only')
  try {
    // The snapshot is taken by the first statement, so the position in the second is beyond all that it sees.
    const seen = await client.query('select pg_catalog.pg_current_snapshot()::text as snapshot')
    const place = await client.query(
      `select pg_catalog.pg_current_wal_insert_lsn()::text as lsn,
         pg_catalog.to_char(pg_catalog.clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
         (pg_catalog.pg_control_system()).system_identifier::text as "systemIdentifier"`,
    )
    const { rows: tables } = await client.query(
      `select format('%I.%I', t.schema, t.name) as name, p.pubname as publication
       from holdfast.archive_table t
       left join (
         pg_catalog.pg_publication_rel r
         join pg_catalog.pg_publication p on p.oid = r.prpubid and p.pubname like 'holdfast\\_archive%'
       ) on r.prrelid = t.oid
       order by t.schema, t.name`,
    )
    const outside = await listOutside(client)
    const digests = []
    for (const { name } of tables) digests.push(await digestTable(client, name))
    return {
      ...seen.rows[0],
      ...place.rows[0],
      tables: digests,
      incomplete: tables.flatMap(incompleteOf),
      outside: await countOutside(client, outside),
    }
  } finally {
    await client.query('rollback')
    // The roll-forward will wait for what this saw: let the archiver not wait as well. A replica has no archiver.
    await client.query('select pg_catalog.pg_notify($1, $2) where not pg_catalog.pg_is_in_recovery()', [
      BELL,
      '',
    ])
  }
}

function incompleteOf({ name, publication }: { name: string; publication: string | null }) {
  if (publication === null) return [{ table: name, reason: 'it is in no publication' }]
  if (publication === 'holdfast_archive_inserts')
    return [{ table: name, reason: 'only its inserts are archived' }]
  return []
}
