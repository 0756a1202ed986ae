import type { MetricDataQuery } from '@aws-sdk/client-cloudwatch'
import type { Collection } from '../../state/collection.ts'
import { parseAlarmRule, ruleHolds } from './alarm-rule.ts'
import { type AlarmState, EXTRA_PERIODS, judge, type Rule } from './judgement.ts'
import { BAND_HISTORY_MS, runQueries } from './queries.ts'
import type { SeriesStore } from './series.ts'
import type { Points } from './statistics.ts'

/** An alarm as it was put, with its state. */
export type Alarm = {
  readonly name: string
  readonly arn: string
  readonly region: string
  readonly description?: string
  readonly actionsEnabled: boolean
  readonly okActions: readonly string[]
  readonly alarmActions: readonly string[]
  readonly insufficientDataActions: readonly string[]
  readonly tags: Readonly<Record<string, string>>
  readonly updatedAt: string
  readonly state: AlarmState
  readonly reason: string
  readonly changedAt: string
  /** A metric alarm has this, a composite one `rule`. */
  readonly metric?: MetricAlarm
  readonly rule?: string
}

export type MetricAlarm = Rule & {
  /** PutMetricAlarm's members as they came, for DescribeAlarms. */
  readonly input: Readonly<Record<string, unknown>>
  readonly queries: readonly MetricDataQuery[]
  /** Id of the query that is compared. */
  readonly watched: string
  /** Id of the band, for the operators that compare with one. */
  readonly band?: string
  readonly operator: string
  readonly threshold?: number
  /** Seconds. */
  readonly period: number
}

/** One entry of DescribeAlarmHistory. */
export type HistoryItem = {
  readonly alarm: string
  readonly composite: boolean
  readonly region: string
  readonly at: string
  readonly type: 'ConfigurationUpdate' | 'StateUpdate' | 'Action'
  readonly summary: string
  readonly data: string
}

const OPERATORS: Readonly<Record<string, (value: number, threshold: number) => boolean>> = {
  GreaterThanThreshold: (value, threshold) => value > threshold,
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
}

/** Operators that compare with a band. */
export const BAND_OPERATORS: readonly string[] = [
  'LessThanLowerOrGreaterThanUpperThreshold',
  'LessThanLowerThreshold',
  'GreaterThanUpperThreshold',
]

/** Every operator that an alarm may have. */
export const ALL_OPERATORS: readonly string[] = [...Object.keys(OPERATORS), ...BAND_OPERATORS]

/** A judgement with the figures that it rests on. */
export type Judged = {
  readonly state: AlarmState
  readonly reason: string
  readonly datapoints: readonly (number | null)[]
}

/** Judges a metric alarm at a time (milliseconds): the newest whole periods before it, on a grid of minutes. */
export function judgeMetricAlarm(store: SeriesStore, alarm: Alarm, metric: MetricAlarm, now: number): Judged {
  const step = metric.period * 1000
  const grid = Math.min(step, 60_000)
  const end = Math.floor(now / grid) * grid
  const times = periodsBefore(end, step, metric.evaluationPeriods + EXTRA_PERIODS, store.rests)
  // Functions such as RATE need a point before the first one that is judged.
  const start = (times[0] ?? end) - step
  const values = runQueries(store, {
    queries: metric.queries,
    region: alarm.region,
    start,
    end,
    historyMs: metric.band ? BAND_HISTORY_MS : 0,
  })
  const watched = values(metric.watched)
  const points: Points = watched?.kind === 'series' ? watched.points : new Map()
  const constant = watched?.kind === 'scalar' ? watched.value : undefined
  const band = metric.band ? values(metric.band) : undefined
  const figures = times.map(at => constant ?? points.get(at))
  const range = figures.map((value, index) => {
    if (value === undefined) return undefined
    if (band)
      return band.kind === 'band'
        ? breachesBand(metric.operator, value, band, times[index] as number)
        : undefined
    return OPERATORS[metric.operator]?.(value, metric.threshold ?? 0)
  })
  const state = judge(range, metric, alarm.state)
  return {
    state,
    reason: reasonOf(metric, state, figures, range),
    datapoints: figures.map(value => value ?? null),
  }
}

/** The newest periods before `end`, oldest first, as if the twin had never slept: none touches one of its rests. */
function periodsBefore(end: number, step: number, count: number, rests: SeriesStore['rests']): number[] {
  const times: number[] = []
  let until = end
  while (times.length < count) {
    const at = until - step
    const rest = rests.findLast(([from, to]) => from < until && to > at)
    if (rest === undefined) times.unshift(at)
    until = rest === undefined ? at : Math.floor(rest[0] / 60_000) * 60_000
  }
  return times
}

function breachesBand(
  operator: string,
  value: number,
  band: { readonly lower: Points; readonly upper: Points },
  at: number,
): boolean | undefined {
  const [lower, upper] = [band.lower.get(at), band.upper.get(at)]
  if (lower === undefined || upper === undefined) return undefined
  const isBelow = value < lower && operator !== 'GreaterThanUpperThreshold'
  const isAbove = value > upper && operator !== 'LessThanLowerThreshold'
  return isBelow || isAbove
}

const PLAIN: Readonly<Record<string, string>> = {
  GreaterThanThreshold: 'greater than',
  GreaterThanOrEqualToThreshold: 'greater than or equal to',
  LessThanThreshold: 'less than',
  LessThanOrEqualToThreshold: 'less than or equal to',
}

function reasonOf(
  metric: MetricAlarm,
  state: AlarmState,
  figures: readonly (number | undefined)[],
  range: readonly (boolean | undefined)[],
): string {
  const newest = figures.slice(-metric.evaluationPeriods)
  const shown = newest.filter(value => value !== undefined)
  const breaching = range.slice(-metric.evaluationPeriods).filter(Boolean).length
  if (shown.length === 0) return silenceReason(metric, state)
  const bound = metric.band
    ? 'outside of the band'
    : `${PLAIN[metric.operator]} the threshold (${metric.threshold})`
  return `Threshold Crossed: ${breaching} out of the last ${metric.evaluationPeriods} datapoints [${shown.join(', ')}] ${breaching === 1 ? 'was' : 'were'} ${bound} (minimum ${metric.datapointsToAlarm} ${metric.datapointsToAlarm === 1 ? 'datapoint' : 'datapoints'} for OK -> ALARM transition).`
}

function silenceReason({ evaluationPeriods: n, treatMissingData }: MetricAlarm, state: AlarmState): string {
  const datapoints = n === 1 ? '1 datapoint was' : `${n} datapoints were`
  if (state === 'INSUFFICIENT_DATA') return `Insufficient Data: ${datapoints} unknown.`
  const periods = n === 1 ? '1 period' : `${n} periods`
  const missing = n === 1 ? '1 missing datapoint was' : `${n} missing datapoints were`
  const treated = treatMissingData === 'breaching' ? 'Breaching' : 'NonBreaching'
  return `Threshold Crossed: no datapoints were received for ${periods} and ${missing} treated as [${treated}].`
}

/** Judges a composite alarm over the states of its region's alarms. */
export function judgeComposite(alarms: Collection<Alarm>, alarm: Alarm): Judged {
  const rule = parseAlarmRule(alarm.rule ?? '')
  const stateOf = (name: string): AlarmState =>
    alarms.get(`${alarm.region}/${name}`)?.state ?? 'INSUFFICIENT_DATA'
  const state = ruleHolds(rule, stateOf) ? 'ALARM' : 'OK'
  return { state, reason: `${alarm.arn} transitioned to ${state} by its rule ${alarm.rule}`, datapoints: [] }
}
