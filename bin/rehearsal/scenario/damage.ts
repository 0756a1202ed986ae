import pg from 'pg'
import { Refusal, sentence } from '../../../lambdas/runtime/failure.ts'

/** A wrong DELETE, done. */
export type Damage = {
  /** The database's clock just before the statement, ISO 8601: restore to here. */
  readonly before: string
  readonly statement: string
  readonly rows: number
}

/** SQLSTATE of a row that another table still refers to. */
const STILL_REFERENCED = '23503'

/**
 * Deletes every row of the largest table that can be emptied, in one statement without WHERE, as a tired person would.
 * The statement waits for the database's clock to pass a whole second, because RDS restores to whole seconds: that
 * second is the last moment at which the rows are all there.
 */
export async function damageBefore(connection: pg.ClientConfig): Promise<Damage> {
  const client = new pg.Client({ ...connection, application_name: 'holdfast rehearse: damage' })
  await client.connect()
  try {
    for (const name of await largestFirst(client)) {
      const before = await nextWholeSecond(client)
      const statement = `delete from ${name}`
      const deleted = await client.query(statement).catch(error => {
        if ((error as { code?: string }).code === STILL_REFERENCED) return undefined
        throw error
      })
      if (deleted?.rowCount) return { before: before.toISOString(), statement, rows: deleted.rowCount }
    }
  } catch (cause) {
    throw new Refusal(
      'NoDamage',
      `the database refused to be damaged: ${sentence(cause)}`,
      'look at triggers that forbid deletes',
      { cause },
    )
  } finally {
    await client.end()
  }
  throw new Refusal('NoDamage', 'no table could be emptied', 'load a dump that holds rows')
}

async function nextWholeSecond(client: pg.Client): Promise<Date> {
  const { rows } = await client.query<{ passed: Date }>(`
    with next as materialized (select date_trunc('second', clock_timestamp()) + interval '1 second' as passed)
    select passed, pg_sleep_until(passed + interval '10 milliseconds') from next`)
  const passed = rows[0]?.passed
  if (passed === undefined) throw new Error('the database did not answer its clock')
  return passed
}

async function largestFirst(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(`
    select format('%I.%I', n.nspname, c.relname) as name
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and not c.relispartition and c.reltuples > 0
      and n.nspname not in ('pg_catalog', 'information_schema', 'holdfast', 'rehearsal')
    order by c.reltuples desc limit 20`)
  return rows.map(row => row.name)
}
