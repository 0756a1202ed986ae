import type pg from 'pg'
import type { Check } from '../runtime/verdict.ts'
import { ask, asked, isoOf, several } from './check.ts'
import { refuseByName } from './guard.ts'
import type { IdentifyAnswer, IdentifyRequest } from './request.ts'
import { withSession } from './session.ts'
import type { Side, Sides } from './side.ts'

/** Seconds by which the newest heartbeat may lie before the asked time: one a second, and a gap between two runs. */
const GAP = 15

/** Seconds that a "latest" restore may be newer than the LatestRestorableTime that was read before it. */
const LATEST_SLACK = 900

/** Seconds that a snapshot's content may be older than its creation time. */
const SNAPSHOT_SLACK = 3600

/** Milliseconds around the target in which a heartbeat's own commit may fall on either side. */
const EDGE = 200

const WHO = `
select
  (select c.system_identifier::pg_catalog.text from pg_catalog.pg_control_system() c) as "systemIdentifier",
  pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) as version,
  holdfast.timeline() as timeline,
  pg_catalog.pg_is_in_recovery() as recovering,
  pg_catalog.current_database() as database`

const NEWEST = `
select h.seq::pg_catalog.text as seq, ${isoOf('h.at')} as at, h.instance
from holdfast.heartbeat h
order by h.seq desc
limit 1`

const EXPECTED = `
select h.seq::pg_catalog.text as seq, ${isoOf('h.at')} as at
from holdfast.heartbeat h
where h.at <= $1
order by h.seq desc
limit 1`

const SENTINELS = `
select c.id::pg_catalog.text as id
from holdfast.canary c
where c.id = any ($1::pg_catalog.uuid[])`

type Who = {
  systemIdentifier: string
  version: string
  timeline: number
  recovering: boolean
  database: string
}
type Beat = { seq: string; at: string; instance: string }

/** Is this the copy of our database, of the instance that we think, at the time that was asked for? */
export async function identify(
  request: IdentifyRequest,
  sides: Sides & { readonly copy: Side },
): Promise<IdentifyAnswer> {
  refuseByName(request.copy, request.primary)
  const { primary } = sides
  const expected = primary && (await withSession(primary, client => newestBefore(client, request.target)))
  const checks = await withSession(sides.copy, async client => {
    const who = (await client.query<Who>(WHO)).rows[0]
    if (!who) throw new Error('the copy did not say who it is')
    return [
      ...judgeWho(who, request),
      ...(await judgeBeats(client, request, expected)),
      ...(request.canaries ? [await judgeCanaries(client, request.canaries)] : []),
    ]
  })
  return { checks }
}

function judgeWho(who: Who, request: IdentifyRequest): Check[] {
  const { expected } = request
  const same = (name: string, good: boolean, detail: string) =>
    asked(`identify.${name}`, good ? 'pass' : 'fail', detail, WHO, who)
  const version = who.version === expected.version || who.version.startsWith(`${expected.version}.`)
  // A snapshot is restored by crash recovery, on the timeline that it was taken on.
  const moved =
    request.mode === 'snapshot' ? who.timeline >= expected.timeline : who.timeline > expected.timeline
  return [
    same(
      'system-identifier',
      who.systemIdentifier === expected.systemIdentifier,
      `the copy's system identifier is ${who.systemIdentifier}, the primary's is ${expected.systemIdentifier}`,
    ),
    same('version', version, `the copy runs ${who.version}, expected is ${expected.version}`),
    same(
      'writable',
      !who.recovering,
      who.recovering ? 'the copy is still in recovery' : 'the copy accepts writes',
    ),
    same(
      'timeline',
      moved && who.timeline === request.boundary.timeline,
      `the copy is on timeline ${who.timeline}, was opened on ${request.boundary.timeline}, the primary is on ${expected.timeline}`,
    ),
  ]
}

async function newestBefore(
  client: pg.Client,
  target: string,
): Promise<Pick<Beat, 'seq' | 'at'> | undefined> {
  return (await client.query<Pick<Beat, 'seq' | 'at'>>(EXPECTED, [target])).rows[0]
}

async function judgeBeats(
  client: pg.Client,
  request: IdentifyRequest,
  expected: Pick<Beat, 'seq' | 'at'> | undefined,
): Promise<Check[]> {
  const beat = (await client.query<Beat>(NEWEST)).rows[0]
  if (!beat)
    return [
      asked(
        'identify.asked-time',
        'fail',
        'the copy holds no heartbeat: its time cannot be told',
        NEWEST,
        null,
      ),
    ]
  const ours = request.expected.instances.includes(beat.instance)
  return [
    asked(
      'identify.instance',
      ours ? 'pass' : 'fail',
      `the copy's newest heartbeat was written by ${beat.instance}, expected is ${request.expected.instances.join(' or ')}`,
      NEWEST,
      beat,
    ),
    asked('identify.asked-time', ...judgeTime(beat, request, expected), NEWEST, { beat, expected }),
  ]
}

function judgeTime(
  beat: Beat,
  request: IdentifyRequest,
  expected: Pick<Beat, 'seq' | 'at'> | undefined,
): [Check['verdict'], string] {
  const late = (Date.parse(beat.at) - Date.parse(request.target)) / 1000
  const words = `asked for ${request.mode} ${request.target}, the newest heartbeat in the copy is of ${beat.at}`
  if (request.mode === 'latest')
    return [late >= -GAP && late <= LATEST_SLACK ? 'pass' : 'fail', `${words}, ${late.toFixed(1)} s after it`]
  if (request.mode === 'snapshot')
    return [
      late >= -SNAPSHOT_SLACK && late <= GAP ? 'pass' : 'fail',
      `${words}, ${late.toFixed(1)} s after it`,
    ]
  if (late * 1000 > EDGE) return ['fail', `${words}, ${late.toFixed(1)} s after the asked time`]
  if (!expected)
    return [late >= -GAP ? 'pass' : 'fail', `${words}, ${(-late).toFixed(1)} s before the asked time`]
  // The heartbeat next to the target may have been committed on either side of it.
  const near = Math.abs(Date.parse(expected.at) - Date.parse(request.target)) <= EDGE
  const missed = Number(expected.seq) - Number(beat.seq)
  const good = missed === 0 || (near && missed === 1)
  return [
    good ? 'pass' : 'fail',
    `${words}; the primary's last one before that time is of ${expected.at}, ${missed} heartbeats later`,
  ]
}

function judgeCanaries(
  client: pg.Client,
  canaries: NonNullable<IdentifyRequest['canaries']>,
): Promise<Check> {
  const due = canaries.filter(canary => canary.offset < 0)
  const judge = (rows: { id: string }[]): Pick<Check, 'verdict' | 'detail'> => {
    const there = new Set(rows.map(row => row.id))
    const missing = due.filter(canary => !there.has(canary.id))
    const early = canaries.filter(canary => canary.offset > 0 && there.has(canary.id))
    const says = (list: typeof due) =>
      several(list.map(canary => `${canary.offset > 0 ? '+' : ''}${canary.offset} s`))
    if (missing.length > 0)
      return {
        verdict: 'fail',
        detail: `the copy ends too early: it lacks the sentinels at ${says(missing)}`,
      }
    if (early.length > 0)
      return { verdict: 'fail', detail: `the copy ends too late: it holds the sentinels at ${says(early)}` }
    return {
      verdict: 'pass',
      detail: `the copy holds the sentinels at ${says(due)} and none after the target`,
    }
  }
  return ask(client, 'identify.canaries', SENTINELS, judge, [canaries.map(canary => canary.id)])
}
