import { expect, test } from '@jest/globals'
import { dev } from '../../../config/dev.ts'
import { parseConfig } from '../../../config/parse.ts'
import { prod } from '../../../config/prod.ts'
import { staging } from '../../../config/staging.ts'
import { catalogue } from '../../../lib/alarms/catalogue.ts'
import type { AlarmRow } from '../../../lib/alarms/row.ts'
import { assembly, type Resource } from '../../support/assembly.ts'

/**
 * What AWS publishes, by namespace and set of dimensions, with its unit: "Amazon CloudWatch metrics for Amazon RDS",
 * "Monitoring RDS Proxy metrics", "Metrics for Valkey and Redis OSS", "Amazon S3 metrics and dimensions", "Monitoring
 * AWS Backup metrics with CloudWatch".
 */
const PUBLISHED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'AWS/RDS DBInstanceIdentifier': {
    CPUSurplusCreditsCharged: 'count',
    CPUUtilization: 'percent',
    DatabaseConnections: 'count',
    DBLoad: 'sessions',
    'EBSByteBalance%': 'percent',
    'EBSIOBalance%': 'percent',
    FreeableMemory: 'bytes',
    FreeStorageSpace: 'bytes',
    MaximumUsedTransactionIDs: 'transactions',
    OldestReplicationSlotLag: 'bytes',
    ReadLatency: 'seconds',
    ReplicaLag: 'seconds',
    TransactionLogsDiskUsage: 'bytes',
    WriteLatency: 'seconds',
  },
  'AWS/RDS ProxyName': {
    ClientConnections: 'count',
    ClientConnectionsSetupFailedAuth: 'count',
    DatabaseConnectionsBorrowLatency: 'microseconds',
  },
  'AWS/RDS ProxyName,TargetGroup,TargetRole': {
    AvailabilityPercentage: 'percent',
    DatabaseConnections: 'count',
    DatabaseConnectionsCurrentlyBorrowed: 'count',
    DatabaseConnectionsCurrentlySessionPinned: 'count',
    MaxDatabaseConnectionsAllowed: 'count',
  },
  'AWS/ElastiCache CacheClusterId': {
    CacheHits: 'count',
    CacheMisses: 'count',
    CurrConnections: 'count',
    DatabaseMemoryUsagePercentage: 'percent',
    EngineCPUUtilization: 'percent',
    MasterLinkHealthStatus: 'healthy',
    ReplicationLag: 'seconds',
    SwapUsage: 'bytes',
  },
  'AWS/S3 DestinationBucket,RuleId,SourceBucket': {
    OperationsFailedReplication: 'count',
    ReplicationLatency: 'seconds',
  },
  'AWS/SNS TopicName': { NumberOfNotificationsFailed: 'count' },
  'AWS/Backup BackupVaultName': { NumberOfBackupJobsFailed: 'count', NumberOfCopyJobsFailed: 'count' },
}

const environments = { dev: parseConfig(dev), staging: parseConfig(staging), prod: parseConfig(prod) }
const names = ['dev', 'staging', 'prod'] as const
const rows = (name: (typeof names)[number]) => Object.values(catalogue(environments[name])).flat()
const metricsOf = ({ signal }: AlarmRow) =>
  signal.kind === 'math' ? Object.values(signal.metrics) : [signal.metric]
const setOf = (namespace: string, dimensions: Readonly<Record<string, string>>) =>
  `${namespace} ${Object.keys(dimensions).sort().join()}`

test.each(names)('every metric of AWS that %s watches is published under those dimensions', name => {
  const unknown = rows(name)
    .flatMap(row => metricsOf(row).map(metric => ({ id: row.id, metric })))
    .filter(({ metric }) => metric.namespace !== 'Holdfast')
    .filter(
      ({ metric }) => PUBLISHED[setOf(metric.namespace, metric.dimensions)]?.[metric.name] === undefined,
    )
    .map(({ id, metric }) => `${id}: ${metric.name} by ${setOf(metric.namespace, metric.dimensions)}`)
  expect(unknown).toEqual([])
})

test.each(names)('%s bounds each metric of AWS in the unit in which AWS publishes it', name => {
  const wrong = rows(name).flatMap(({ id, signal, unit }) => {
    if (signal.kind !== 'metric' || signal.metric.namespace === 'Holdfast') return []
    const published =
      PUBLISHED[setOf(signal.metric.namespace, signal.metric.dimensions)]?.[signal.metric.name]
    // How often something was said is a count, whatever was said.
    const wanted = signal.metric.statistic === 'SampleCount' ? 'count' : published
    return unit === wanted ? [] : [`${id}: ${unit}, want ${wanted}`]
  })
  expect(wrong).toEqual([])
})

type Line = [string, string, ...unknown[]]

/** Every metric line of a dashboard, with the title of its graph. */
function linesOf(body: string): { title: string; line: Line }[] {
  const { widgets } = JSON.parse(body) as {
    widgets: { type: string; properties: { title?: string; metrics?: unknown[][] } }[]
  }
  return widgets.flatMap(({ properties: { title = '', metrics = [] } }) =>
    metrics.flatMap(line => (typeof line[0] === 'string' ? [{ title, line: line as Line }] : [])),
  )
}

/** The account's partition is the only intrinsic that a body may hold. */
function bodyOf({ DashboardBody }: Resource['Properties']): string {
  return typeof DashboardBody === 'string'
    ? DashboardBody
    : DashboardBody['Fn::Join'][1]
        .map((piece: unknown) => (typeof piece === 'string' ? piece : 'aws'))
        .join('')
}

test.each([
  ['dev', 'monitoring', 'home'],
  ['staging', 'monitoring', 'home'],
  ['staging', 'standby-monitoring', 'standby'],
  ['prod', 'monitoring', 'home'],
  ['prod', 'standby-monitoring', 'standby'],
] as const)(
  'the dashboard of %s (%s) shows what its alarms watch, each once, and the percentiles of the query time',
  async (name, part, region) => {
    const { Properties } = (await assembly(name)).only(part, 'AWS::CloudWatch::Dashboard')
    const body = bodyOf(Properties)
    const shown = linesOf(body).map(({ line: [namespace, metric, ...rest] }) => {
      const pairs = rest.filter(item => typeof item === 'string')
      const { stat } = rest.at(-1) as { stat: string }
      return [namespace, metric, ...pairs, stat].join(' ')
    })
    const watched = rows(name)
      .filter(row => row.region === region && row.severity !== 'inner')
      .flatMap(row => metricsOf(row))
      .map(({ namespace, name: metric, dimensions, statistic }) =>
        [namespace, metric, ...Object.entries(dimensions).flat(), statistic].join(' '),
      )
    const percentiles = ['P50', 'P95', 'P99'].map(
      which => `Holdfast Query${which}Milliseconds Instance shop-${name} Average`,
    )
    expect(new Set(shown)).toEqual(new Set([...watched, ...(region === 'home' ? percentiles : [])]))
    const { widgets } = JSON.parse(body) as {
      widgets: { type: string; properties: { alarms?: string[]; title?: string } }[]
    }
    const titles = widgets.flatMap(({ type, properties }) => (type === 'metric' ? [properties.title] : []))
    expect(new Set(titles).size).toBe(titles.length)
    expect(widgets.length).toBeLessThanOrEqual(500)
    // Objectives on top, beside the alarms.
    expect(widgets.slice(0, 2).map(({ type }) => type)).toEqual(['text', 'alarm'])
    const alarms = widgets[1]?.properties.alarms ?? []
    expect(alarms.length).toBeGreaterThan(4)
    expect(alarms.filter(arn => arn.includes('grown') || arn.includes('lately'))).toEqual([])
  },
)

test('the dashboard says by which means each failure is survived, and draws what the objective allows on its figure', async () => {
  const { Properties } = (await assembly('prod')).only('monitoring', 'AWS::CloudWatch::Dashboard')
  const { widgets } = JSON.parse(bodyOf(Properties)) as {
    widgets: {
      properties: {
        title?: string
        markdown?: string
        annotations?: { horizontal: { label: string; value: number }[] }
      }
    }[]
  }
  expect(widgets[0]?.properties.markdown).toContain(
    '| bad-write | 300 s | 3600 s | change archive, point-in-time recovery | drilled every 7 days |',
  )
  const allowed = widgets.flatMap(({ properties: { title, annotations } }) =>
    (annotations?.horizontal ?? [])
      .filter(({ label }) => label.endsWith('allows'))
      .map(({ label, value }) => [title, label, value]),
  )
  expect(allowed).toEqual([
    ['restorable-age (seconds)', 'bad-write allows', 300],
    ['archive-behind (seconds)', 'bad-write allows', 300],
  ])
})
