import type pg from 'pg'
import type { Metric } from '../runtime/metrics.ts'
import { parseLsn } from '../runtime/segment/lsn.ts'
import { METRICS } from './names.ts'
import type { ArchiverAnswer } from './request.ts'
import { readFlushed, readLag } from './server.ts'

/** Causes of a gap that lose nothing: an archive has to begin somewhere. */
const HARMLESS = ['archive-began']

/** How the archive stands after a run, by the server's clock. */
export async function measure(control: pg.Client, answer: ArchiverAnswer): Promise<readonly Metric[]> {
  const flushed = await readFlushed(control)
  const lag = await readLag(control)
  const idle = answer.end !== null && parseLsn(answer.end) >= flushed
  const newest = idle || answer.lastCommit === null ? null : Date.parse(answer.lastCommit)
  return [
    {
      name: METRICS.secondsBehind,
      value: newest === null ? 0 : Math.max(0, (lag.now.getTime() - newest) / 1_000),
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
