import type pg from 'pg'
import Postgrator from 'postgrator'
import { MIGRATIONS } from '../../sql/migrations.ts'
import { Refusal, sentence } from '../runtime/failure.ts'

/** Held by the session that migrates; any bigint that nobody else takes. */
const LOCK = '7310868735423870318'

/** The database is at `version`; `applied` names what this run added, nothing on a second run. */
export type Migrated = {
  readonly version: number
  readonly applied: readonly string[]
  /** What changed in, or is missing from, the set of archived tables; a line each. */
  readonly archive: readonly string[]
}

export type MigrateOptions = {
  /** `schema.table`, `schema.*` or `*.*` patterns of the archive, as the session setting `holdfast.archive_tables` (JSON). */
  readonly archiveTables?: readonly string[]
  /** Milliseconds that a statement may take. @default 600_000 */
  readonly statementTimeout?: number
  /** A folder with migrations. @default Holdfast's own */
  readonly folder?: string
}

/**
 * Brings the database to the newest version of the `holdfast` schema. Many callers at once take turns on an advisory
 * lock, so that each finds the work of the one before done. Each file runs in its own transaction: a failing file
 * leaves nothing of itself behind, and the next run begins with it.
 * @throws Refusal `MigrationFailed` naming the file's error.
 */
export async function migrate(client: pg.Client, options: MigrateOptions = {}): Promise<Migrated> {
  await client.query('select pg_catalog.pg_advisory_lock($1)', [LOCK])
  try {
    await prepare(client, options)
    const migrated = await apply(client, options.folder ?? MIGRATIONS)
    return { ...migrated, archive: await followTables(client, options.archiveTables ?? []) }
  } finally {
    await client.query('select pg_catalog.pg_advisory_unlock($1)', [LOCK])
  }
}

async function prepare(client: pg.Client, options: MigrateOptions): Promise<void> {
  // A migration waits for a lock only briefly: behind a waiting DDL statement the whole workload would queue.
  await client.query(`set lock_timeout = '10s'`)
  await client.query(`set statement_timeout = ${options.statementTimeout ?? 600_000}`)
  await client.query(`set client_min_messages = warning`)
  await client.query('select pg_catalog.set_config($1, $2, false)', [
    'holdfast.archive_tables',
    JSON.stringify(options.archiveTables ?? []),
  ])
  await client.query('create schema if not exists holdfast')
}

async function apply(client: pg.Client, folder: string): Promise<Omit<Migrated, 'archive'>> {
  const postgrator = new Postgrator({
    migrationPattern: `${folder}*.sql`,
    driver: 'pg',
    database: client.database ?? '',
    schemaTable: 'holdfast.migration',
    newline: 'LF',
    execQuery: query => client.query(query),
    execSqlScript: script => inTransaction(client, script),
  })
  try {
    const applied = await postgrator.migrate()
    return { version: await postgrator.getDatabaseVersion(), applied: applied.map(file => file.name) }
  } catch (cause) {
    throw new Refusal(
      'MigrationFailed',
      `a migration failed: ${sentence(cause)}`,
      'what it began is rolled back; remove the cause and deploy again',
      { cause },
    )
  }
}

/** The patterns may change without a migration: the publications follow them every time. */
async function followTables(client: pg.Client, patterns: readonly string[]): Promise<readonly string[]> {
  const known = await client.query(
    "select pg_catalog.to_regprocedure('holdfast.set_archive_tables(text[])') is not null as known",
  )
  if (known.rows[0]?.known !== true) return []
  const { rows } = await client.query('select thing, done, detail from holdfast.set_archive_tables($1)', [
    patterns,
  ])
  return rows.map(row => `${row.thing}: ${row.detail}`)
}

async function inTransaction(client: pg.Client, script: string): Promise<void> {
  await client.query('begin')
  try {
    await client.query(script)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => {
      // The connection is gone; the error that ended it is the one to tell.
    })
    throw error
  }
}
