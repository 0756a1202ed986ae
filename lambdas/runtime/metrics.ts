import { NAMESPACE } from './names.ts'

/** CloudWatch units, by their wire names. */
export type Unit = 'Seconds' | 'Milliseconds' | 'Bytes' | 'Count' | 'Percent' | 'None'

export type Metric = { readonly name: string; readonly value: number; readonly unit: Unit }

/**
 * One embedded-metric-format line: CloudWatch Logs turns it into metrics, so that a function inside the VPC
 * publishes without an endpoint. All metrics of one line share the dimensions. Not finite is a bug here, not a zero.
 * @param at milliseconds since the epoch
 */
function metricLine(
  at: number,
  dimensions: Readonly<Record<string, string>>,
  metrics: readonly Metric[],
): string {
  const bad = metrics.find(metric => !Number.isFinite(metric.value))
  if (bad) throw new Error(`metric ${bad.name} is ${bad.value}`)
  return JSON.stringify({
    _aws: {
      Timestamp: at,
      CloudWatchMetrics: [
        {
          Namespace: NAMESPACE,
          Dimensions: [Object.keys(dimensions)],
          Metrics: metrics.map(metric => ({ Name: metric.name, Unit: metric.unit })),
        },
      ],
    },
    ...dimensions,
    ...Object.fromEntries(metrics.map(metric => [metric.name, metric.value])),
  })
}

/**
 * Prints the line where the Lambda runtime picks it up.
 * @param at milliseconds since the epoch, of the time that the figures speak of @default now
 */
export function publish(
  dimensions: Readonly<Record<string, string>>,
  metrics: readonly Metric[],
  at = Date.now(),
): void {
  console.log(metricLine(at, dimensions, metrics))
}
