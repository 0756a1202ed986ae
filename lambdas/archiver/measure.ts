import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import type { Metric } from '../runtime/metrics.ts'
import { METRICS, SLOT } from './names.ts'
import type { ArchiverAnswer } from './request.ts'
import { type Blocker, type Lag, readBlockers, readLag, readUnpublished } from './server.ts'

/** Causes of a gap that lose nothing: an archive has to begin somewhere. */
const HARMLESS = ['archive-began']

/** How the archive stands after a run that wrote it, by the server's clock, and the tables whose changes it does not get. */
export async function measure(
  control: pg.Client,
  answer: ArchiverAnswer,
): Promise<{ readonly metrics: readonly Metric[]; readonly unpublished: readonly string[] }> {
  const lag = await readLag(control)
  if (lag === null)
    throw new Refusal('NoSlot', `slot ${SLOT} is gone`, 'the next run makes it anew and records the gap')
  // Not the age of the newest commit alone: a database that rests is not behind.
  const archived = answer.caughtUpAt ?? answer.lastCommit
  const unpublished = await readUnpublished(control)
  const metrics: Metric[] = [
    {
      name: METRICS.secondsBehind,
      value: archived === null ? 0 : Math.max(0, (lag.now.getTime() - Date.parse(archived)) / 1_000),
      unit: 'Seconds',
    },
    ...slotMetrics(lag, []),
    { name: METRICS.pollMilliseconds, value: answer.slowestMs, unit: 'Milliseconds' },
    {
      name: METRICS.gaps,
      value: answer.gaps.filter(gap => !HARMLESS.includes(gap.cause)).length,
      unit: 'Count',
    },
    { name: METRICS.unpublishedTables, value: unpublished.length, unit: 'Count' },
  ]
  return { metrics, unpublished }
}

/**
 * What a run can say that left the slot to another: how the slot stands, and for whom its making waits. Nothing of how
 * far the archive is behind, which the other knows.
 */
export async function measureSlot(
  control: pg.Client,
): Promise<{ readonly metrics: readonly Metric[]; readonly blockers: readonly Blocker[] }> {
  const blockers = await readBlockers(control)
  const lag = await readLag(control)
  const metrics: Metric[] =
    lag === null ? [{ name: METRICS.slotHealthy, value: 0, unit: 'None' }] : slotMetrics(lag, blockers)
  return { metrics, blockers }
}

function slotMetrics(lag: Lag, blockers: readonly Blocker[]): Metric[] {
  const bytes = (name: string, value: number | null): Metric[] =>
    value === null ? [] : [{ name, value, unit: 'Bytes' }]
  return [
    ...bytes(METRICS.bytesBehindConfirmed, lag.bytesBehindConfirmed),
    ...bytes(METRICS.bytesBehindRestart, lag.bytesBehindRestart),
    { name: METRICS.spillBytes, value: lag.spillBytes, unit: 'Bytes' },
    { name: METRICS.slotHealthy, value: lag.healthy ? 1 : 0, unit: 'None' },
    { name: METRICS.slotHeadroomPercent, value: lag.headroomPercent, unit: 'Percent' },
    {
      name: METRICS.slotBlockedSeconds,
      value: Math.max(0, ...blockers.map(({ age }) => age)),
      unit: 'Seconds',
    },
  ]
}
