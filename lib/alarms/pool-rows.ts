import { maxConnections } from '../../config/classes.ts'
import type { EnvironmentConfig } from '../../config/schema.ts'
import { type AlarmRow, type Metric, metric, row } from './row.ts'

const NONE = 'AWS recommends nothing for RDS Proxy; this bound is ours'

/** The connection pool. Its latencies are in microseconds. */
export function poolRows(config: EnvironmentConfig): AlarmRow[] {
  if (!config.pool.enabled) return []
  const { name, pool, database } = config
  const proxy = { ProxyName: name }
  const target = { ...proxy, TargetGroup: 'default', TargetRole: 'READ_WRITE' }
  const part = (metrics: readonly [string, string]) => ({
    kind: 'math' as const,
    expression: '100 * used / total',
    metrics: { used: of(target, metrics[0], 'Maximum'), total: of(target, metrics[1], 'Maximum') },
  })
  const used = part(['DatabaseConnections', 'MaxDatabaseConnectionsAllowed'])
  const size = Math.floor((maxConnections(database.instance) * pool.maxConnectionsPercent) / 100)
  return [
    row('pool-unavailable', metric('AWS/RDS', 'AvailabilityPercentage', target, 'Minimum'), {
      article: 'pool',
      severity: 'page',
      bad: 'below',
      threshold: 100,
      unit: 'percent',
      when: [3, 3],
      summary: 'the connection pool cannot reach the writer',
      derivation: NONE,
      causes: ['heartbeat-lately'],
    }),
    row('pool-exhausted', used, {
      article: 'pool-exhausted',
      severity: 'page',
      bad: 'above',
      threshold: 95,
      unit: 'percent',
      when: [3, 3],
      missing: 'missing',
      summary: 'the connection pool is exhausted: clients wait or are refused',
      derivation: `95 % of the pool's own limit, some ${size} connections; ${NONE}`,
    }),
    row('pool-busy', used, {
      article: 'pool-exhausted',
      severity: 'warn',
      bad: 'above',
      threshold: 80,
      unit: 'percent',
      when: [5, 5],
      missing: 'missing',
      summary: 'four fifths of the connection pool are in use',
      derivation: 'warning of the availability plan: 80 %',
      causes: ['pool-exhausted'],
    }),
    row('pool-borrow-slow', metric('AWS/RDS', 'DatabaseConnectionsBorrowLatency', proxy, 'Average'), {
      article: 'pool-exhausted',
      severity: 'warn',
      bad: 'above',
      threshold: 10_000,
      unit: 'microseconds',
      when: [5, 5],
      missing: 'notBreaching',
      summary: 'clients wait for a connection of the pool',
      derivation: 'goal of the load plan: acquired within 10 ms, which is 10 000 µs',
      causes: ['pool-exhausted', 'pool-borrow-stuck'],
    }),
    row('pool-borrow-stuck', metric('AWS/RDS', 'DatabaseConnectionsBorrowLatency', proxy, 'Average'), {
      article: 'pool-exhausted',
      severity: 'page',
      bad: 'above',
      threshold: 1_000_000,
      unit: 'microseconds',
      when: [3, 5],
      missing: 'notBreaching',
      summary: 'clients wait a second and more for a connection of the pool',
      derivation: `a second in microseconds, a tenth of the borrow timeout of ${pool.borrowTimeout} s at its default; ${NONE}`,
      causes: ['pool-exhausted'],
    }),
    row(
      'pool-pinned',
      part(['DatabaseConnectionsCurrentlySessionPinned', 'DatabaseConnectionsCurrentlyBorrowed']),
      {
        article: 'pool-pinned',
        severity: 'warn',
        bad: 'above',
        threshold: 50,
        unit: 'percent',
        when: [15, 15],
        missing: 'notBreaching',
        summary: 'half of the borrowed connections are pinned to one client: the pool no longer pools',
        derivation: NONE,
      },
    ),
    row('pool-refused-logins', metric('AWS/RDS', 'ClientConnectionsSetupFailedAuth', proxy, 'Sum'), {
      article: 'pool-logins',
      severity: 'warn',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [3, 5],
      missing: 'notBreaching',
      summary: 'the connection pool refuses logins: a role or a token is wrong',
      derivation: NONE,
    }),
    row(
      'traffic-unusual',
      { kind: 'anomaly', metric: of(proxy, 'ClientConnections', 'Average'), deviations: 4 },
      {
        article: 'traffic',
        severity: 'warn',
        bad: 'above',
        threshold: 4,
        unit: 'deviations',
        when: [10, 15],
        missing: 'missing',
        summary: 'far more or far fewer clients than is usual at this hour',
        derivation: 'outside four standard deviations of what CloudWatch learnt over two weeks',
      },
    ),
  ]
}

/** Without a pool the traffic is watched at the database itself. */
export function trafficRows(config: EnvironmentConfig): AlarmRow[] {
  const connections = of({ DBInstanceIdentifier: config.name }, 'DatabaseConnections', 'Average')
  return [
    row(
      'sessions-unusual',
      { kind: 'anomaly', metric: connections, deviations: 4 },
      {
        article: 'traffic',
        severity: 'warn',
        bad: 'above',
        threshold: 4,
        unit: 'deviations',
        when: [10, 15],
        missing: 'missing',
        summary: 'far more or far fewer sessions on the primary than is usual at this hour',
        derivation: 'outside four standard deviations of what CloudWatch learnt over two weeks',
        causes: config.pool.enabled ? ['traffic-unusual'] : [],
      },
    ),
  ]
}

function of(dimensions: Metric['dimensions'], name: string, statistic: string): Metric {
  return { namespace: 'AWS/RDS', name, dimensions, statistic }
}
