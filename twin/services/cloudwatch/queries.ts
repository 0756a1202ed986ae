import type { MetricDataQuery } from '@aws-sdk/client-cloudwatch'
import { WireError } from '../../wire/call.ts'
import { evaluateMath, type Value } from './math.ts'
import { MathError } from './math-parser.ts'
import type { MetricName, SeriesStore } from './series.ts'
import { type Points, readPoints } from './statistics.ts'

/** Queries of GetMetricData or of an alarm, with the time they ask about (milliseconds). */
export type QueryRun = {
  readonly queries: readonly MetricDataQuery[]
  readonly region: string
  readonly start: number
  readonly end: number
  /** How far back a band looks, milliseconds. */
  readonly historyMs: number
}

/** CloudWatch trains on up to two weeks. */
export const BAND_HISTORY_MS = 14 * 86_400_000

/** The metric that a MetricStat names. */
export function metricOf(
  metric:
    | {
        Namespace?: string | undefined
        MetricName?: string | undefined
        Dimensions?: readonly { Name?: string | undefined; Value?: string | undefined }[] | undefined
      }
    | undefined,
  region: string,
): MetricName {
  return {
    region,
    namespace: metric?.Namespace ?? '',
    name: metric?.MetricName ?? '',
    dimensions: Object.fromEntries(
      (metric?.Dimensions ?? []).map(({ Name, Value }) => [Name ?? '', Value ?? '']),
    ),
  }
}

/** The period of an expression is the longest of the metrics of its request. */
const periodOf = (queries: readonly MetricDataQuery[]) =>
  Math.max(...queries.map(({ MetricStat, Period }) => MetricStat?.Period ?? Period ?? 0), 0) || 60

/** Answers the value of each query by its id. */
export function runQueries(store: SeriesStore, run: QueryRun): (id: string) => Value | undefined {
  const byId = new Map(run.queries.map(query => [query.Id ?? '', query]))
  const done = new Map<string, Value>()
  const period = periodOf(run.queries)
  const read = (query: MetricDataQuery, start: number): Points =>
    readPoints(store, {
      metric: metricOf(query.MetricStat?.Metric, run.region),
      statistic: query.MetricStat?.Stat ?? 'Average',
      period: query.MetricStat?.Period ?? period,
      start,
      end: run.end,
      ...(query.MetricStat?.Unit && { unit: query.MetricStat.Unit }),
    })
  const busy = new Set<string>()
  const value = (id: string): Value | undefined => {
    const known = done.get(id)
    const query = byId.get(id)
    if (known || !query) return known
    if (busy.has(id)) throw new WireError('ValidationError', `the expression ${id} needs itself`)
    busy.add(id)
    const found: Value = query.MetricStat
      ? { kind: 'series', points: read(query, run.start) }
      : asRefusal(() =>
          evaluateMath(query.Expression ?? '', {
            series: value,
            metricIds: run.queries.filter(each => each.MetricStat).map(each => each.Id ?? ''),
            period,
            times: timesOf(run, period),
            history: of => {
              const metric = byId.get(of)
              const step = (metric?.MetricStat?.Period ?? period) * 1000
              const back = Math.ceil(run.historyMs / step) * step
              return metric ? read(metric, run.start - back) : new Map()
            },
          }),
        )
    done.set(id, found)
    return found
  }
  return value
}

function timesOf({ start, end }: QueryRun, period: number): number[] {
  const times: number[] = []
  for (let at = start; at < end; at += period * 1000) times.push(at)
  return times
}

function asRefusal<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof MathError)) throw error
    const refusal = new WireError('ValidationError', error.message)
    refusal.cause = error
    throw refusal
  }
}
