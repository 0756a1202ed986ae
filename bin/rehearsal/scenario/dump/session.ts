import type { EventEmitter } from 'node:events'
import pg from 'pg'
import type { Lexing } from './statements.ts'
import { runBytes } from './wire.ts'

/** The one transaction in which a dump is loaded. */
export type Session = {
  readonly client: pg.Client
  readonly lexing: Lexing
  /** Version of the server, e.g. `18.4`. */
  readonly server: () => string
}

/** Whatever the instance's parameters say of patience, a load may take its time. */
const BEGIN = `
set statement_timeout = 0;
set lock_timeout = 0;
set idle_in_transaction_session_timeout = 0;
set transaction_timeout = 0;
begin`

/** Every table with what went into it and whether it is new, as this transaction sees it. */
const FILLED = `
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name, c.relkind = 'p' as parted
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_stat_xact_all_tables s on s.relid = c.oid
where c.relkind in ('r', 'p') and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema', 'holdfast', 'rehearsal')
  and (s.n_tup_ins > 0 or c.oid <> all ($1::oid[]))
order by c.oid`

const TABLES = `select pg_catalog.array_agg(c.oid) as oids from pg_catalog.pg_class c where c.relkind in ('r', 'p')`
const XID = 'select pg_catalog.pg_current_xact_id()::text as id'

export async function openSession(connection: pg.ClientConfig): Promise<Session> {
  const client = new pg.Client({ ...connection, application_name: 'holdfast rehearse: load' })
  const lexing: Lexing = { standardStrings: true, encoding: 'UTF8' }
  let server = ''
  // A broken connection shows in the query that it breaks.
  client.on('error', () => {})
  const { connection: wire } = client as unknown as { connection: EventEmitter }
  wire.on('parameterStatus', ({ parameterName, parameterValue }: Record<string, string>) => {
    if (parameterName === 'standard_conforming_strings') lexing.standardStrings = parameterValue === 'on'
    if (parameterName === 'server_version') server = parameterValue ?? ''
    if (parameterName === 'client_encoding') lexing.encoding = parameterValue ?? 'UTF8'
  })
  await client.connect()
  return { client, lexing, server: () => server }
}

/** A table that was made or filled: its quoted name, and whether it is one of partitions, which hold its rows. */
export type Filled = { readonly name: string; readonly parted: boolean }

/**
 * Runs `work` in one transaction: what it throws leaves nothing behind. Gives the tables that it made or filled.
 * @throws Error when the work itself ended the transaction
 */
export async function inOneTransaction({ client }: Session, work: () => Promise<void>): Promise<Filled[]> {
  await client.query(BEGIN)
  try {
    const before = await client.query<{ id: string }>(XID)
    const known = await client.query<{ oids: string[] }>(TABLES)
    await work()
    await runBytes(client, [Buffer.from('reset session authorization; reset role; reset all')])
    const after = await client.query<{ id: string }>(XID)
    if (after.rows[0]?.id !== before.rows[0]?.id)
      throw new Error('a statement of the dump ended the transaction of the load')
    const { rows } = await client.query<Filled>(FILLED, [known.rows[0]?.oids ?? []])
    await client.query('commit')
    return rows
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}
