/**
 * Plans are made once, for tables that may have been empty then: they must find rows by the key's index whatever they
 * cost.
 */
export const SESSION = `
set lock_timeout = '60s';
set synchronous_commit = off;
set check_function_bodies = off;
set plan_cache_mode = force_generic_plan;
set enable_seqscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
set jit = off`

/**
 * Times, numbers and intervals must read as the archiver wrote them, and names mean what they meant. Said again before the
 * changes of each table: code of the database's users that ran for the table before may have set what it liked.
 */
const MEANING = {
  role: 'none',
  search_path: 'pg_catalog, public, pg_temp',
  row_security: 'off',
  timezone: 'UTC',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  xmloption: 'content',
  lc_monetary: 'C',
}

/** One statement that says it all. */
export const ASSERTED = `select ${Object.entries(MEANING)
  .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', false)`)
  .join(', ')}`
