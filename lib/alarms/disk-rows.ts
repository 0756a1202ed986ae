import { instanceClass } from '../../config/classes.ts'
import type { EnvironmentConfig } from '../../config/schema.ts'
import type { Of } from './compute-rows.ts'
import { type AlarmRow, type Metric, row, type Signal } from './row.ts'
import type { Watched } from './watched.ts'

const AWS = 'AWS, "Recommended alarms", Amazon RDS'
const GIB = 1024 ** 3

/** Room on the disk and how quickly it answers, with bounds from what the environment asks for. */
export function diskRows(config: EnvironmentConfig, { identifier, instance }: Watched, of: Of): AlarmRow[] {
  const { size, max } = config.database.storage
  const grows = max > size
  // Autoscaling acts five minutes after a tenth is left; a page before that would page for what heals itself.
  const patience = grows ? 20 : 5
  const free = of('FreeStorageSpace', 'Minimum')
  const rows = [
    row('disk', free, {
      article: 'disk',
      severity: 'page',
      bad: 'below',
      threshold: Math.round(size * GIB * 0.1),
      unit: 'bytes',
      when: [patience, patience],
      missing: 'missing',
      summary: `the disk of ${identifier} is almost full${grows ? ' and autoscaling did not help' : ''}`,
      derivation: `10 % of the ${size} GiB that the environment asks for${grows ? `; ${patience} minutes, because autoscaling acts after five` : ''}`,
      awsRecommends:
        'minimum below 10 % of the allocated storage, 5 of 5 minutes; not useful with autoscaling',
    }),
    row('disk-low', free, {
      article: 'disk',
      severity: 'warn',
      bad: 'below',
      threshold: Math.round(size * GIB * 0.2),
      unit: 'bytes',
      when: [5, 5],
      summary: `four fifths of the disk of ${identifier} are used`,
      causes: ['disk'],
      missing: 'missing',
      derivation: `20 % of the ${size} GiB that the environment asks for`,
    }),
    row(
      'disk-filling',
      {
        kind: 'math',
        expression: 'IF(RATE(free) < 0, free / (0 - RATE(free)) / 3600, 1000)',
        metrics: { free: metricOf(free) },
      },
      {
        article: 'disk',
        severity: 'warn',
        bad: 'below',
        threshold: 24,
        unit: 'hours',
        when: [3, 3],
        period: 3_600,
        missing: 'missing',
        summary: `at this rate the disk of ${identifier} is full within a day`,
        causes: ['disk', 'disk-low'],
        derivation: 'free bytes over the rate at which they go; a day is the time to act in office hours',
      },
    ),
    row('read-latency', of('ReadLatency', 'p90'), {
      article: 'storage-latency',
      severity: 'warn',
      bad: 'above',
      threshold: 0.02,
      unit: 'seconds',
      when: [5, 5],
      missing: 'missing',
      summary: `reads from the disk of ${identifier} are slow`,
      derivation: AWS,
      awsRecommends: 'p90 above 20 ms, 5 of 5 minutes',
    }),
    row('write-latency', of('WriteLatency', 'p90'), {
      article: 'storage-latency',
      severity: 'warn',
      bad: 'above',
      threshold: 0.02,
      unit: 'seconds',
      when: [5, 5],
      missing: 'missing',
      summary: `writes to the disk of ${identifier} are slow`,
      derivation: AWS,
      awsRecommends: 'p90 above 20 ms, 5 of 5 minutes',
    }),
  ]
  if (hasBurstBalance(instance))
    for (const [id, name] of [
      ['io-balance', 'EBSIOBalance%'],
      ['byte-balance', 'EBSByteBalance%'],
    ] as const)
      rows.push(
        row(id, of(name, 'Minimum'), {
          article: 'storage-latency',
          severity: 'warn',
          bad: 'below',
          threshold: 10,
          unit: 'percent',
          when: [3, 3],
          missing: 'missing',
          summary: `${identifier} falls back to the disk baseline of its class`,
          derivation: AWS,
          awsRecommends: 'below 10 %, 3 of 3 minutes',
        }),
      )
  return rows
}

function metricOf(signal: Signal): Metric {
  if (signal.kind !== 'metric') throw new Error('an expression is made of metrics')
  return signal.metric
}

/** Sizes up to 4xlarge burst above their disk baseline; larger ones have no balance to run out of ("Amazon EBS-optimized instances"). */
function hasBurstBalance(instance: string): boolean {
  return ['micro', 'small', 'medium', 'large', 'xlarge', '2xlarge', '4xlarge'].includes(
    instanceClass(instance).size,
  )
}
