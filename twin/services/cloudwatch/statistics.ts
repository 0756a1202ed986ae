import { WireError } from '../../wire/call.ts'
import type { MetricName, SeriesStore, Slot } from './series.ts'

/** Points by time (milliseconds, start of the period), oldest first. */
export type Points = Map<number, number>

/** A statistic over values with their counts; one that the twin does not compute is refused by name. */
export function statisticOf(name: string, values: readonly (readonly [number, number])[]): number {
  const count = values.reduce((sum, [, times]) => sum + times, 0)
  const sum = values.reduce((total, [value, times]) => total + value * times, 0)
  switch (name) {
    case 'SampleCount':
      return count
    case 'Sum':
      return sum
    case 'Average':
      return sum / count
    case 'Minimum':
      return Math.min(...values.map(([value]) => value))
    case 'Maximum':
      return Math.max(...values.map(([value]) => value))
    default:
      return percentile(name, values, count)
  }
}

function percentile(name: string, values: readonly (readonly [number, number])[], count: number): number {
  const rank = Number(/^p(\d{1,3}(?:\.\d+)?)$/.exec(name)?.[1])
  if (Number.isNaN(rank) || rank > 100) {
    throw new WireError('InvalidParameterValue', `The twin does not compute the statistic ${name}.`)
  }
  // Linear between the closest ranks, as CloudWatch draws percentiles of few samples.
  const sorted = values.toSorted(([left], [right]) => left - right)
  const at = (position: number): number => {
    let seen = 0
    for (const [value, times] of sorted) {
      seen += times
      if (position < seen) return value
    }
    return sorted.at(-1)?.[0] ?? Number.NaN
  }
  const exact = (rank / 100) * (count - 1)
  const low = Math.floor(exact)
  return at(low) + (at(Math.min(low + 1, count - 1)) - at(low)) * (exact - low)
}

export type StatisticRequest = {
  readonly metric: MetricName
  readonly statistic: string
  /** Seconds. */
  readonly period: number
  /** Milliseconds; a point stands for the period that begins at its time. */
  readonly start: number
  readonly end: number
  readonly unit?: string
}

/** The points of one statistic. Periods count from `start`; a period without values has no point. */
export function readPoints(store: SeriesStore, request: StatisticRequest): Points {
  const step = request.period * 1000
  const groups = new Map<number, [number, number][]>()
  for (const [at, slot] of store.read(request.metric, request.start, request.end)) {
    if (!isOfUnit(slot, request.unit)) continue
    const from = request.start + Math.floor((at - request.start) / step) * step
    const group = groups.get(from)
    if (group) group.push(...slot.values)
    else groups.set(from, [...slot.values])
  }
  return new Map([...groups].map(([at, values]) => [at, statisticOf(request.statistic, values)]))
}

const isOfUnit = (slot: Slot, unit: string | undefined) => unit === undefined || slot.unit === unit
