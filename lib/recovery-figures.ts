import type { Figure, Mechanism } from '../config/recovery.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import { METRICS as ARCHIVER } from '../lambdas/archiver/names.ts'
import { METRICS as FRESHNESS } from '../lambdas/freshness/names.ts'
import { METRICS as HEARTBEAT } from '../lambdas/heartbeat/names.ts'
import { NAMESPACE } from '../lambdas/runtime/names.ts'
import type { Metric } from './alarms/row.ts'

/** Seconds between two publications of each figure. */
const EVERY: Readonly<Record<Figure, number>> = {
  'heartbeat-age': 60,
  'archive-behind': 60,
  'restorable-age': 300,
  'replica-lag': 60,
}

// A run's length and CloudWatch's minute: a figure that is so much older than its turn is still in time.
const GRACE = 120

/** Seconds at which a figure is so old that its age counts as part of it: its publisher has missed a turn. */
export function freshFor(figure: Figure): number {
  return EVERY[figure] + GRACE
}

/** The metric that says how far behind a mechanism is, in the region in which it is published. */
export function figureOf(config: EnvironmentConfig, { figure, seenFrom }: Mechanism): Metric | undefined {
  const { name } = config
  const region = seenFrom === 'home' ? config.region : config.standbyRegion
  const ours = (metric: string, dimensions: Record<string, string>): Metric => ({
    namespace: NAMESPACE,
    name: metric,
    dimensions,
    statistic: 'Maximum',
  })
  switch (figure) {
    case 'heartbeat-age':
      return ours(HEARTBEAT.age, { Instance: name })
    case 'archive-behind':
      return ours(ARCHIVER.secondsBehind, { Instance: name })
    case 'restorable-age':
      return ours(FRESHNESS.restorableAge, { Environment: name, Region: region })
    case 'replica-lag':
      return {
        namespace: 'AWS/RDS',
        name: 'ReplicaLag',
        dimensions: { DBInstanceIdentifier: `${name}-standby` },
        statistic: 'Maximum',
      }
    case undefined:
      return undefined
  }
}
