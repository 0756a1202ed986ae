import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import { isoOf } from './check.ts'
import type { CanariesAnswer, CanariesRequest, Canary } from './request.ts'
import { withSession } from './session.ts'
import type { Side } from './side.ts'

/** Seconds around the target. RDS restores to whole seconds. */
const OFFSETS = [-2, -1, 1, 2]

/** Seconds from now to a target that is chosen here: the first sentinel lies two before it. */
const LEAD = 3

/** Milliseconds by which a sentinel may miss its place and still be on its side of the target for certain. */
const SLACK = 800

const NOW = `select ${isoOf('pg_catalog.clock_timestamp()')} as now`
const PLANT = `
insert into holdfast.canary (id, drill, target, planned)
values ($1, $2, $3, $4)
returning ${isoOf('at')} as at`

/**
 * Commits a sentinel two and one seconds before the target and one and two after it, by the primary's clock: a copy
 * made for the target must hold exactly the first two. Catches a wrong time zone, rounding, and "latest instead".
 * @throws Refusal `TargetTooSoon` when the first sentinel's moment has passed
 */
export function canaries(request: CanariesRequest, primary: Side): Promise<CanariesAnswer> {
  return withSession(primary, client => plant(client, request), { writes: true })
}

async function plant(client: pg.Client, request: CanariesRequest): Promise<CanariesAnswer> {
  const { rows } = await client.query<{ now: string }>(NOW)
  const began = performance.now()
  const start = Date.parse(rows[0]?.now ?? '')
  const target =
    request.target === undefined ? Math.ceil(start / 1000 + LEAD) * 1000 : Date.parse(request.target)
  const first = target + (OFFSETS[0] ?? 0) * 1000
  if (!(first >= start - SLACK))
    throw new Refusal(
      'TargetTooSoon',
      `the target is ${request.target}, the primary's clock says ${rows[0]?.now}`,
      'leave the target out, or give one at least three seconds ahead',
    )
  const planted: Canary[] = []
  for (const offset of OFFSETS) {
    // By the primary's clock: where we are is its reading at the start plus what has passed since.
    const left = target + offset * 1000 - (start + performance.now() - began)
    if (left > 0) await sleep(left)
    const id = randomUUID()
    const at = await client.query<{ at: string }>(PLANT, [
      id,
      request.drill,
      new Date(target).toISOString(),
      offset,
    ])
    planted.push({ id, offset, at: at.rows[0]?.at ?? '' })
  }
  return { checks: [judge(planted, target)], target: new Date(target).toISOString(), canaries: planted }
}

function judge(planted: readonly Canary[], target: number) {
  const missed = planted.filter(
    canary => Math.abs(Date.parse(canary.at) - target - canary.offset * 1000) > SLACK,
  )
  return {
    name: 'canaries.planted',
    verdict: missed.length === 0 ? ('pass' as const) : ('unknown' as const),
    detail:
      missed.length === 0
        ? `${planted.length} sentinels were committed around ${new Date(target).toISOString()}`
        : `${missed.length} of ${planted.length} sentinels missed their moment by more than ${SLACK} ms: the primary answered too slowly`,
    asked: PLANT.trim(),
    answer: planted,
  }
}
