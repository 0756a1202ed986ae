import type pg from 'pg'
import { Refusal, sentence, Transient } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { asked } from './check.ts'
import type { Boundary, OpenAnswer, OpenRequest } from './request.ts'
import { openSession } from './session.ts'
import type { Side } from './side.ts'
import { type AskedSides, runToItsEnd } from './users-statement.ts'

/**
 * The end-of-recovery checkpoint is the one record whose timeline differs from the one before: its next id is where
 * the copy's own history begins, whatever was written since. A later checkpoint has forgotten it; then the next id of
 * this moment is an upper bound.
 */
export const BOUNDARY = `
select
  pg_catalog.pg_is_in_recovery() as recovering,
  c.timeline_id as timeline,
  c.prev_timeline_id as "previousTimeline",
  c.next_xid as "checkpointXid",
  pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text as "nextXid"
from pg_catalog.pg_control_checkpoint() c`

/** SQLSTATE classes and codes: wrong login, no such database. Waiting heals neither. */
const NOT_LET_IN = /^(28|3D000)/

type Row = {
  recovering: boolean
  timeline: number
  previousTimeline: number
  checkpointXid: string
  nextXid: string
}

/**
 * Connects, asks `select 1`, freezes the boundary, then runs the warm queries.
 * @throws Transient `CopyNotReady` while the copy cannot be reached or still recovers
 * @throws Refusal `CopyRefusesLogin` when it is up and knows neither the user nor the database
 */
export async function open(request: OpenRequest, sides: AskedSides): Promise<OpenAnswer> {
  const { copy } = sides
  const began = performance.now()
  const client = await reach(copy)
  try {
    await client.query('select 1')
    const firstQueryMs = performance.now() - began
    const { row, boundary } = await readBoundary(client)
    if (row.recovering)
      throw new Transient('CopyNotReady', `${copy.endpoint.identifier} is still in recovery`)
    const checks = [boundaryCheck(boundary, row)]
    for (const [at, sql] of (request.warm ?? []).entries()) checks.push(await warm(sides, at, sql))
    const warmMs = performance.now() - began
    return { checks, boundary, firstQueryMs, warmMs, warmAt: new Date().toISOString() }
  } finally {
    await client.end()
  }
}

async function reach(copy: Side): Promise<pg.Client> {
  try {
    return await openSession(copy)
  } catch (cause) {
    const { code = '' } = cause as { code?: string }
    if (NOT_LET_IN.test(code))
      throw new Refusal(
        'CopyRefusesLogin',
        `${copy.endpoint.identifier} is up and does not let Holdfast in: ${sentence(cause)}`,
        'a backup from before Holdfast was deployed holds neither its user nor its heartbeats: choose a later one',
        { cause },
      )
    throw new Transient('CopyNotReady', `${copy.endpoint.identifier} cannot be reached: ${sentence(cause)}`, {
      cause,
    })
  }
}

async function readBoundary(client: pg.Client): Promise<{ row: Row; boundary: Boundary }> {
  const row = (await client.query<Row>(BOUNDARY)).rows[0]
  if (!row) throw new Error('pg_control_checkpoint() answered no row')
  const [epoch, low] = row.checkpointXid.split(':').map(Number)
  const atEnd = (epoch ?? 0) * 2 ** 32 + (low ?? 0)
  const next = Number(row.nextXid)
  const exact = row.timeline !== row.previousTimeline
  return { row, boundary: { nextXid: String(exact ? atEnd : next), exact, timeline: row.timeline } }
}

function boundaryCheck(boundary: Boundary, row: Row): Check {
  const kind = boundary.exact ? 'exactly' : 'at the latest'
  const detail = `the copy's own history begins ${kind} with transaction ${boundary.nextXid}, on timeline ${boundary.timeline}`
  return asked('open.boundary', 'pass', detail, BOUNDARY, row)
}

async function warm(sides: AskedSides, at: number, sql: string): Promise<Check> {
  const name = `open.warm.${at + 1}`
  const began = performance.now()
  try {
    await runToItsEnd(sides, sql)
    const detail = `answered in ${(performance.now() - began).toFixed(0)} ms`
    return { name, verdict: 'pass', detail, asked: sql }
  } catch (error) {
    return { name, verdict: 'fail', detail: sentence(error), asked: sql }
  }
}
