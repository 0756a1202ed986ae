import type pg from 'pg'
import type { Side } from './side.ts'

/**
 * Output formats and visibility, the same on both sides whatever the databases' defaults are: text is hashed only
 * when it is made alike, and a row policy must raise instead of hiding rows.
 */
const PINNED: Readonly<Record<string, string>> = {
  timezone: 'UTC',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  search_path: 'pg_catalog',
  xmloption: 'content',
  row_security: 'off',
  // Whoever owns a table may put a view, or a table of another server, under its name between our look at the catalog and
  // our reading: its functions would run with our rights on the primary. Such a statement fails instead.
  restrict_nonsystem_relation_kind: 'view, foreign-table',
  default_transaction_read_only: 'on',
  lock_timeout: '5s',
  idle_in_transaction_session_timeout: '60s',
  idle_session_timeout: '0',
  jit: 'off',
  // Names must be written, and our own statements read, as everywhere else.
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  // Serializable reads would make the primary's own transactions fail.
  default_transaction_isolation: 'read committed',
}

/** A limit on transactions, which came with PostgreSQL 17, must not cut a long reading short. */
const UNLIMITED = `(
  select pg_catalog.set_config(s.name, '0', false) from pg_catalog.pg_settings s where s.name = 'transaction_timeout'
)`

/** Milliseconds that one statement may hold the primary's horizon back. */
export const STATEMENT_TIMEOUT = 60_000

export type SessionOptions = {
  /** Milliseconds. @default {@link STATEMENT_TIMEOUT} */
  readonly statementTimeout?: number
  /** @default false: read-only */
  readonly writes?: boolean
}

/** A connection with pinned settings, read-only unless told otherwise. The caller ends it. */
export async function openSession(side: Side, options: SessionOptions = {}): Promise<pg.Client> {
  const client = await side.open()
  const settings: [string, string][] = Object.entries(PINNED)
  settings.push(['statement_timeout', String(options.statementTimeout ?? STATEMENT_TIMEOUT)])
  if (options.writes) settings.push(['default_transaction_read_only', 'off'])
  try {
    const calls = settings.map((_, at) => `pg_catalog.set_config($${2 * at + 1}, $${2 * at + 2}, false)`)
    await client.query(`select ${[...calls, UNLIMITED].join(', ')}`, settings.flat())
    return client
  } catch (error) {
    await client.end()
    throw error
  }
}

/** Runs the work on a pinned connection and ends it. */
export async function withSession<T>(
  side: Side,
  work: (client: pg.Client) => Promise<T>,
  options: SessionOptions = {},
): Promise<T> {
  const client = await openSession(side, options)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
