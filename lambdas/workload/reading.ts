import type { Client } from 'pg'
import { Refusal } from '../runtime/failure.ts'
import type { Counters } from './latency.ts'

/** Counters at one moment. */
export type Reading = {
  readonly statements: ReadonlyMap<string, Counters>
  readonly committed: number
  readonly rolledBack: number
}

/** What has no interval. */
export type State = {
  readonly lockWaits: number
  readonly connectionsPercent: number
  readonly tableBloatPercent: number
  readonly indexBloatPercent: number
  readonly wraparoundPercent: number
  /** Of the ids that rows locked by several transactions share; they run out apart from the transactions' own. */
  readonly multixactPercent: number
  /** Of max_replication_slots, whoever made them. */
  readonly slotsPercent: number
}

/** Tables with fewer rows are rewritten by one vacuum and say nothing. */
const LARGE_TABLE = 10_000

/** @throws Refusal `NoStatements` when pg_stat_statements is not there to be read */
export async function takeReading(client: Client): Promise<Reading> {
  const where = await client.query<{ schema: string }>(
    `select pg_catalog.quote_ident(n.nspname) as schema
     from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'pg_stat_statements'`,
  )
  const schema = where.rows[0]?.schema
  if (schema === undefined)
    throw new Refusal(
      'NoStatements',
      'extension pg_stat_statements is not in this database',
      'run the migrate function: it creates it',
    )
  const { rows } = await client.query<{
    id: string
    query: string
    calls: string
    total: number
    squares: number
  }>(
    `select userid || '/' || queryid || '/' || toplevel as id, pg_catalog.left(query, 400) as query, calls,
            total_exec_time as total, stddev_exec_time ^ 2 * calls as squares
     from ${schema}.pg_stat_statements
     where dbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
       and userid <> (select oid from pg_catalog.pg_roles where rolname = current_user)`,
  )
  const database = await client.query<{ committed: string; undone: string }>(
    `select xact_commit as committed, xact_rollback as undone
     from pg_catalog.pg_stat_database where datname = pg_catalog.current_database()`,
  )
  return {
    statements: new Map(
      rows.map(row => [
        row.id,
        { query: row.query, calls: Number(row.calls), total: row.total, sumOfSquares: row.squares },
      ]),
    ),
    committed: Number(database.rows[0]?.committed),
    rolledBack: Number(database.rows[0]?.undone),
  }
}

/** Locks, connections, bloat and the distance to transaction id wraparound, now. */
export async function readState(client: Client): Promise<State> {
  const { rows } = await client.query<Record<keyof State, string>>(
    `select
       (select count(*) from pg_catalog.pg_stat_activity where wait_event_type = 'Lock') as "lockWaits",
       (select 100.0 * count(*) / pg_catalog.current_setting('max_connections')::int
        from pg_catalog.pg_stat_activity where backend_type = 'client backend') as "connectionsPercent",
       (select coalesce(max(100.0 * n_dead_tup / (n_live_tup + n_dead_tup)), 0)
        from pg_catalog.pg_stat_user_tables where n_live_tup + n_dead_tup > $1) as "tableBloatPercent",
       (select coalesce(max(100.0 * greatest(0, pages - wanted_pages) / pages), 0) from holdfast.index_bloat()) as "indexBloatPercent",
       (select max(100.0 * pg_catalog.age(datfrozenxid) / 2147483648) from pg_catalog.pg_database) as "wraparoundPercent",
       (select max(100.0 * pg_catalog.mxid_age(datminmxid) / 2147483648) from pg_catalog.pg_database) as "multixactPercent",
       (select 100.0 * count(*) / greatest(1, pg_catalog.current_setting('max_replication_slots')::int)
        from pg_catalog.pg_replication_slots) as "slotsPercent"`,
    [LARGE_TABLE],
  )
  const row = rows[0]
  if (row === undefined) throw new Error('the statistics views answered nothing')
  return {
    lockWaits: Number(row.lockWaits),
    connectionsPercent: Number(row.connectionsPercent),
    tableBloatPercent: Number(row.tableBloatPercent),
    indexBloatPercent: Number(row.indexBloatPercent),
    wraparoundPercent: Number(row.wraparoundPercent),
    multixactPercent: Number(row.multixactPercent),
    slotsPercent: Number(row.slotsPercent),
  }
}
