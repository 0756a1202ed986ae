import type pg from 'pg'
import type { Metric } from '../runtime/metrics.ts'
import { METRICS } from './names.ts'
import type { ArchiverAnswer } from './request.ts'
import { readLag } from './server.ts'

/** Causes of a gap that lose nothing: an archive has to begin somewhere. */
const HARMLESS = ['archive-began']

/** How the archive stands after a run, by the server's clock. */
export async function measure(control: pg.Client, answer: ArchiverAnswer): Promise<readonly Metric[]> {
  const lag = await readLag(control)
  // Not the age of the newest commit alone: a database that rests is not behind.
  const archived = answer.caughtUpAt ?? answer.lastCommit
  return [
    {
      name: METRICS.secondsBehind,
      value: archived === null ? 0 : Math.max(0, (lag.now.getTime() - Date.parse(archived)) / 1_000),
      unit: 'Seconds',
    },
    { name: METRICS.bytesBehindConfirmed, value: lag.bytesBehindConfirmed, unit: 'Bytes' },
    { name: METRICS.bytesBehindRestart, value: lag.bytesBehindRestart, unit: 'Bytes' },
    { name: METRICS.spillBytes, value: lag.spillBytes, unit: 'Bytes' },
    { name: METRICS.pollMilliseconds, value: answer.slowestMs, unit: 'Milliseconds' },
    { name: METRICS.slotHealthy, value: lag.healthy ? 1 : 0, unit: 'None' },
    { name: METRICS.slotHeadroomPercent, value: lag.headroomPercent, unit: 'Percent' },
    {
      name: METRICS.gaps,
      value: answer.gaps.filter(gap => !HARMLESS.includes(gap.cause)).length,
      unit: 'Count',
    },
  ]
}
