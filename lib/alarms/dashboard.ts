import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import { Construct } from 'constructs'
import { mechanismsOf } from '../../config/recovery.ts'
import { type EnvironmentConfig, MODES, type Mode } from '../../config/schema.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import { METRICS as WORKLOAD } from '../../lambdas/workload/names.ts'
import { figureOf } from '../recovery-figures.ts'
import { alarmName } from './alarms.ts'
import { AREAS, type Area, catalogue } from './catalogue.ts'
import type { AlarmRow, Metric } from './row.ts'

type Widget = {
  readonly type: string
  readonly width: number
  readonly height: number
  readonly properties: Record<string, unknown>
}

// CloudWatch's grid is 24 wide; three graphs stand side by side.
const WIDTH = 8
const HEIGHT = 6
// An alarm widget shows a hundred alarms, a dashboard five hundred widgets.
const MOST_ALARMS = 100

export type DashboardProps = {
  readonly config: EnvironmentConfig
  readonly region: AlarmRow['region']
  readonly partition: string
}

/**
 * One dashboard a region: the objectives and their proofs on top, then every graph of the catalogue with its bound
 * drawn in, area by area; what has no alarm has no graph but the percentiles of the query time.
 */
export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id)
    const { config } = props
    new cloudwatch.CfnDashboard(this, 'Dashboard', {
      dashboardName: config.name,
      dashboardBody: JSON.stringify({ start: '-PT12H', widgets: widgets(props) }),
    })
  }
}

function widgets({ config, region, partition }: DashboardProps): Widget[] {
  const place = region === 'home' ? config.region : config.standbyRegion
  const areas = catalogue(config)
  const spoken = (area: Area) => areas[area].filter(row => row.region === region && row.severity !== 'inner')
  const shown = AREAS.flatMap(area => {
    const rows = spoken(area)
    const more = area === 'workload' ? [percentiles(config)] : []
    return rows.length === 0 ? [] : [heading(area), ...more, ...graphs(config, rows, place)]
  })
  const rows = AREAS.flatMap(spoken)
  return [
    objectives(config),
    alarmState(config, rows, `arn:${partition}:cloudwatch:${place}:${config.account}:alarm:`),
    ...shown,
  ]
}

const TITLES: Readonly<Record<Area, string>> = {
  recovery: 'Recovery: heartbeats, backups, drills',
  archive: 'Archive and its copy',
  database: 'Database instances',
  workload: 'Workload: statements, locks, bloat',
  pool: 'Connection pool and traffic',
  cache: 'Cache',
}

function heading(area: Area): Widget {
  return { type: 'text', width: 24, height: 1, properties: { markdown: `## ${TITLES[area]}` } }
}

function objectives(config: EnvironmentConfig): Widget {
  const rows = Object.entries(config.objectives).map(([mode, { rpo, rto }]) => {
    const drill = config.drills[mode as keyof typeof config.drills]
    const proof =
      drill === undefined ? 'measured when it happens' : `drilled every ${drill.every / 86_400} days`
    const ways = mechanismsOf(config, mode as Mode).map(({ label }) => label)
    return `| ${mode} | ${rpo} s | ${rto} s | ${ways.join(', ') || 'nothing'} | ${proof} |`
  })
  const markdown = [
    `# ${config.name}`,
    '| failure | may lose | may take | comes back by | proof |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n')
  return { type: 'text', width: 12, height: HEIGHT, properties: { markdown } }
}

function alarmState(config: EnvironmentConfig, rows: readonly AlarmRow[], prefix: string): Widget {
  const pagesFirst = [...rows].sort((a, b) =>
    a.severity === b.severity ? 0 : a.severity === 'page' ? -1 : 1,
  )
  const alarms = pagesFirst.slice(0, MOST_ALARMS).map(row => `${prefix}${alarmName(config, row.id)}`)
  return {
    type: 'alarm',
    width: 12,
    height: HEIGHT,
    properties: { title: 'Alarms', sortBy: 'stateUpdatedTimestamp', alarms },
  }
}

/** How long statements take, from the usual to the worst: only the p95 has a bound. */
function percentiles({ name, region }: EnvironmentConfig): Widget {
  const metrics = [WORKLOAD.p50, WORKLOAD.p95, WORKLOAD.p99].map(metric =>
    line({ namespace: NAMESPACE, name: metric, dimensions: { Instance: name }, statistic: 'Average' }, {}),
  )
  return {
    type: 'metric',
    width: WIDTH,
    height: HEIGHT,
    properties: { title: 'query time (milliseconds)', region, period: 300, view: 'timeSeries', metrics },
  }
}

/** One graph for the rows that watch the same thing, with a line for each bound. */
function graphs(config: EnvironmentConfig, rows: readonly AlarmRow[], region: string): Widget[] {
  const groups = Map.groupBy(rows, row => JSON.stringify(row.signal))
  return [...groups.values()].flatMap(same => {
    const first = same[0]
    return first === undefined ? [] : [graph(config, first, same, region)]
  })
}

function graph(config: EnvironmentConfig, row: AlarmRow, same: readonly AlarmRow[], region: string): Widget {
  const alarms = same
    .filter(({ signal }) => signal.kind !== 'anomaly')
    .map(({ threshold, severity }) => ({
      value: threshold,
      label: severity,
      color: severity === 'page' ? '#d13212' : '#ff9900',
    }))
  const bounds = [...alarms, ...allowed(config, row)]
  return {
    type: 'metric',
    width: WIDTH,
    height: HEIGHT,
    properties: {
      title: `${row.id} (${row.unit})`,
      region,
      period: row.period,
      view: 'timeSeries',
      metrics: series(row),
      ...(bounds.length > 0 ? { annotations: { horizontal: bounds } } : {}),
    },
  }
}

/** What each objective allows, on the graph of a figure that says how far behind its way back is. */
function allowed(config: EnvironmentConfig, { signal, region }: AlarmRow) {
  if (signal.kind !== 'metric') return []
  const { namespace, name, dimensions } = signal.metric
  const shown = JSON.stringify([namespace, name, dimensions])
  return MODES.flatMap(mode => {
    const objective = config.objectives[mode]
    const isJudged = mechanismsOf(config, mode).some(way => {
      const figure = figureOf(config, way)
      return (
        way.seenFrom === region &&
        way.synchronous !== true &&
        figure !== undefined &&
        JSON.stringify([figure.namespace, figure.name, figure.dimensions]) === shown
      )
    })
    return objective === undefined || !isJudged
      ? []
      : [{ value: objective.rpo, label: `${mode} allows`, color: '#1f77b4' }]
  })
}

function series({ id, signal }: AlarmRow): unknown[] {
  if (signal.kind === 'metric') return [line(signal.metric, {})]
  if (signal.kind === 'anomaly')
    return [
      line(signal.metric, { id: 'usual' }),
      [{ id: 'band', expression: `ANOMALY_DETECTION_BAND(usual, ${signal.deviations})`, label: 'usual' }],
    ]
  return [
    ...Object.entries(signal.metrics).map(([name, metric]) => line(metric, { id: name, visible: false })),
    [{ id: 'result', expression: signal.expression, label: id }],
  ]
}

function line(
  { namespace, name, dimensions, statistic }: Metric,
  options: Record<string, unknown>,
): unknown[] {
  return [namespace, name, ...Object.entries(dimensions).flat(), { stat: statistic, ...options }]
}
