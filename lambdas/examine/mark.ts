import { Refusal } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { asked, isoOf } from './check.ts'
import type { MarkAnswer, MarkRequest } from './request.ts'
import { withSession } from './session.ts'
import type { Side } from './side.ts'

/** Seconds: the function starts every minute and writes for most of it, so a gap between two runs is normal. */
const FRESH = 30

/** Where the primary is now: its clock, its log, who it is and when its last heartbeat was. */
export const MARK = `
select
  ${isoOf('pg_catalog.clock_timestamp()')} as now,
  pg_catalog.pg_is_in_recovery() as recovering,
  case
    when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
    else pg_catalog.pg_current_wal_lsn()
  end::pg_catalog.text as lsn,
  coalesce(holdfast.timeline(), h.timeline) as timeline,
  (select c.system_identifier::pg_catalog.text from pg_catalog.pg_control_system() c) as "systemIdentifier",
  pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) as version,
  pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - h.at) as "heartbeatAgeSeconds",
  h.instance as "heartbeatInstance"
from (select) one
left join lateral (select * from holdfast.heartbeat order by seq desc limit 1) h on true`

type Row = Omit<MarkAnswer, 'checks'>

/** @throws Refusal `PrimaryInRecovery` for a replica where none is expected: what it shows is older than the primary */
export async function mark({ standby }: MarkRequest, primary: Side): Promise<MarkAnswer> {
  const row = await withSession(primary, async client => (await client.query<Row>(MARK)).rows[0])
  if (!row) throw new Error(`${primary.endpoint.identifier} did not say where it is`)
  if (row.recovering && !standby)
    throw new Refusal(
      'PrimaryInRecovery',
      `${primary.endpoint.identifier} is in recovery: it is a replica`,
      'ask the primary',
    )
  return { checks: [freshness(row)], ...row }
}

function freshness(row: Row): Check {
  const age = row.heartbeatAgeSeconds
  const verdict = age !== null && age <= FRESH ? 'pass' : 'fail'
  const detail =
    age === null
      ? 'no heartbeat was ever written: a copy of this database cannot be dated'
      : `the newest heartbeat is ${age.toFixed(1)} s old, written by ${row.heartbeatInstance}; at most ${FRESH} s is fresh`
  return asked('mark.heartbeat', verdict, detail, MARK, row)
}
