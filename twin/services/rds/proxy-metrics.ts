import type { Rds } from './context.ts'
import type { RdsMetric } from './options.ts'
import { DEFAULT_GROUP } from './proxy-config.ts'
import type { Front } from './proxy-fronts.ts'
import type { InstanceRecord, ProxyRecord } from './records.ts'

/** What a proxy counts between two rounds of metrics. */
export type ProxyCounts = {
  /** How often it was looked whether the target answers, and how often it did. */
  looks: number
  up: number
  refusedLogins: number
  /** PgBouncer's totals of the last round. */
  totals?: Totals
  lastEmitted: number
  isBusy: boolean
  /** The proxy's region is lost, as last seen. */
  isLost: boolean
}

type Totals = { readonly pid: number; readonly waited: number; readonly borrowed: number }

export const newProxyCounts = (): ProxyCounts => ({
  looks: 0,
  up: 0,
  refusedLogins: 0,
  lastEmitted: 0,
  isBusy: false,
  isLost: false,
})

const CONSOLE = 'pgbouncer'
type Row = Readonly<Record<string, unknown>>

/** The sum of columns over all rows but the console's own. */
const sum = (rows: readonly Row[], ...columns: readonly string[]) =>
  rows
    .filter(row => row.database !== CONSOLE)
    .reduce((total, row) => total + columns.reduce((all, column) => all + Number(row[column] ?? 0), 0), 0)

/**
 * Emits what RDS Proxy publishes and PgBouncer's console can really tell: nothing is pinned in a pool by transaction,
 * so that the number of pinned connections is not said. Latencies are in microseconds, as RDS's are.
 */
export async function emitProxyMetrics(
  rds: Rds,
  proxy: ProxyRecord,
  target: InstanceRecord,
  front: Front,
): Promise<void> {
  const { emitMetric } = rds.options
  if (!emitMetric || front.counts.isLost) return
  const { counts, pooler, settings } = front
  const sender = (...sets: Readonly<Record<string, string>>[]) => {
    return (name: string, value: number, unit: RdsMetric['unit']) => {
      for (const set of sets)
        emitMetric({
          region: proxy.region,
          namespace: 'AWS/RDS',
          name,
          dimensions: { ProxyName: proxy.name, ...set },
          value,
          unit,
        })
    }
  }
  const ofClients = sender({}, { EndpointName: DEFAULT_GROUP })
  const ofDatabase = sender(
    { TargetGroup: DEFAULT_GROUP, Target: target.id },
    { TargetGroup: DEFAULT_GROUP, TargetRole: 'READ_WRITE' },
  )
  if (counts.looks > 0) ofDatabase('AvailabilityPercentage', (100 * counts.up) / counts.looks, 'Percent')
  counts.looks = 0
  counts.up = 0
  ofClients('ClientConnectionsSetupFailedAuth', counts.refusedLogins, 'Count')
  counts.refusedLogins = 0
  if (!pooler?.isRunning() || !settings) return
  const pools = await pooler.show('POOLS')
  ofClients('ClientConnections', sum(pools, 'cl_active', 'cl_waiting'), 'Count')
  ofDatabase(
    'DatabaseConnections',
    sum(pools, 'sv_active', 'sv_idle', 'sv_used', 'sv_tested', 'sv_login'),
    'Count',
  )
  ofDatabase('DatabaseConnectionsCurrentlyBorrowed', sum(pools, 'sv_active'), 'Count')
  ofDatabase('MaxDatabaseConnectionsAllowed', settings.size, 'Count')
  const stats = await pooler.show('STATS')
  const totals = {
    pid: pooler.pid,
    waited: sum(stats, 'total_wait_time'),
    borrowed: sum(stats, 'total_xact_count'),
  }
  const latency = borrowLatency(counts.totals, totals)
  if (latency !== undefined) ofClients('DatabaseConnectionsBorrowLatency', latency, 'Microseconds')
  counts.totals = totals
}

/** Microseconds that a transaction waited for its connection on average; none when there was none. */
function borrowLatency(before: Totals | undefined, now: Totals): number | undefined {
  const since = before?.pid === now.pid ? before : { waited: 0, borrowed: 0 }
  const borrowed = now.borrowed - since.borrowed
  return borrowed > 0 ? (now.waited - since.waited) / borrowed : undefined
}
