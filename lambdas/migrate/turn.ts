import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'

/**
 * Runs `work` in a transaction while no other migration runs. The turn is a lock on a table that only its owner may
 * lock, and not an advisory lock, which every login may take and keep.
 * @throws Refusal `MigrationBusy` naming who has the turn
 */
export async function withTurn<T>(
  client: pg.Client,
  { patience }: { readonly patience: number },
  work: () => Promise<T>,
): Promise<T> {
  await client.query('begin')
  try {
    await client.query(`set local lock_timeout = ${patience}`)
    await takeTurn(client, patience)
    await client.query(`set local lock_timeout = '10s'`)
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => {
      // The connection is gone; the error that ended it is the one to tell.
    })
    throw error
  }
}

async function takeTurn(client: pg.Client, patience: number): Promise<void> {
  await client.query('savepoint turn')
  try {
    await client.query('lock table holdfast.migration in exclusive mode')
  } catch (error) {
    if (!hasCode(error, LOCK_NOT_AVAILABLE)) throw error
    await client.query('rollback to savepoint turn')
    throw await busy(client, patience)
  }
}

/** Locks that keep ours away, and whose they are; a prepared transaction has no process. */
const HOLDERS = `
select l.pid, coalesce(a.usename::pg_catalog.text, p.owner::pg_catalog.text) as "user", a.application_name as application,
  coalesce(a.xact_start, p.prepared) as since, p.gid
from pg_catalog.pg_locks l
left join pg_catalog.pg_stat_activity a on a.pid = l.pid
left join pg_catalog.pg_locks x
  on l.pid is null and x.pid is null and x.locktype = 'transactionid' and x.virtualtransaction = l.virtualtransaction
left join pg_catalog.pg_prepared_xacts p on p.transaction = x.transactionid
where l.locktype = 'relation' and l.granted and l.mode <> 'AccessShareLock' and l.mode <> 'RowShareLock'
  and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
  and l.relation = 'holdfast.migration'::pg_catalog.regclass
  and l.pid is distinct from pg_catalog.pg_backend_pid()
order by 4
limit 1`

async function busy(client: pg.Client, patience: number): Promise<Refusal> {
  const { rows } = await client.query(HOLDERS)
  const fact = `another session has had the turn to migrate for longer than ${patience / 1000} s`
  const holder = rows[0]
  if (holder === undefined) return new Refusal('MigrationBusy', fact, 'it has just ended: deploy again')
  const since = holder.since === null ? '' : `, since ${holder.since.toISOString()}`
  const who = `${holder.user ?? 'somebody'}${holder.application ? ` (${holder.application})` : ''}`
  return holder.pid === null
    ? new Refusal(
        'MigrationBusy',
        `${fact}: prepared transaction ${holder.gid ?? '(its name is not readable)'} of ${who}${since}`,
        'commit or roll back that prepared transaction, then deploy again',
      )
    : new Refusal(
        'MigrationBusy',
        `${fact}: process ${holder.pid} of ${who}${since}`,
        `wait until it ends, or end it with select pg_terminate_backend(${holder.pid}), then deploy again`,
      )
}

const LOCK_NOT_AVAILABLE = '55P03'

/** SQLSTATEs of two sessions that make the same thing in the same moment: one of them finds it made. */
const MADE_MEANWHILE = ['23505', '42P06', '42P07', '42710', 'XX000']

/** Tries a `create … if not exists` again when another session made the thing in between. */
export async function again<T>(work: () => Promise<T>, times = 5): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (times <= 1 || !MADE_MEANWHILE.some(code => hasCode(error, code))) throw error
    return await again(work, times - 1)
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
