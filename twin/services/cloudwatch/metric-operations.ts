import type {
  GetMetricDataCommandInput,
  GetMetricStatisticsCommandInput,
  ListMetricsCommandInput,
  MetricDatum,
  PutMetricDataCommandInput,
} from '@aws-sdk/client-cloudwatch'
import { type Operation, WireError } from '../../wire/call.ts'
import { BAND_HISTORY_MS, metricOf, runQueries } from './queries.ts'
import type { Sample, SeriesStore } from './series.ts'
import { type Points, readPoints } from './statistics.ts'

const UNITS = new Set(
  'Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes Bits Kilobits Megabits Gigabits Terabits Percent Count Bytes/Second Kilobytes/Second Megabytes/Second Gigabytes/Second Terabytes/Second Bits/Second Kilobits/Second Megabits/Second Gigabits/Second Terabits/Second Count/Second None'.split(
    ' ',
  ),
)

/** CloudWatch refuses figures from further away than this. */
const OLDEST_MS = 14 * 86_400_000
const NEWEST_MS = 2 * 3_600_000

function valuesOf(datum: MetricDatum): [number, number][] {
  if (datum.StatisticValues) return fromStatistics(datum.StatisticValues as never)
  if (datum.Values) return datum.Values.map((value, index) => [value, datum.Counts?.[index] ?? 1])
  return [[datum.Value ?? Number.NaN, 1]]
}

// A set of statistics keeps its sum, count and extremes; what lies between is the average of the rest.
function fromStatistics(set: {
  SampleCount: number
  Sum: number
  Minimum: number
  Maximum: number
}): [number, number][] {
  const { SampleCount: count, Sum: sum, Minimum: least, Maximum: most } = set
  if (count <= 2)
    return count === 1
      ? [[sum, 1]]
      : [
          [least, 1],
          [most, 1],
        ]
  return [
    [least, 1],
    [most, 1],
    [(sum - least - most) / (count - 2), count - 2],
  ]
}

function sampleOf(datum: MetricDatum, namespace: string, region: string, now: number): Sample {
  const at = datum.Timestamp?.getTime() ?? now
  const values = valuesOf(datum)
  const refuse = (message: string) => new WireError('InvalidParameterValue', message)
  if (values.some(([value]) => !Number.isFinite(value))) {
    throw refuse(`The value for parameter MetricData.member.Value of ${datum.MetricName} is not a number.`)
  }
  if (datum.Unit !== undefined && !UNITS.has(datum.Unit))
    throw refuse(`${datum.Unit} is no unit of CloudWatch.`)
  if (at < now - OLDEST_MS || at > now + NEWEST_MS) {
    throw refuse(
      `The timestamp of ${datum.MetricName} must be within the last two weeks and at most two hours ahead.`,
    )
  }
  return {
    ...metricOf({ ...datum, Namespace: namespace }, region),
    at,
    values,
    unit: datum.Unit ?? 'None',
    resolution: datum.StorageResolution === 1 ? 1 : 60,
  }
}

/** PutMetricData, GetMetricData, GetMetricStatistics, ListMetrics. */
export function metricOperations(store: SeriesStore, clock: () => number): Record<string, Operation> {
  return {
    PutMetricData: {
      questions: (input: PutMetricDataCommandInput) => [
        {
          action: 'cloudwatch:PutMetricData',
          resource: '*',
          context: { 'cloudwatch:namespace': input.Namespace ?? '' },
        },
      ],
      run: (input: PutMetricDataCommandInput, call) => {
        if (input.EntityMetricData)
          throw new WireError('InvalidParameterValue', 'The twin takes no EntityMetricData.')
        const samples = (input.MetricData ?? []).map(datum =>
          sampleOf(datum, input.Namespace ?? '', call.region, clock()),
        )
        for (const sample of samples) store.put(sample)
        return {}
      },
    },
    GetMetricData: {
      questions: () => [{ action: 'cloudwatch:GetMetricData', resource: '*' }],
      run: (input: GetMetricDataCommandInput, call) => getData(store, input, call.region),
    },
    GetMetricStatistics: {
      questions: () => [{ action: 'cloudwatch:GetMetricStatistics', resource: '*' }],
      run: (input: GetMetricStatisticsCommandInput, call) => getStatistics(store, input, call.region),
    },
    ListMetrics: {
      questions: () => [{ action: 'cloudwatch:ListMetrics', resource: '*' }],
      run: (input: ListMetricsCommandInput, call) => list(store, input, call.region),
    },
  }
}

function getData(store: SeriesStore, input: GetMetricDataCommandInput, region: string) {
  const queries = input.MetricDataQueries ?? []
  const [start, end] = [input.StartTime?.getTime() ?? 0, input.EndTime?.getTime() ?? 0]
  if (start >= end)
    throw new WireError('ValidationError', 'The parameter StartTime must be less than the parameter EndTime.')
  const period = Math.max(...queries.map(query => query.MetricStat?.Period ?? query.Period ?? 0), 60) * 1000
  const from = Math.floor(start / period) * period
  const values = runQueries(store, { queries, region, start: from, end, historyMs: BAND_HISTORY_MS })
  const ascending = input.ScanBy === 'TimestampAscending'
  const results = queries
    .filter(query => query.ReturnData !== false)
    .flatMap(query => {
      const label = query.Label ?? query.MetricStat?.Metric?.MetricName ?? query.Expression ?? query.Id
      const value = values(query.Id ?? '')
      const shown = (points: Points, suffix = '') => result(query.Id, `${label}${suffix}`, points, ascending)
      if (value?.kind === 'band') return [shown(value.lower, ' (lower)'), shown(value.upper, ' (upper)')]
      if (value?.kind === 'many') return value.series.map((points, index) => shown(points, ` ${index + 1}`))
      if (value?.kind === 'scalar') return [shown(new Map([[from, value.value]]))]
      return value ? [shown(value.points)] : []
    })
  return { MetricDataResults: results, Messages: [] }
}

function result(Id: string | undefined, Label: string, points: Points, ascending: boolean) {
  const pairs = [...points].sort(([left], [right]) => (ascending ? left - right : right - left))
  return {
    Id,
    Label,
    Timestamps: pairs.map(([at]) => new Date(at)),
    Values: pairs.map(([, value]) => value),
    StatusCode: 'Complete',
  }
}

function getStatistics(store: SeriesStore, input: GetMetricStatisticsCommandInput, region: string) {
  const period = input.Period ?? 60
  const start = Math.floor((input.StartTime?.getTime() ?? 0) / (period * 1000)) * period * 1000
  const end = input.EndTime?.getTime() ?? 0
  const wanted = [...(input.Statistics ?? []), ...(input.ExtendedStatistics ?? [])]
  if (wanted.length === 0)
    throw new WireError(
      'InvalidParameterCombination',
      'At least one of Statistics and ExtendedStatistics must be given.',
    )
  const metric = metricOf(input, region)
  const unit = input.Unit
  const byName = wanted.map(
    statistic =>
      [
        statistic,
        readPoints(store, { metric, statistic, period, start, end, ...(unit && { unit }) }),
      ] as const,
  )
  const times = [...(byName[0]?.[1].keys() ?? [])].sort((left, right) => left - right)
  const [first] = store.read(metric, start, end)
  return {
    Label: input.MetricName,
    Datapoints: times.map(at => ({
      Timestamp: new Date(at),
      Unit: unit ?? first?.[1].unit ?? 'None',
      ...Object.fromEntries(
        byName.filter(([name]) => !name.startsWith('p')).map(([name, points]) => [name, points.get(at)]),
      ),
      ...(input.ExtendedStatistics && {
        ExtendedStatistics: Object.fromEntries(
          byName
            .filter(([name]) => name.startsWith('p'))
            .map(([name, points]) => [name, points.get(at) ?? 0]),
        ),
      }),
    })),
  }
}

/** Metrics a page. */
const PAGE = 500

function list(store: SeriesStore, input: ListMetricsCommandInput, region: string) {
  const found = store
    .list(region)
    .filter(({ namespace }) => input.Namespace === undefined || namespace === input.Namespace)
    .filter(({ name }) => input.MetricName === undefined || name === input.MetricName)
    .filter(({ dimensions }) =>
      (input.Dimensions ?? []).every(({ Name = '', Value }) =>
        Value === undefined ? Name in dimensions : dimensions[Name] === Value,
      ),
    )
  const from = Number(input.NextToken ?? 0)
  return {
    Metrics: found.slice(from, from + PAGE).map(({ namespace, name, dimensions }) => ({
      Namespace: namespace,
      MetricName: name,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    })),
    ...(found.length > from + PAGE && { NextToken: String(from + PAGE) }),
  }
}
