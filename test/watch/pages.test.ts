import { CloudWatchClient, ListMetricsCommand, type Metric } from '@aws-sdk/client-cloudwatch'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  archiverStops,
  connectionsRunOut,
  drillIsSkipped,
  fillDatabase,
  heartbeatStops,
  type Outcome,
  rehearseFaults,
  replicationStops,
  untilQuiet,
} from '../../bench/pages-cases.ts'
import { openPagesLab, type PagesLab } from '../../bench/pages-lab.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import { catalogue } from '../../lib/alarms/catalogue.ts'
import { until } from '../contract/target.ts'

// The staging environment with its deployed alarms in real time: their windows are minutes, so this file takes a
// quarter of an hour. One twin for all, in the order of its life.
const MINUTES = 60_000
let lab: PagesLab

beforeAll(async () => {
  lab = await openPagesLab('staging')
  await fillDatabase(lab)
}, 6 * MINUTES)

afterAll(() => lab?.close(), MINUTES)

const told = ({ alarm, article, pages, toPage, objective, toResolved, trouble }: Outcome) => ({
  alarm,
  article,
  pages,
  inTime: toPage !== undefined && toPage <= objective,
  resolved: toResolved !== undefined,
  trouble,
})

const well = { pages: 1, inTime: true, resolved: true, trouble: undefined }

const pagesOf = (others: readonly string[]) => others.filter(other => other.startsWith('shop-staging-pages'))

// By itself: a drill waits for the archive, which the next faults stop.
test(
  'a drill that is skipped pages once, and one that passes ends it',
  async () => {
    await untilQuiet(lab, ['heartbeat', 'archive-behind', 'connections', 'replica-lag-read-1'], 600)
    const { outcomes, others } = await rehearseFaults(lab, [drillIsSkipped(lab)])
    expect(outcomes.map(told)).toEqual([
      { alarm: 'drill-overdue-bad-write', article: 'drill-overdue', ...well },
    ])
    expect(pagesOf(others)).toEqual([])
  },
  20 * MINUTES,
)

test(
  'an archiver, a replica and the connections page once each, name their article and resolve',
  async () => {
    const { outcomes, others } = await rehearseFaults(lab, [
      archiverStops(lab),
      replicationStops(lab),
      connectionsRunOut(lab),
    ])
    expect(outcomes.map(told)).toEqual([
      { alarm: 'archive-behind', article: 'archive', ...well },
      { alarm: 'replica-lag-read-1', article: 'replica-lag', ...well },
      { alarm: 'connections', article: 'connections', ...well },
    ])
    expect(pagesOf(others)).toEqual([])
  },
  20 * MINUTES,
)

test(
  'while nobody beats, the heartbeat pages alone and resolves',
  async () => {
    await untilQuiet(lab, ['heartbeat', 'archive-behind'], 600)
    const { outcomes, others } = await rehearseFaults(lab, [heartbeatStops(lab)])
    expect(outcomes.map(told)).toEqual([{ alarm: 'heartbeat', article: 'heartbeat', ...well }])
    expect(pagesOf(others)).toEqual([])
  },
  20 * MINUTES,
)

/** Those that only a drill of that kind publishes: no negative control and no failure happened here. */
const NEEDS_A_CONTROL = ['control-missed-bad-write']

test(
  'every alarm on a metric of our own watches one that its function really publishes',
  async () => {
    const { config } = lab.deployment
    // CloudFormation cuts the names, so that only their beginnings are sure.
    const runs = {
      [config.region]: ['ArchiveV', 'BackupV', 'Fre', 'Rea', 'Wor'],
      [config.standbyRegion]: ['Arc', 'Fre'],
    }
    for (const [region, words] of Object.entries(runs))
      for (const word of words) await lab.control('run-schedule', { name: `Schedules${word}`, region })
    const rows = Object.values(catalogue(config))
      .flat()
      .filter(row => !NEEDS_A_CONTROL.includes(row.id))
    const unpublished = async () => {
      const seen = {
        home: await published(config.region),
        standby: await published(config.standbyRegion),
      }
      return rows.flatMap(({ id, region, signal }) => {
        const metrics = signal.kind === 'math' ? Object.values(signal.metrics) : [signal.metric]
        return metrics
          .filter(({ namespace }) => namespace === NAMESPACE)
          .filter(({ name, dimensions }) => !seen[region].has(keyOf(name, dimensions)))
          .map(({ name, dimensions }) => `${id}: ${keyOf(name, dimensions)}`)
      })
    }
    // The last to come is the workload, which looks twice within a minute.
    await until(async () => (await unpublished()).length === 0, 120).catch(() => {})
    expect(await unpublished()).toEqual([])
  },
  5 * MINUTES,
)

async function published(region: string): Promise<ReadonlySet<string>> {
  const client = new CloudWatchClient({ region })
  try {
    const found: Metric[] = []
    let NextToken: string | undefined
    do {
      const page = await client.send(new ListMetricsCommand({ Namespace: NAMESPACE, NextToken }))
      found.push(...(page.Metrics ?? []))
      NextToken = page.NextToken
    } while (NextToken !== undefined)
    return new Set(
      found.map(({ MetricName = '', Dimensions = [] }) =>
        keyOf(MetricName, Object.fromEntries(Dimensions.map(({ Name = '', Value = '' }) => [Name, Value]))),
      ),
    )
  } finally {
    client.destroy()
  }
}

function keyOf(name: string, dimensions: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(dimensions).sort(([a], [b]) => a.localeCompare(b))
  return `${name} ${pairs.map(pair => pair.join('=')).join(' ')}`
}
