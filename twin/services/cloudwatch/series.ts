import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** The name of a series of figures. Dimensions are part of it: a metric with others is another metric. */
export type MetricName = {
  readonly region: string
  readonly namespace: string
  readonly name: string
  readonly dimensions: Readonly<Record<string, string>>
}

/** Figures that arrived for one metric at one time: values with how often each came. `at` in milliseconds. */
export type Sample = MetricName & {
  readonly at: number
  readonly values: readonly (readonly [number, number])[]
  readonly unit: string
  /** Seconds to which `at` is rounded down: 1 for high-resolution metrics, else 60. */
  readonly resolution: 1 | 60
}

/** What is known of one metric in one slot of its resolution. */
export type Slot = { readonly unit: string; readonly values: [number, number][] }

/** All series of a twin. */
export type SeriesStore = {
  /** @param logGroup by which it came, for a figure out of a log */
  put(sample: Sample, logGroup?: string): void
  /** Slots of a metric from `start` up to but not `end`, milliseconds, oldest first. */
  read(metric: MetricName, start: number, end: number): [number, Slot][]
  list(region: string): MetricName[]
  /**
   * Lets a minute pass in which nothing changes: all that was moves a minute back, and who spoke within the last minute
   * and a half says the same once more, but what came by a log group that is over.
   */
  repeatMinute(isOver: (region: string, logGroup: string) => boolean): void
  /** Writes what minutes were repeated to the file. */
  save(): void
  /** Times in which the twin was down, `[from, to)` in milliseconds, oldest first: in them nobody could speak. */
  readonly rests: readonly (readonly [number, number])[]
}

/** CloudWatch keeps one-minute data for 15 days; older is dropped when the twin starts. */
const KEPT_MS = 15 * 86_400_000

function keyOf({ region, namespace, name, dimensions }: MetricName): string {
  const sorted = Object.entries(dimensions).sort(([left], [right]) => (left < right ? -1 : 1))
  return JSON.stringify([region, namespace, name, sorted])
}

const MINUTE_MS = 60_000

/** Who spoke within this time goes on: what is said every minute may come a little late. */
const LATELY_MS = 90_000

/** As long as this a living twin is never silent: its databases speak every minute. */
const SILENCE_MS = 2 * MINUTE_MS

type Series = {
  readonly metric: MetricName
  slots: Map<number, Slot>
  sorted: number[] | undefined
  /** When something came last, whatever time it spoke of, milliseconds. */
  heard: number
  /** The log group by which it came last. */
  logGroup: string | undefined
}

/** Opens the series kept in `file` (JSON lines). `clock` in milliseconds. */
export function openSeries(file: string, clock: () => number): SeriesStore {
  const now = clock()
  const all = new Map<string, Series>()
  mkdirSync(dirname(file), { recursive: true })
  const add = (sample: Sample): Series => {
    const key = keyOf(sample)
    const { region, namespace, name, dimensions } = sample
    const series: Series = all.get(key) ?? {
      metric: { region, namespace, name, dimensions },
      slots: new Map<number, Slot>(),
      sorted: undefined,
      heard: 0,
      logGroup: undefined,
    }
    all.set(key, series)
    const step = sample.resolution * 1000
    const at = Math.floor(sample.at / step) * step
    const slot = series.slots.get(at)
    if (slot) slot.values.push(...sample.values.map(([value, count]): [number, number] => [value, count]))
    else {
      series.slots.set(at, {
        unit: sample.unit,
        values: sample.values.map(([value, count]) => [value, count]),
      })
      series.sorted = undefined
    }
    return series
  }
  const kept = readKept(file, now - KEPT_MS)
  for (const sample of kept) add(sample)
  writeLines(file, kept)
  return {
    rests: restsOf(
      kept.map(({ at }) => at),
      now,
    ),
    repeatMinute: isOver => {
      for (const series of all.values()) {
        const { metric, logGroup } = series
        const isSilent = logGroup !== undefined && isOver(metric.region, logGroup)
        repeatMinute(series, isSilent ? Number.POSITIVE_INFINITY : clock() - LATELY_MS, clock())
      }
    },
    save: () => writeLines(file, [...all.values()].flatMap(samplesOf)),
    put: (sample, logGroup) => {
      Object.assign(add(sample), { heard: clock(), logGroup })
      appendFileSync(file, `${JSON.stringify(sample)}\n`)
    },
    read: (metric, start, end) => {
      const series = all.get(keyOf(metric))
      if (!series) return []
      series.sorted ??= [...series.slots.keys()].sort((left, right) => left - right)
      return between(series.sorted, start, end).map(at => [at, series.slots.get(at) as Slot])
    },
    list: region =>
      [...all.values()].filter(({ metric }) => metric.region === region).map(({ metric }) => metric),
  }
}

/** @param since who was heard before says nothing more */
function repeatMinute(series: Series, since: number, now: number): void {
  series.slots = new Map([...series.slots].map(([at, slot]) => [at - MINUTE_MS, slot]))
  series.sorted = undefined
  const minute = Math.floor(now / MINUTE_MS) * MINUTE_MS - MINUTE_MS
  const newest = Math.max(...series.slots.keys())
  if (series.heard < since || newest >= minute) return
  const { unit, values } = series.slots.get(newest) as Slot
  series.slots.set(minute, { unit, values: values.map(([value, count]) => [value, count]) })
}

function samplesOf({ metric, slots }: Series): Sample[] {
  return [...slots].map(([at, { unit, values }]) => ({
    ...metric,
    at,
    values,
    unit,
    // What stands between two minutes was put with a resolution of a second.
    resolution: at % MINUTE_MS === 0 ? 60 : 1,
  }))
}

// Whoever was cut off by the end of a life, or waits for the first minute of the next, is silent for a minute more.
function restsOf(times: readonly number[], now: number): (readonly [number, number])[] {
  const sorted = [...times, now].sort((left, right) => left - right)
  return sorted.flatMap((to, index) => {
    const from = sorted[index - 1]
    return from === undefined || to - from < SILENCE_MS ? [] : [[from - MINUTE_MS, to + MINUTE_MS] as const]
  })
}

function writeLines(file: string, samples: readonly Sample[]): void {
  writeFileSync(file, samples.map(sample => `${JSON.stringify(sample)}\n`).join(''))
}

function between(sorted: readonly number[], start: number, end: number): number[] {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as number) < start) low = middle + 1
    else high = middle
  }
  const found: number[] = []
  for (let index = low; index < sorted.length && (sorted[index] as number) < end; index++)
    found.push(sorted[index] as number)
  return found
}

function readKept(file: string, since: number): Sample[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const samples: Sample[] = []
  for (const [index, line] of lines.entries()) {
    try {
      const sample = JSON.parse(line) as Sample
      if (sample.at >= since) samples.push(sample)
    } catch (error) {
      // A crash may cut the last line short; anywhere else the file is damaged.
      if (index !== lines.length - 1) throw error
    }
  }
  return samples
}
