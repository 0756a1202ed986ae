import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** What the writers did, and how the database answered. Counts are transactions. */
export type Tally = {
  readonly committed: number
  readonly rolledBack: number
  /** Transactions whose connection broke before an answer: committed or not, nobody was told. */
  readonly unanswered: number
  /** Longest time between two acknowledged commits of any writer, in seconds. */
  readonly longestGapSeconds: number
  /** Acknowledged commits whose row in the ledger is gone: each one is a broken promise. */
  readonly acknowledgedButLost: number
}

export type Writers = {
  /** Acknowledged commits so far. */
  committed(): number
  /** Begins a new measurement of the longest gap, just before a fault. */
  markGap(): void
  /** Stops after the transactions under way and compares every acknowledged commit with the ledger. */
  stop(): Promise<Tally>
}

const WRITERS = 2
/** Pause between two transactions of a writer, in milliseconds: some forty transactions a second in all. */
const PAUSE = 20

const LEDGER = `
create schema if not exists rehearsal;
create table if not exists rehearsal.ledger (
  run text not null, writer integer not null, n bigint not null, at timestamptz not null default clock_timestamp(),
  primary key (run, writer, n));
`

type Turn = { readonly client: pg.Client; readonly n: number; readonly tables: readonly string[] }

/** Writes of the commerce sample: an order with its events, a savepoint that is undone, stock that changes. */
async function commerceTurn({ client, n }: Turn): Promise<void> {
  await client.query(
    `insert into shop.orders (client_id, site_id, order_number, customer_name, customer_email, total_amount, items)
     select client_id, id, 'NEW-' || gen_random_uuid(), 'Customer', 'c@example.com', $1::int % 100, '[]'
     from shop.sites offset $1::int % 100 limit 1`,
    [n],
  )
  await client.query('savepoint before_event')
  await client.query(
    `insert into shop.events (client_id, site_id, event_type, event_data)
     select client_id, id, 'purchase', '{}' from shop.sites limit 1`,
  )
  // Every third one is undone: rows of an aborted subtransaction inside a committed transaction.
  if (n % 3 === 0) await client.query('rollback to savepoint before_event')
  await client.query(
    `update shop.products set inventory_count = greatest(0, inventory_count - 1)
     where id = 1 + ($1::bigint * 7919) % 1000`,
    [n],
  )
  if (n % 10 === 0)
    await client.query(
      `delete from shop.orders where id = (select min(id) from shop.orders where status = 'done')`,
    )
}

/** Writes for tables that nobody here knows: a row rewritten as it is, which is a new version and changes nothing. */
async function anyTurn({ client, n, tables }: Turn): Promise<void> {
  const target = tables[n % Math.max(1, tables.length)]
  if (target === undefined) return
  await client.query('savepoint before_update')
  // A trigger or a policy of the user's may refuse; that is not the rehearsal's business.
  await client.query(target).catch(() => client.query('rollback to savepoint before_update'))
  if (n % 3 === 0) await client.query('rollback to savepoint before_update')
}

/**
 * Starts steady writers. Each transaction also writes a numbered row into `rehearsal.ledger`; one in eleven is
 * rolled back. A broken connection is opened again until `stop`, so that a failover shows as a gap, not as an end.
 */
export async function startWriters(connection: pg.ClientConfig, kind: 'commerce' | 'any'): Promise<Writers> {
  const setup = await connect(connection)
  const run = new Date().toISOString()
  await setup.query(LEDGER)
  const tables = kind === 'any' ? await touchable(setup) : []
  await setup.end()

  const state = {
    stopping: false,
    committed: 0,
    rolledBack: 0,
    unanswered: 0,
    last: performance.now(),
    gap: 0,
  }
  const acknowledged: string[] = []

  const turn = async (client: pg.Client, writer: number, n: number) => {
    await client.query('begin')
    await client.query('insert into rehearsal.ledger (run, writer, n) values ($1, $2, $3)', [run, writer, n])
    await (kind === 'commerce' ? commerceTurn : anyTurn)({ client, n, tables })
    if (n % 11 === 0) {
      await client.query('rollback')
      state.rolledBack += 1
      return
    }
    await client.query('commit')
    acknowledged.push(`${writer}/${n}`)
    state.committed += 1
    state.gap = Math.max(state.gap, performance.now() - state.last)
    state.last = performance.now()
  }

  const work = async (writer: number) => {
    let client: pg.Client | undefined
    for (let n = 1; !state.stopping; n += 1) {
      try {
        client ??= await connect(connection)
        await turn(client, writer, n)
      } catch (error) {
        if (!broken(error)) await client?.query('rollback').catch(() => {})
        else {
          state.unanswered += 1
          await client?.end().catch(() => {})
          client = undefined
        }
      }
      await sleep(PAUSE)
    }
    await client?.end()
  }
  const workers = Array.from({ length: WRITERS }, (_, index) => work(index + 1))

  return {
    committed: () => state.committed,
    markGap: () => {
      state.gap = 0
      state.last = performance.now()
    },
    stop: async () => {
      state.stopping = true
      await Promise.all(workers)
      const { committed, rolledBack, unanswered } = state
      const acknowledgedButLost = await missing(connection, run, acknowledged)
      return { committed, rolledBack, unanswered, longestGapSeconds: state.gap / 1_000, acknowledgedButLost }
    },
  }
}

async function connect(connection: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client({
    ...connection,
    application_name: 'holdfast rehearse: writer',
    connectionTimeoutMillis: 2_000,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** True when the connection, not the statement, failed: class 08 and 57, or no SQLSTATE at all. */
function broken(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? ''
  return !/^[0-9A-Z]{5}$/.test(code) || code.startsWith('08') || code.startsWith('57')
}

async function missing(
  connection: pg.ClientConfig,
  run: string,
  acknowledged: readonly string[],
): Promise<number> {
  const client = await connect(connection)
  try {
    const { rows } = await client.query<{ key: string }>(
      `select writer || '/' || n as key from rehearsal.ledger where run = $1`,
      [run],
    )
    const present = new Set(rows.map(row => row.key))
    return acknowledged.filter(key => !present.has(key)).length
  } finally {
    await client.end()
  }
}

/** For each ordinary table one UPDATE that rewrites a random row as it is: a column that is neither generated nor `always`. */
async function touchable(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(`
    select format('update %I.%I set %I = %I where ctid = (select ctid from %I.%I limit 1)',
                  n.nspname, c.relname, a.attname, a.attname, n.nspname, c.relname) as statement
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join lateral (select attname from pg_catalog.pg_attribute
                  where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '' and attidentity <> 'a'
                  order by attnum desc limit 1) a on true
    where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'holdfast', 'rehearsal')
    order by c.oid`)
  return rows.map(row => row.statement)
}
