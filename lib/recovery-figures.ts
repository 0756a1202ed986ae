import { type Figure, type Mechanism, mechanismsOf } from '../config/recovery.ts'
import { type EnvironmentConfig, MODES } from '../config/schema.ts'
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

/**
 * Seconds by which a figure of a working chain passes what the chain promises: RDS needs a moment to upload its log,
 * and a page for every upload that came a minute late would be a page for nothing.
 */
const UPLOAD: Readonly<Record<Figure, number>> = {
  'heartbeat-age': 0,
  'archive-behind': 0,
  'restorable-age': GRACE,
  'replica-lag': 0,
}

/** How an alarm counts: seconds of one datapoint, and how many bad ones make it ring. */
export type Counting = { readonly period: number; readonly datapoints: number }

/** A bound in seconds, and the words that say where it comes from. */
export type Bound = { readonly seconds: number; readonly derivation: string }

/**
 * How far behind the ways back that this figure speaks for may be before it is a page. So little that the alarm, with
 * the time that it takes to ring and one period more for the figure to come, rings before the objective is missed;
 * but never less than the best that the way can promise, or a working chain would ring.
 */
export function exposureBound(
  config: EnvironmentConfig,
  { figure, seenFrom }: { readonly figure: Figure; readonly seenFrom: Mechanism['seenFrom'] },
  { period, datapoints }: Counting,
): Bound {
  const bounds = MODES.flatMap(mode => {
    const way = mechanismsOf(config, mode).find(one => one.figure === figure && one.seenFrom === seenFrom)
    if (way === undefined) return []
    const least = way.rpo + UPLOAD[figure]
    const rpo = config.objectives[mode]?.rpo
    const early = (rpo ?? 0) - period * (datapoints + 1)
    if (rpo !== undefined && early >= least)
      return [
        {
          seconds: early,
          derivation: `the ${mode} RPO of ${rpo} s, less the ${rpo - early} s that it takes to ring`,
        },
      ]
    const late = UPLOAD[figure] === 0 ? '' : ` and ${UPLOAD[figure]} s for the upload`
    return [{ seconds: least, derivation: `the ${way.rpo} s that ${way.name} can promise${late}` }]
  })
  const strictest = bounds.toSorted((a, b) => a.seconds - b.seconds)[0]
  if (strictest === undefined) throw new Error(`no way back of ${config.name} is judged by ${figure}`)
  return strictest
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
