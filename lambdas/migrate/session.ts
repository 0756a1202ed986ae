import type pg from 'pg'

/**
 * What a database or a role may have been given for every session of it (`alter database … set`), by an owner who is
 * not the master user, and what would make our own statements mean something else: a role to act as, names and
 * operators that are found first, constants that read differently, places where new tables go.
 */
const PINNED = [
  'set role none',
  'set search_path = pg_catalog, pg_temp',
  'set default_transaction_read_only = off',
  "set default_transaction_isolation = 'read committed'",
  'set standard_conforming_strings = on',
  'set check_function_bodies = on',
  'set quote_all_identifiers = off',
  "set default_tablespace = ''",
  'set default_table_access_method = heap',
  'set row_security = on',
  "set createrole_self_grant = ''",
  // A migration waits for a lock only briefly: behind a waiting DDL statement the whole workload would queue.
  "set lock_timeout = '10s'",
  'set idle_in_transaction_session_timeout = 0',
  'set client_min_messages = warning',
]

/** Makes the session mean the same in every database. */
export async function pinSession(
  client: pg.Client,
  options: { readonly archiveTables?: readonly string[]; readonly statementTimeout?: number },
): Promise<void> {
  for (const statement of PINNED) await client.query(statement)
  await client.query(`set statement_timeout = ${options.statementTimeout ?? 600_000}`)
  await client.query('select pg_catalog.set_config($1, $2, false)', [
    'holdfast.archive_tables',
    JSON.stringify(options.archiveTables ?? []),
  ])
}
