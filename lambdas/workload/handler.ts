import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../runtime/database.ts'
import { number, text } from '../runtime/environment.ts'
import { log } from '../runtime/log.ts'
import { type Metric, publish } from '../runtime/metrics.ts'
import { sealed } from '../runtime/sealed.ts'
import { ENV, METRICS } from './names.ts'
import type { Workload } from './request.ts'
import { watchWorkload } from './workload.ts'

/** Milliseconds between the two readings; the rest of the minute is for connecting and asking. */
const INTERVAL = 50_000

/** Runs every five minutes. Its event may shorten the interval: `{ "seconds": 5 }`. */
export const handler = sealed(watchForAMinute)

async function watchForAMinute(event?: { readonly seconds?: number }): Promise<Workload> {
  const instance = text(ENV.instance)
  const login = {
    host: text(ENV.host),
    port: number(ENV.port),
    database: text(ENV.database),
    user: text(ENV.user),
  }
  const client = await connect(login, { application: 'holdfast workload', statementTimeout: 30_000 })
  try {
    const pause =
      event?.seconds === undefined ? INTERVAL : Math.min(INTERVAL, Math.max(0, event.seconds * 1_000))
    const workload = await watchWorkload(client, () => sleep(pause))
    publish({ Instance: instance }, metrics(workload))
    // Only the shape of a statement: no row is in the log.
    for (const statement of workload.top) log(JSON.stringify({ instance, ...statement }))
    return workload
  } finally {
    await client.end()
  }
}

function metrics(workload: Workload): Metric[] {
  return [
    { name: METRICS.mean, value: workload.mean, unit: 'Milliseconds' },
    { name: METRICS.p50, value: workload.p50, unit: 'Milliseconds' },
    { name: METRICS.p95, value: workload.p95, unit: 'Milliseconds' },
    { name: METRICS.p99, value: workload.p99, unit: 'Milliseconds' },
    { name: METRICS.lockWaits, value: workload.lockWaits, unit: 'Count' },
    { name: METRICS.rollbackPercent, value: workload.rollbackPercent, unit: 'Percent' },
    { name: METRICS.connectionsPercent, value: workload.connectionsPercent, unit: 'Percent' },
    { name: METRICS.tableBloatPercent, value: workload.tableBloatPercent, unit: 'Percent' },
    { name: METRICS.indexBloatPercent, value: workload.indexBloatPercent, unit: 'Percent' },
    { name: METRICS.wraparoundPercent, value: workload.wraparoundPercent, unit: 'Percent' },
    { name: METRICS.multixactPercent, value: workload.multixactPercent, unit: 'Percent' },
    { name: METRICS.slotsPercent, value: workload.slotsPercent, unit: 'Percent' },
  ]
}
