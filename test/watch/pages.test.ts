import { existsSync } from 'node:fs'
import {
  CloudWatchClient,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  type Metric,
  paginateDescribeAlarmHistory,
  paginateDescribeAlarms,
  paginateListMetrics,
} from '@aws-sdk/client-cloudwatch'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  archiverStops,
  bothStop,
  diskFills,
  drillIsSkipped,
  type FaultCase,
  fillDatabase,
  poolExhausts,
  replicationStops,
} from '../../bench/pages-cases.ts'
import { openPagesLab, type PagesLab, untilPaged } from '../../bench/pages-lab.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import { catalogue } from '../../lib/alarms/catalogue.ts'
import { until } from '../contract/target.ts'
import { assembly } from '../support/assembly.ts'

// One twin for all, in the order of its life. Databases, functions, figures and messages are real; the minutes for
// which alarms wait pass in CloudWatch alone.
const MINUTES = 60_000
const POOLER = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].some(existsSync)

let lab: PagesLab
const began = Date.now()

beforeAll(async () => {
  lab = await openPagesLab('prod', (await assembly('prod')).directory)
  await fillDatabase(lab)
}, 6 * MINUTES)

afterAll(() => lab?.close(), MINUTES)

const alarmOf = ({ alarm }: FaultCase) => `${lab.deployment.config.name}-${alarm}`

/** What has been said on the topics of pages since then. */
const saidSince = (since: number) =>
  lab.pages
    .filter(({ topic, at }) => topic.endsWith('-pages') && at >= since)
    .map(({ alarm, state }) => `${alarm} ${state}`)

/** Alarms that said that it is over, once each, of those that had rung. The first OK of a new alarm ends nothing. */
function endedSince(ended: number, began: number): string[] {
  const rang = new Set(saidSince(began).filter(said => said.endsWith(' ALARM')))
  return saidSince(ended)
    .filter(said => said.endsWith(' OK') && rang.has(said.replace(/ OK$/, ' ALARM')))
    .map(said => said.replace(/ OK$/, ''))
    .sort()
}

/** Whether the instance's metric, which was silent then, has spoken since. */
async function heard(MetricName: string, since: number): Promise<boolean> {
  const { region, name } = lab.deployment.config
  const client = new CloudWatchClient({ region })
  try {
    const { Datapoints = [] } = await client.send(
      new GetMetricStatisticsCommand({
        Namespace: NAMESPACE,
        MetricName,
        Dimensions: [{ Name: 'Instance', Value: name }],
        StartTime: new Date(Math.floor(since / MINUTES) * MINUTES),
        EndTime: new Date(Date.now() + MINUTES),
        Period: 60,
        Statistics: ['SampleCount'],
      }),
    )
    return Datapoints.length > 0
  } finally {
    client.destroy()
  }
}

/** Whether the alarm's own figure of the newest minute, which passing minutes repeat, is beyond its bound. */
async function isBad(id: string): Promise<boolean | undefined> {
  const { config } = lab.deployment
  const row = Object.values(catalogue(config))
    .flat()
    .find(found => found.id === id)
  if (row === undefined) throw new Error(`no row ${id}`)
  const { signal } = row
  const metrics = signal.kind === 'math' ? signal.metrics : { m: signal.metric }
  const client = new CloudWatchClient({
    region: row.region === 'home' ? config.region : config.standbyRegion,
  })
  try {
    const { MetricDataResults = [] } = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(Date.now() - 3 * MINUTES),
        EndTime: new Date(Date.now() + MINUTES),
        ScanBy: 'TimestampDescending',
        MetricDataQueries: [
          ...Object.entries(metrics).map(([Id, { namespace, name, dimensions, statistic }]) => ({
            Id,
            ReturnData: signal.kind !== 'math',
            MetricStat: {
              Metric: {
                Namespace: namespace,
                MetricName: name,
                Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
              },
              Period: 60,
              Stat: statistic,
            },
          })),
          ...(signal.kind === 'math' ? [{ Id: 'result', Expression: signal.expression }] : []),
        ],
      }),
    )
    const value = MetricDataResults[0]?.Values?.[0]
    return value === undefined
      ? undefined
      : row.bad === 'above'
        ? value > row.threshold
        : value < row.threshold
  } finally {
    client.destroy()
  }
}

/** Waits until each of these metrics has spoken again. */
async function untilHeard(since: number, ...metrics: string[]): Promise<void> {
  for (const metric of metrics) await until(() => heard(metric, since), 200)
}

/** Every time that an alarm with a page began to ring, in both regions. */
async function rang(): Promise<string[]> {
  const found: string[] = []
  for (const region of lab.deployment.twin?.regions ?? []) {
    const client = new CloudWatchClient({ region })
    const types = { AlarmTypes: ['MetricAlarm' as const, 'CompositeAlarm' as const] }
    const pages = new Set<string | undefined>()
    for await (const { MetricAlarms = [], CompositeAlarms = [] } of paginateDescribeAlarms({ client }, types))
      for (const { AlarmName, AlarmActions = [] } of [...MetricAlarms, ...CompositeAlarms])
        if (AlarmActions.some(arn => arn.endsWith('-pages'))) pages.add(AlarmName)
    expect(pages.size).toBeGreaterThan(10)
    for await (const { AlarmHistoryItems = [] } of paginateDescribeAlarmHistory({ client }, types))
      for (const { AlarmName, HistorySummary = '' } of AlarmHistoryItems)
        if (pages.has(AlarmName) && HistorySummary.endsWith('to ALARM'))
          found.push(`${AlarmName}: ${HistorySummary}`)
    client.destroy()
  }
  return found
}

test(
  'a new environment pages nobody in its first three quarters of an hour',
  async () => {
    await untilHeard(began, 'HeartbeatsWritten', 'ArchiveSecondsBehind')
    await lab.pass(45)
    expect(await rang()).toEqual([])
  },
  6 * MINUTES,
)

const faults = () => [
  archiverStops(lab),
  replicationStops(lab, 'read-1'),
  replicationStops(lab, 'standby'),
  diskFills(lab),
  ...(POOLER ? [poolExhausts(lab)] : []),
  // Last: hours pass for it, in which the others are told too.
  drillIsSkipped(lab),
]

/** Those that a figure of a database tells; of the others silence and age do. */
const measured = (all: readonly FaultCase[]) =>
  all.filter(({ alarm }) => alarm !== 'archive-behind' && !alarm.startsWith('drill-overdue'))

test(
  'archiver, replica, standby, disk, pool and a skipped drill page once each, name their article and resolve',
  async () => {
    if (!POOLER) console.warn('PgBouncer is not on this machine: the pool is not exhausted')
    const since = Date.now()
    const all = faults()
    for (const fault of all.slice(0, -1)) await fault.begin()
    for (const { alarm } of measured(all)) await until(async () => (await isBad(alarm)) === true, 100)
    await all.at(-1)?.begin()
    const expected = all.map(fault => `${alarmOf(fault)} ALARM`)
    await until(async () => expected.every(one => saidSince(since).includes(one)), 30).catch(() => {})
    expect(saidSince(since).sort()).toEqual([...expected].sort())
    const articles = lab.pages
      .filter(({ at, topic }) => at >= since && topic.endsWith('-pages'))
      .map(({ description }) => description.split('#').at(-1))
    expect(articles.sort()).toEqual([
      'archive',
      'disk',
      'drill-overdue',
      ...(POOLER ? ['pool-exhausted'] : []),
      'replica-lag',
      'replica-lag',
    ])

    const ended = Date.now()
    for (const fault of all) await fault.end()
    await untilHeard(ended, 'ArchiveSecondsBehind')
    // A minute of which a part was bad is a bad one.
    for (const { alarm } of measured(all)) await until(async () => (await isBad(alarm)) === false, 100)
    await lab.pass(20)
    for (const fault of all)
      await untilPaged(lab, { alarm: alarmOf(fault), state: 'OK', since: ended, seconds: 20 })
    expect(endedSince(ended, since)).toEqual(all.map(alarmOf).sort())
    expect(saidSince(ended).filter(said => said.endsWith('ALARM'))).toEqual([])
  },
  10 * MINUTES,
)

test(
  'heartbeat and archiver that die of one cause page once, and the page resolves',
  async () => {
    const since = Date.now()
    const fault = bothStop(lab)
    await fault.begin()
    await lab.pass(6)
    await untilPaged(lab, { alarm: alarmOf(fault), state: 'ALARM', since, seconds: 20 })
    expect(saidSince(since)).toEqual(['shop-prod-heartbeat ALARM'])

    const ended = Date.now()
    await fault.end()
    await untilHeard(ended, 'HeartbeatsWritten', 'ArchiveSecondsBehind')
    await lab.pass(20)
    await untilPaged(lab, { alarm: alarmOf(fault), state: 'OK', since: ended, seconds: 20 })
    expect(endedSince(ended, since)).toEqual(['shop-prod-heartbeat'])
    expect(saidSince(ended).filter(said => said.endsWith('ALARM'))).toEqual([])
  },
  8 * MINUTES,
)

/** What AWS publishes and the twin cannot measure: it makes nothing up. */
const NOT_IN_THE_TWIN = [
  'AWS/Backup NumberOfBackupJobsFailed',
  'AWS/Backup NumberOfCopyJobsFailed',
  'AWS/ElastiCache SwapUsage',
  'AWS/RDS DatabaseConnectionsCurrentlySessionPinned',
  'AWS/RDS EBSByteBalance%',
  'AWS/RDS EBSIOBalance%',
  'AWS/RDS ReadLatency',
  'AWS/RDS WriteLatency',
  'AWS/S3 OperationsFailedReplication',
  'AWS/S3 ReplicationLatency',
]

test('every metric of AWS that is watched and drawn is seen in the twin, but those that it cannot measure', async () => {
  const { config } = lab.deployment
  const seen = new Set<string>()
  for (const region of [config.region, config.standbyRegion])
    for (const { Namespace, MetricName } of await metricsOf(region)) seen.add(`${Namespace} ${MetricName}`)
  const watched = Object.values(catalogue(config))
    .flat()
    .flatMap(({ signal }) => (signal.kind === 'math' ? Object.values(signal.metrics) : [signal.metric]))
    .map(({ namespace, name }) => `${namespace} ${name}`)
    .filter(name => name.startsWith('AWS/'))
  const unseen = [...new Set(watched)].filter(name => !seen.has(name)).sort()
  expect(unseen).toEqual(
    POOLER
      ? NOT_IN_THE_TWIN
      : unseen.filter(name => NOT_IN_THE_TWIN.includes(name) || name.includes('Connections')),
  )
})

/** Those that only a negative control publishes. */
const NEEDS_A_CONTROL = ['control-missed-bad-write']

test(
  'every alarm on a metric of our own watches one that its function really publishes',
  async () => {
    const { config } = lab.deployment
    for (const [place, output] of [
      ['home', 'ArchiveVerificationArn'],
      ['home', 'BackupVerificationArn'],
      ['home', 'ReaperArn'],
      ['standby', 'ArchiveVerificationArn'],
    ] as const)
      await lab.invoke(place, output)
    const rows = Object.values(catalogue(config))
      .flat()
      .filter(row => !NEEDS_A_CONTROL.includes(row.id))
    const unpublished = async () => {
      const seen = { home: await published(config.region), standby: await published(config.standbyRegion) }
      return rows.flatMap(({ id, region, signal }) => {
        const metrics = signal.kind === 'math' ? Object.values(signal.metrics) : [signal.metric]
        return metrics
          .filter(({ namespace }) => namespace === NAMESPACE)
          .filter(({ name, dimensions }) => !seen[region].has(keyOf(name, dimensions)))
          .map(({ name, dimensions }) => `${id}: ${keyOf(name, dimensions)}`)
      })
    }
    expect(await unpublished()).toEqual([])
  },
  5 * MINUTES,
)

async function published(region: string): Promise<ReadonlySet<string>> {
  const own = (await metricsOf(region)).filter(({ Namespace }) => Namespace === NAMESPACE)
  return new Set(
    own.map(({ MetricName = '', Dimensions = [] }) =>
      keyOf(MetricName, Object.fromEntries(Dimensions.map(({ Name = '', Value = '' }) => [Name, Value]))),
    ),
  )
}

/** Everything that has been published in that region. */
async function metricsOf(region: string): Promise<readonly Metric[]> {
  const client = new CloudWatchClient({ region })
  try {
    const found: Metric[] = []
    for await (const { Metrics = [] } of paginateListMetrics({ client }, {})) found.push(...Metrics)
    return found
  } finally {
    client.destroy()
  }
}

function keyOf(name: string, dimensions: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(dimensions).sort(([a], [b]) => a.localeCompare(b))
  return `${name} ${pairs.map(pair => pair.join('=')).join(' ')}`
}
