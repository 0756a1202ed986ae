import { ArnFormat, Stack } from 'aws-cdk-lib'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../../config/schema.ts'
import type { AlarmRow, Metric, Severity, Speaks } from './row.ts'

export type AlarmsProps = {
  readonly config: EnvironmentConfig
  /** Rows of this stack's region only, with all their causes and needs. */
  readonly rows: readonly AlarmRow[]
}

/**
 * Rows become CloudWatch alarms. A row that has causes or needs becomes two: the signal, which speaks to nobody, and a
 * composite under the row's own name, which speaks only while none of the causes rings and all of the needs do. So one
 * failure wakes one person once, and its consequences stay visible.
 */
export class Alarms extends Construct {
  constructor(scope: Construct, id: string, { config, rows }: AlarmsProps) {
    super(scope, id)
    const signals = new Map(rows.map(row => [row.id, { row, alarm: this.#alarm(config, row) }]))
    const found = (row: AlarmRow, id: string) => {
      const signal = signals.get(id)
      if (signal === undefined) throw new Error(`${row.id} names ${id}, and no such alarm is here`)
      return signal
    }
    for (const row of rows.filter(isComposite)) {
      const named = [...row.causes, ...row.needs].map(id => found(row, id))
      const composite = this.#composite(config, row, new Map(named.map(({ row }) => [row.id, row])))
      for (const watched of [found(row, row.id), ...named]) composite.addResourceDependency(watched.alarm)
    }
  }

  #alarm(config: EnvironmentConfig, row: AlarmRow): cloudwatch.CfnAlarm {
    return new cloudwatch.CfnAlarm(this, pascal(row.id), {
      alarmName: signalName(config, row),
      alarmDescription: describe(config, row),
      ...watch(row),
      evaluationPeriods: row.outOf,
      datapointsToAlarm: row.datapoints,
      treatMissingData: row.missing,
      ...(isComposite(row) ? {} : actions(this, config, row.severity)),
    })
  }

  #composite(
    config: EnvironmentConfig,
    row: AlarmRow,
    named: ReadonlyMap<string, AlarmRow>,
  ): cloudwatch.CfnCompositeAlarm {
    const ringing = (watched: AlarmRow) => `ALARM("${signalName(config, watched)}")`
    const all = (ids: readonly string[]) => ids.flatMap(id => named.get(id) ?? []).map(ringing)
    return new cloudwatch.CfnCompositeAlarm(this, `${pascal(row.id)}Alone`, {
      alarmName: alarmName(config, row.id),
      alarmDescription: describe(config, row),
      alarmRule: [ringing(row), ...all(row.needs), ...all(row.causes).map(cause => `NOT ${cause}`)].join(
        ' AND ',
      ),
      ...actions(this, config, row.severity),
    })
  }
}

// A page must be seen to end. A warning's end is read in `holdfast status`: every alarm is OK for the first time when
// it has just been deployed, and a mailbox would get a letter of each.
function actions(scope: Construct, config: EnvironmentConfig, severity: Speaks) {
  if (severity === 'inner') return {}
  const topic = topicArn(scope, config, severity)
  return { alarmActions: [topic], ...(severity === 'page' ? { okActions: [topic] } : {}) }
}

/** Whether a row speaks by a composite alarm over its signal. */
function isComposite({ causes, needs }: AlarmRow): boolean {
  return causes.length + needs.length > 0
}

/** A literal ARN: the topic may stand in another stack, and an alarm must not hold that stack fast. */
export function topicArn(scope: Construct, config: EnvironmentConfig, severity: Severity): string {
  return Stack.of(scope).formatArn({
    service: 'sns',
    resource: topicName(config, severity),
    arnFormat: ArnFormat.NO_RESOURCE_NAME,
  })
}

/** Topic of a severity: `<name>-pages` or `<name>-warnings`. */
export function topicName(config: EnvironmentConfig, severity: Severity): string {
  return `${config.name}-${severity === 'page' ? 'pages' : 'warnings'}`
}

/** Name under which a row speaks. */
export function alarmName(config: EnvironmentConfig, id: string): string {
  return `${config.name}-${id}`
}

/** Name of the alarm that watches the metric: the row's own where it needs to ask no other. */
export function signalName(config: EnvironmentConfig, row: AlarmRow): string {
  return isComposite(row) ? `${alarmName(config, row.id)}.signal` : alarmName(config, row.id)
}

/** What a person reads: what is wrong, where, against what, and which article ends it. */
export function describe(config: EnvironmentConfig, row: AlarmRow): string {
  const place = row.region === 'home' ? config.region : config.standbyRegion
  const advice = row.awsRecommends === undefined ? [] : [`AWS recommends: ${row.awsRecommends}.`]
  const silence = row.missing === 'breaching' ? ['Silence rings too: no data is no good news.'] : []
  return [
    `${row.summary}.`,
    `Where: ${config.name}, ${place}.`,
    `Bound: ${row.bad} ${row.threshold} ${row.unit} (${row.derivation}).`,
    ...advice,
    ...silence,
    `Article: ${config.paging.runbook}#${row.article}`,
  ].join('\n')
}

function watch(
  row: AlarmRow,
): Partial<cloudwatch.CfnAlarmProps> & Pick<cloudwatch.CfnAlarmProps, 'comparisonOperator'> {
  const { signal, bad, threshold, period } = row
  const comparisonOperator = bad === 'above' ? 'GreaterThanThreshold' : 'LessThanThreshold'
  if (signal.kind === 'metric') {
    const { namespace, name, dimensions, statistic } = signal.metric
    return {
      comparisonOperator,
      threshold,
      namespace,
      metricName: name,
      dimensions: pairs(dimensions),
      period,
      ...stated(statistic),
    }
  }
  if (signal.kind === 'anomaly')
    return {
      comparisonOperator: 'LessThanLowerOrGreaterThanUpperThreshold',
      thresholdMetricId: 'band',
      metrics: [
        query('usual', signal.metric, period, true),
        { id: 'band', expression: `ANOMALY_DETECTION_BAND(usual, ${signal.deviations})`, returnData: true },
      ],
    }
  return {
    comparisonOperator,
    threshold,
    metrics: [
      ...Object.entries(signal.metrics).map(([id, of]) => query(id, of, period, false)),
      { id: 'result', expression: signal.expression, returnData: true },
    ],
  }
}

function stated(statistic: string): { statistic: string } | { extendedStatistic: string } {
  return statistic.startsWith('p') ? { extendedStatistic: statistic } : { statistic }
}

function query(
  id: string,
  { namespace, name, dimensions, statistic }: Metric,
  period: number,
  returnData: boolean,
): cloudwatch.CfnAlarm.MetricDataQueryProperty {
  const metric = { namespace, metricName: name, dimensions: pairs(dimensions) }
  return { id, metricStat: { metric, period, stat: statistic }, returnData }
}

function pairs(dimensions: Metric['dimensions']): { name: string; value: string }[] {
  return Object.entries(dimensions).map(([name, value]) => ({ name, value }))
}

function pascal(id: string): string {
  return id.replace(/(^|[-.])([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase())
}
