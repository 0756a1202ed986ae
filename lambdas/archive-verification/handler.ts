import { S3Client } from '@aws-sdk/client-s3'
import { number, text } from '../runtime/environment.ts'
import { log } from '../runtime/log.ts'
import { type Metric, publish } from '../runtime/metrics.ts'
import { ENV, METRICS } from './names.ts'
import type { ArchiveReport } from './request.ts'
import { verifyArchive } from './verify.ts'

const s3 = new S3Client({})

/** Runs every day in each region, over that region's own bucket. Its event is ignored. */
export async function handler(): Promise<ArchiveReport & { readonly isFresh: boolean }> {
  const report = await verifyArchive({ s3, bucket: text(ENV.bucket) })
  const age = newestAge(report, Date.now())
  for (const { key, kind, detail } of report.histories.flatMap(history => history.faults))
    log(`${key} ${kind}: ${detail}`)
  publish({ Instance: text(ENV.instance) }, metricsOf(report, age))
  return { ...report, isFresh: age <= number(ENV.maximumAge) }
}

function metricsOf(report: ArchiveReport, age: number): Metric[] {
  const faults = report.histories.flatMap(history => history.faults)
  const gaps = faults.filter(fault => fault.kind === 'gap').length
  const segments = report.histories.reduce((sum, history) => sum + history.segments, 0)
  const counts: Metric[] = [
    { name: METRICS.verified, value: segments, unit: 'Count' },
    // An empty bucket has no fault and proves nothing: the alarm on `verified` rings for it within a day, and a
    // deployment of a minute ago wakes nobody.
    { name: METRICS.faults, value: faults.length - gaps, unit: 'Count' },
    { name: METRICS.gaps, value: gaps, unit: 'Count' },
  ]
  return Number.isFinite(age) ? [...counts, { name: METRICS.newestAge, value: age, unit: 'Seconds' }] : counts
}

/** Seconds since the newest segment of any database was sealed; infinite without one. */
function newestAge(report: ArchiveReport, now: number): number {
  const sealed = report.histories.map(history => Date.parse(history.newestSealedAt ?? ''))
  const newest = Math.max(...sealed.filter(Number.isFinite))
  return (now - newest) / 1_000
}
