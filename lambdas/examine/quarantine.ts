import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import { saidOfState } from '../runtime/server-error.ts'
import type { Check } from '../runtime/verdict.ts'
import { ask, several } from './check.ts'
import { refuseByName, refuseUnlessCopy } from './guard.ts'
import type { QuarantineAnswer, QuarantineRequest } from './request.ts'
import { withSession } from './session.ts'
import type { Side, Sides } from './side.ts'

/** Libraries that start work by themselves. The drill's parameter group loads none of them. */
const SELF_STARTING = ['pg_cron', 'pg_partman_bgw', 'pglogical', 'timescaledb']

const LIBRARIES = `
select
  pg_catalog.current_setting('shared_preload_libraries') as libraries,
  pg_catalog.current_setting('max_logical_replication_workers')::pg_catalog.int4 as workers,
  pg_catalog.current_setting('synchronous_standby_names') as standbys`

const SUBSCRIPTIONS = `
select s.subname as name
from pg_catalog.pg_subscription s
where s.subenabled
order by 1`

const SLOTS = `
select s.slot_name as name, s.active
from pg_catalog.pg_replication_slots s
order by 1`

const SERVERS = `
select s.srvname as name, w.fdwname as wrapper
from pg_catalog.pg_foreign_server s
join pg_catalog.pg_foreign_data_wrapper w on w.oid = s.srvfdw
order by 1`

const TRIGGERS = `
select e.evtname as name, e.evtevent as event
from pg_catalog.pg_event_trigger e
where e.evtenabled <> 'D'
order by 1`

/** People and programs other than this examination and the service's own. */
const STRANGERS = `
select a.usename as name, count(*)::pg_catalog.int4 as sessions
from pg_catalog.pg_stat_activity a
where a.backend_type = 'client backend'
  and a.pid <> pg_catalog.pg_backend_pid()
  and a.usename not in ('rdsadmin', 'holdfast_examine')
group by 1
order by 1`

/**
 * Stops what the restored database would do by itself and asks whether anything is left. Changes something only on a
 * proven copy; on one that cannot prove itself (restored from a snapshot, it stays on the primary's timeline) it
 * looks and judges, and touches nothing.
 */
export async function quarantine(
  request: QuarantineRequest,
  sides: Sides & { readonly copy: Side },
): Promise<QuarantineAnswer> {
  refuseByName(request.copy, request.primary)
  const done = await silence(sides)
  const checks = await withSession(sides.copy, async client => [
    await ask(client, 'quarantine.workers', LIBRARIES, judgeLibraries),
    await ask(client, 'quarantine.subscriptions', SUBSCRIPTIONS, judgeSubscriptions),
    await ask(client, 'quarantine.slots', SLOTS, judgeSlots),
    await ask<Named>(client, 'quarantine.foreign-servers', SERVERS, rows =>
      inert(rows, 'foreign servers', 'no task queries a foreign table'),
    ),
    await ask<Named>(client, 'quarantine.event-triggers', TRIGGERS, rows =>
      inert(rows, 'event triggers', 'no task runs DDL'),
    ),
    await ask(client, 'quarantine.strangers', STRANGERS, judgeStrangers),
    await cron(client),
  ])
  return { checks: [done, ...checks] }
}

const SILENCE = 'select thing, done, detail from holdfast.quarantine()'

async function silence(sides: Sides & { readonly copy: Side }): Promise<Check> {
  const name = 'quarantine.silenced'
  try {
    await refuseUnlessCopy(sides.copy, sides.primary)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { name, verdict: 'skipped', detail: `nothing was changed: ${error.message.split('\n')[0]}` }
  }
  return withSession(
    sides.copy,
    client =>
      ask<{ thing: string; done: boolean; detail: string }>(client, name, SILENCE, rows => {
        const failed = rows.filter(row => !row.done).map(row => `${row.thing}: ${saidOfState(row.detail)}`)
        const did = rows.filter(row => row.done).map(row => `${row.thing} ${row.detail}`)
        if (failed.length > 0)
          return { verdict: 'skipped', detail: `could not be changed: ${several(failed)}` }
        return { verdict: 'pass', detail: did.length > 0 ? several(did) : 'there was nothing to silence' }
      }),
    { writes: true },
  )
}

type Named = { name: string }
type Judged = Pick<Check, 'verdict' | 'detail'>

function judgeLibraries(rows: { libraries: string; workers: number; standbys: string }[]): Judged {
  const [row] = rows
  if (!row) return { verdict: 'unknown', detail: 'the settings could not be read' }
  const loaded = row.libraries.split(',').map(name => name.trim())
  const working = loaded.filter(name => SELF_STARTING.includes(name))
  if (working.length > 0)
    return { verdict: 'fail', detail: `${several(working)} is loaded and works by itself` }
  if (row.standbys !== '')
    return { verdict: 'fail', detail: `commits wait for standbys that are not there: ${row.standbys}` }
  return row.workers === 0
    ? {
        verdict: 'pass',
        detail: 'no library that works by itself is loaded, and no replication worker can start',
      }
    : {
        verdict: 'skipped',
        detail: `max_logical_replication_workers is ${row.workers}, not 0: only subscriptions decide`,
      }
}

const judgeSubscriptions = (rows: { name: string }[]): Judged =>
  rows.length === 0
    ? { verdict: 'pass', detail: 'no subscription is enabled' }
    : { verdict: 'fail', detail: `enabled subscriptions: ${several(rows.map(row => row.name))}` }

function judgeSlots(rows: { name: string; active: boolean }[]): Judged {
  const names = several(rows.map(row => row.name))
  if (rows.some(row => row.active)) return { verdict: 'fail', detail: `a slot is in use: ${names}` }
  return rows.length === 0
    ? { verdict: 'pass', detail: 'no slot is left' }
    : {
        verdict: 'skipped',
        detail: `slots nobody reads hold the log for as long as the copy lives: ${names}`,
      }
}

const inert = (rows: { name: string }[], what: string, why: string): Judged =>
  rows.length === 0
    ? { verdict: 'pass', detail: `there are no ${what}` }
    : {
        verdict: 'pass',
        detail: `${rows.length} ${what} stay idle, since ${why}: ${several(rows.map(row => row.name))}`,
      }

const judgeStrangers = (rows: { name: string; sessions: number }[]): Judged =>
  rows.length === 0
    ? { verdict: 'pass', detail: 'nobody else is connected' }
    : {
        verdict: 'fail',
        detail: `others are connected: ${several(rows.map(row => `${row.name} (${row.sessions})`))}`,
      }

async function cron(client: pg.Client): Promise<Check> {
  const name = 'quarantine.cron'
  const { rows } = await client.query(`select pg_catalog.to_regclass('cron.job') is not null as there`)
  if (!rows[0].there) return { name, verdict: 'pass', detail: 'pg_cron is not installed' }
  const sql = 'select count(*)::pg_catalog.int4 as active from cron.job where active'
  const loaded = (await client.query(LIBRARIES)).rows[0].libraries.includes('pg_cron')
  return ask<{ active: number }>(client, name, sql, found => {
    const active = found[0]?.active ?? 0
    if (active === 0) return { verdict: 'pass', detail: 'no job is active' }
    return loaded
      ? { verdict: 'fail', detail: `${active} jobs are active and pg_cron is loaded` }
      : { verdict: 'pass', detail: `${active} jobs stay idle, since pg_cron is not loaded` }
  })
}
