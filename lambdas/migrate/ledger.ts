import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import type { MigrationFile } from './files.ts'
import { again } from './turn.ts'

/** What a run did: the newest version there is now, and the names of the files that it applied. */
export type Run = { readonly version: number; readonly applied: readonly string[] }

/** Makes the table of what was applied, whoever of many first runs comes first. */
export async function ensureLedger(client: pg.Client): Promise<void> {
  await again(() =>
    client.query(`create table if not exists holdfast.migration (
      version pg_catalog.int8 primary key, name pg_catalog.text, md5 pg_catalog.text, run_at pg_catalog.timestamptz)`),
  )
}

/**
 * Applies what is missing, in the order of the numbers. A file and its line in the ledger are there together or not at
 * all. A database gets the files in one order only, which is the one that they were tested in: what sorts before the
 * newest applied, or a database that newer code has migrated, is refused before anything is done.
 * @throws Refusal `MigrationEdited`, `MigrationLate`, `DatabaseNewer`; the error of the file that failed, those before it
 * being committed
 */
export async function applyFiles(client: pg.Client, files: readonly MigrationFile[]): Promise<Run> {
  const known = await readLedger(client)
  for (const { version, md5 } of files) {
    const was = known.get(version)
    if (was != null && was !== md5) throw edited(version)
  }
  const applied = Math.max(0, ...known.keys())
  if (applied > Math.max(0, ...files.map(file => file.version))) throw newer(applied, files)
  const missing = files.filter(({ version }) => !known.has(version))
  if (missing[0] !== undefined && missing[0].version < applied) throw late(missing[0], applied)
  if (missing.length > 0) await giveStatementsAHome(client)
  for (const { version, name, md5, sql } of missing) {
    await client.query('savepoint file')
    try {
      await client.query(sql)
      await client.query(
        'insert into holdfast.migration (version, name, md5, run_at) values ($1, $2, $3, $4)',
        [version, name, md5, new Date()],
      )
    } catch (error) {
      // Those before it count. Should the connection be gone, the error that ended it is the one to tell.
      await client.query('rollback to savepoint file; commit; begin').catch(() => {})
      throw error
    }
  }
  const newest = Math.max(applied, ...missing.map(file => file.version))
  return { version: newest, applied: missing.map(file => file.name) }
}

async function readLedger(client: pg.Client): Promise<ReadonlyMap<number, string | null>> {
  const { rows } = await client.query('select version::pg_catalog.text, md5 from holdfast.migration')
  return new Map(rows.map(row => [Number(row.version), row.md5]))
}

/** A merged file makes this extension without naming a schema, and the pinned search_path has none for it. */
async function giveStatementsAHome(client: pg.Client): Promise<void> {
  const { rows } = await client.query("select pg_catalog.to_regnamespace('public') is not null as there")
  const schema = rows[0]?.there === true ? 'public' : 'holdfast'
  await client.query(`create extension if not exists pg_stat_statements with schema ${schema}`)
}

function edited(version: number): Refusal {
  return new Refusal(
    'MigrationEdited',
    `migration ${version} was edited after it was applied`,
    'put the file back as it was, and make the change in a new one',
  )
}

function late({ version, name }: MigrationFile, applied: number): Refusal {
  return new Refusal(
    'MigrationLate',
    `migration ${version} (${name}) was never applied, and the database is at ${applied} already`,
    `give that file a number above ${applied}, then deploy again`,
  )
}

function newer(applied: number, files: readonly MigrationFile[]): Refusal {
  return new Refusal(
    'DatabaseNewer',
    `the database is at migration ${applied}, and this code ends at ${files.at(-1)?.version ?? 0}: newer code has migrated it`,
    'deploy that newer version, or one after it',
  )
}
