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
  put(sample: Sample): void
  /** Slots of a metric from `start` up to but not `end`, milliseconds, oldest first. */
  read(metric: MetricName, start: number, end: number): [number, Slot][]
  list(region: string): MetricName[]
}

/** CloudWatch keeps one-minute data for 15 days; older is dropped when the twin starts. */
const KEPT_MS = 15 * 86_400_000

function keyOf({ region, namespace, name, dimensions }: MetricName): string {
  const sorted = Object.entries(dimensions).sort(([left], [right]) => (left < right ? -1 : 1))
  return JSON.stringify([region, namespace, name, sorted])
}

type Series = {
  readonly metric: MetricName
  readonly slots: Map<number, Slot>
  newest: number
  sorted: number[] | undefined
}

/** Opens the series kept in `file` (JSON lines). `now` in milliseconds. */
export function openSeries(file: string, now: number): SeriesStore {
  const all = new Map<string, Series>()
  mkdirSync(dirname(file), { recursive: true })
  const add = (sample: Sample) => {
    const key = keyOf(sample)
    const { region, namespace, name, dimensions } = sample
    const series = all.get(key) ?? {
      metric: { region, namespace, name, dimensions },
      slots: new Map<number, Slot>(),
      newest: 0,
      sorted: undefined,
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
  }
  const kept = readKept(file, now - KEPT_MS)
  for (const sample of kept) add(sample)
  writeFileSync(file, kept.map(sample => `${JSON.stringify(sample)}\n`).join(''))
  return {
    put: sample => {
      add(sample)
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
