import { json, text } from '../runtime/environment.ts'
import { type Metric, publish } from '../runtime/metrics.ts'
import { ENV, METRICS } from './names.ts'
import { type BackupCheck, type BackupReport, parseExpectations } from './request.ts'
import { verifyBackups } from './verify.ts'

/** Runs every day. Its event is ignored: what to expect stands in the environment. */
export async function handler(): Promise<BackupReport> {
  const report = await verifyBackups(parseExpectations(json(ENV.expectations)), Date.now())
  publishReport(report)
  return report
}

function publishReport({ verdict, checks }: BackupReport): void {
  const count = (wanted: string) => checks.filter(check => check.verdict === wanted).length
  publish({ Environment: text(ENV.name) }, [
    { name: METRICS.verified, value: verdict === 'pass' ? 1 : 0, unit: 'Count' },
    { name: METRICS.failed, value: count('fail'), unit: 'Count' },
    { name: METRICS.unknown, value: count('unknown'), unit: 'Count' },
  ])
  for (const check of checks) {
    const figure = ageOf(check)
    if (figure) publish({ Instance: check.subject, Region: check.region }, [figure])
  }
}

function ageOf({ name, answer }: BackupCheck): Metric | undefined {
  if (typeof answer !== 'number') return undefined
  if (name === 'instance.restorable') return { name: METRICS.restorableAge, value: answer, unit: 'Seconds' }
  if (name === 'snapshots.age') return { name: METRICS.snapshotAge, value: answer, unit: 'Seconds' }
  return undefined
}
