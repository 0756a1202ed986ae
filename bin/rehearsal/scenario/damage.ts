import pg from 'pg'
import { Refusal, sentence } from '../../../lambdas/runtime/failure.ts'
import { type Candidate, candidatesOf } from './candidates.ts'

/** A wrong DELETE, done. */
export type Damage = {
  /** The database's clock just before the statement, ISO 8601: restore to here. */
  readonly before: string
  readonly statement: string
  readonly rows: number
  /** The tables that held the rows: the one named, or its partitions and children. Quoted, with their schema. */
  readonly tables: readonly string[]
}

/** SQLSTATEs of a wait that another transaction caused: the same statement may pass the next time. */
const IN_THE_WAY = ['40P01', '40001', '55P03']
const TRIES = 3

/**
 * Deletes every row of the largest table that can be emptied, in one statement without WHERE, as a tired person would.
 * The statement waits for the database's clock to pass a whole second, because RDS restores to whole seconds: that
 * second is the last moment at which the rows are all there. Nobody else writes to the table from before that second
 * until the rows are gone, so that the rows deleted are those of that second.
 * @param loaded the only tables that may be damaged; without it every ordinary one
 * @throws Refusal `NoDamage` when none can be emptied, with what was in the way
 */
export async function damageBefore(connection: pg.ClientConfig, loaded?: readonly string[]): Promise<Damage> {
  const client = new pg.Client({ ...connection, application_name: 'holdfast rehearse: damage' })
  await client.connect()
  try {
    const refused: string[] = []
    for (const candidate of await candidatesOf(client, loaded)) {
      const damage = await tryToEmpty(client, candidate)
      if (typeof damage !== 'string') return damage
      refused.push(`${candidate.name} (${damage})`)
    }
    throw noDamage(refused)
  } finally {
    await client.end()
  }
}

function noDamage(refused: readonly string[]): Refusal {
  return refused.length === 0
    ? new Refusal('NoDamage', 'no table holds rows that could be deleted', 'load a dump that holds rows')
    : new Refusal(
        'NoDamage',
        `no table could be emptied: ${refused.slice(0, 3).join(', ')}${refused.length > 3 ? ` and ${refused.length - 3} more` : ''}`,
        'load a dump with a table that nothing refers to and that no trigger keeps',
      )
}

/** Empties the table, or leaves it as it was and says why. */
async function tryToEmpty(client: pg.Client, candidate: Candidate): Promise<Damage | string> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await empty(client, candidate)
    } catch (error) {
      const code = (error as { code?: string }).code ?? ''
      // Not a refusal of this table: the connection or the server is gone.
      if (!/^[0-9A-Z]{5}$/.test(code) || /^(08|57P)/.test(code)) throw error
      if (!IN_THE_WAY.includes(code) || left === 1) return sentence(error)
    } finally {
      await client.query('rollback').catch(() => {})
    }
  }
}

async function empty(client: pg.Client, { name, members }: Candidate): Promise<Damage | string> {
  await client.query('begin')
  await client.query(`set local lock_timeout = '10s'`)
  await client.query(`lock table ${name} in share row exclusive mode`)
  const tables = members.length > 1 ? await filledOf(client, name) : members
  const before = await nextWholeSecond(client)
  const statement = `delete from ${name}`
  const { rowCount } = await client.query(statement)
  const { rows } = await client.query<{ left: boolean }>(`select exists (select from ${name}) as left`)
  // A rule or a trigger may do something else in place of the delete.
  if (!rowCount || rows[0]?.left !== false) return 'its rows are still there after the delete'
  await client.query('commit')
  return { before: before.toISOString(), statement, rows: rowCount, tables }
}

async function filledOf(client: pg.Client, name: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(`
    select pg_catalog.format('%I.%I', n.nspname, c.relname) as name
    from (select distinct tableoid from ${name}) held
    join pg_catalog.pg_class c on c.oid = held.tableoid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    order by c.oid`)
  return rows.map(row => row.name)
}

async function nextWholeSecond(client: pg.Client): Promise<Date> {
  const { rows } = await client.query<{ passed: Date }>(`
    with next as materialized (select date_trunc('second', clock_timestamp()) + interval '1 second' as passed)
    select passed, pg_sleep_until(passed + interval '10 milliseconds') from next`)
  const passed = rows[0]?.passed
  if (passed === undefined) throw new Error('the database did not answer its clock')
  return passed
}
