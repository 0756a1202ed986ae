import type pg from 'pg'
import type { Check } from '../runtime/verdict.ts'
import { asked, isoOf } from './check.ts'
import type { Cut, CutAnswer, CutRequest } from './request.ts'
import { withSession } from './session.ts'
import type { Side, Sides } from './side.ts'
import { parseSnapshot } from './xid.ts'

export const NEWEST_HEARTBEAT = `
select
  h.seq::pg_catalog.text as seq,
  ${isoOf('h.at')} as at,
  h.lsn::pg_catalog.text as lsn,
  h.snapshot,
  h.instance,
  h.timeline
from holdfast.heartbeat h
order by h.seq desc
limit 1`

const LOST = `
select
  count(*)::pg_catalog.int4 as heartbeats,
  (pg_catalog.array_agg(h.snapshot order by h.seq desc))[1] as snapshot
from holdfast.heartbeat h
where h.seq > $1::pg_catalog.int8 and h.at <= $2::pg_catalog.timestamptz`

/** On a replica: has it replayed a heartbeat that the copy lacks? Then it has all that was committed before. */
const AHEAD = `
select
  not pg_catalog.pg_is_in_recovery()
    or exists (select from holdfast.heartbeat h where h.seq > $1::pg_catalog.int8) as ahead`

/** Seconds by which whoever names the moment of the disaster may misread the primary's clock. */
const CLOCKS = 1

/** The newest heartbeat in this database. */
export async function readCut(client: pg.Client): Promise<Cut | null> {
  return (await client.query<Cut>(NEWEST_HEARTBEAT)).rows[0] ?? null
}

/** Where the copy ends, read inside it, and what lies between there and the disaster. */
export async function cut(request: CutRequest, sides: Sides & { readonly copy: Side }): Promise<CutAnswer> {
  const found = await withSession(sides.copy, readCut)
  if (!found)
    return {
      checks: [
        asked(
          'cut.heartbeat',
          'fail',
          'the copy holds no heartbeat: its end cannot be dated',
          NEWEST_HEARTBEAT,
          null,
        ),
      ],
      cut: null,
      referenceAhead: false,
      rpoSeconds: null,
      lost: { heartbeats: null, transactions: null, rows: null },
    }
  const rpoSeconds = (Date.parse(request.disasterAt) - Date.parse(found.at)) / 1000
  const { ahead, ...lost } = sides.primary
    ? await withSession(sides.primary, client => count(client, found, request.disasterAt))
    : { ahead: true, heartbeats: null, transactions: null }
  return {
    checks: [foundCheck(found, rpoSeconds, lost), ...(ahead ? [] : [behind(sides.primary, found)])],
    cut: found,
    referenceAhead: ahead,
    rpoSeconds: Math.max(0, rpoSeconds),
    lost: { ...lost, rows: null },
  }
}

async function count(client: pg.Client, found: Cut, disasterAt: string) {
  const row = (await client.query(LOST, [found.seq, disasterAt])).rows[0]
  const from = parseSnapshot(found.snapshot).xmax
  const { rows } = await client.query<{ ahead: boolean }>(AHEAD, [found.seq])
  return {
    ahead: rows[0]?.ahead === true,
    heartbeats: Number(row.heartbeats),
    transactions: row.snapshot === null ? 0 : parseSnapshot(row.snapshot).xmax - from,
  }
}

const behind = (primary: Side | undefined, found: Cut): Check => ({
  name: 'cut.reference',
  verdict: 'unknown',
  detail: `${primary?.endpoint.identifier} is a replica that has not replayed past heartbeat ${found.seq}, where the copy ends: it cannot be compared with yet`,
  asked: AHEAD.trim(),
})

function foundCheck(
  found: Cut,
  rpo: number,
  lost: { heartbeats: number | null; transactions: number | null },
): Check {
  const known = lost.heartbeats !== null
  const what = known
    ? `; ${lost.heartbeats} heartbeats and at most ${lost.transactions} transactions lie between`
    : ''
  if (rpo < -CLOCKS)
    return asked(
      'cut.heartbeat',
      'fail',
      `the copy ends at ${found.at}, ${(-rpo).toFixed(3)} s after the disaster: it holds what it should save from`,
      NEWEST_HEARTBEAT,
      found,
    )
  return asked(
    'cut.heartbeat',
    'pass',
    `the copy ends at ${found.at} (log position ${found.lsn}), ${rpo.toFixed(3)} s before the disaster${what}`,
    NEWEST_HEARTBEAT,
    found,
  )
}
