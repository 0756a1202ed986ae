import type pg from 'pg'

/**
 * What a database or a role sets for its application must not end a reading or a writing of minutes, nor forbid the
 * latter. A limit on transactions came with PostgreSQL 17.
 */
const LIMITS = `
select pg_catalog.set_config(s.name, w.value, false)
from (values
  ('statement_timeout', '0'),
  ('lock_timeout', '0'),
  ('transaction_timeout', '0'),
  ('idle_in_transaction_session_timeout', '0'),
  ('default_transaction_read_only', 'off'),
  ('default_transaction_isolation', 'read committed'),
  ('quote_all_identifiers', 'off')
) w(name, value)
join pg_catalog.pg_settings s on s.name = w.name`

/** Takes the limits of the application from this session. */
export async function liftLimits(client: pg.Client): Promise<void> {
  await client.query(LIMITS)
}
