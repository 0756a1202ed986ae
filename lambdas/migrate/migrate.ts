import type pg from 'pg'
import { MIGRATIONS } from '../../sql/migrations.ts'
import { Refusal, sentence } from '../runtime/failure.ts'
import { followPiece, readPending } from '../runtime/follow-tables.ts'
import { readFiles } from './files.ts'
import { applyFiles, ensureLedger, type Run } from './ledger.ts'
import { ensureSchema, refuseStrangers } from './owner.ts'
import { pinSession } from './session.ts'
import { withTurn } from './turn.ts'

/** The database is at `version`; `applied` names what this run added, nothing on a second run. */
export type Migrated = Run & {
  /** What changed in, or is missing from, the set of archived tables; a line each. */
  readonly archive: readonly string[]
}

export type MigrateOptions = {
  /** `schema.table`, `schema.*` or `*.*` patterns of the archive, as the session setting `holdfast.archive_tables` (JSON). */
  readonly archiveTables?: readonly string[]
  /** Milliseconds that a statement may take. @default 600_000 */
  readonly statementTimeout?: number
  /** Milliseconds to wait for another run to end. @default 120_000 */
  readonly patience?: number
  /** A folder with migrations. @default Holdfast's own */
  readonly folder?: string
}

/**
 * Brings the database to the newest version of the `holdfast` schema. Callers take turns, so that each finds the work of
 * the one before done. A failing file leaves nothing of itself behind, those before it stay, and the next run begins
 * with it. Whatever the database, its owner or its roles say, the session means PostgreSQL's own names and operators.
 * @throws Refusal `ForeignSchema` when the schema or something in it, or one of Holdfast's roles, is not the caller's;
 * `MigrationBusy` naming who has the turn; `MigrationEdited`, `MigrationLate`, `DatabaseNewer`; `MigrationFailed` naming the file's error.
 */
export async function migrate(client: pg.Client, options: MigrateOptions = {}): Promise<Migrated> {
  await pinSession(client, options)
  const turn = { patience: options.patience ?? 120_000 }
  try {
    await ensureSchema(client)
    await refuseStrangers(client)
    await ensureLedger(client)
    const files = await readFiles(options.folder ?? MIGRATIONS)
    const run = await withTurn(client, turn, async () => {
      const done = await applyFiles(client, files)
      // Who made a role of ours in this moment must not keep the rights that a file has just given it.
      await refuseStrangers(client)
      return done
    })
    return { ...run, archive: await followTables(client, turn, options) }
  } catch (cause) {
    if (cause instanceof Refusal) throw cause
    throw new Refusal(
      'MigrationFailed',
      `a migration failed: ${sentence(cause)}`,
      'what it began is rolled back; remove the cause and deploy again',
      { cause },
    )
  }
}

/**
 * The patterns may change without a migration: the publications follow them every time, each piece in a transaction and
 * a turn of its own, so that the first table is not locked until the last one is done.
 */
async function followTables(
  client: pg.Client,
  turn: { readonly patience: number },
  options: MigrateOptions,
): Promise<readonly string[]> {
  const known = await client.query(
    "select pg_catalog.to_regprocedure('holdfast.set_archive_patterns(text[])') is not null as known",
  )
  if (known.rows[0]?.known !== true) return []
  const lines = await withTurn(client, turn, async () => {
    const { rows } = await client.query('select thing, detail from holdfast.set_archive_patterns($1)', [
      options.archiveTables ?? [],
    ])
    // With no table at all: makes the publications where they are missing.
    return [...rows.map(row => `${row.thing}: ${row.detail}`), ...(await followPiece(client, []))]
  })
  for (const piece of await readPending(client))
    lines.push(...(await withTurn(client, turn, () => followPiece(client, piece))))
  return lines
}
