/** One metric as CloudWatch knows it. */
export type Metric = {
  readonly namespace: string
  readonly name: string
  readonly dimensions: Readonly<Record<string, string>>
  /** `Average`, `Minimum`, `Maximum`, `Sum`, or a percentile such as `p90`. */
  readonly statistic: string
}

/** What an alarm watches: a metric, an expression over several, or a metric against its own usual band. */
export type Signal =
  | { readonly kind: 'metric'; readonly metric: Metric }
  | { readonly kind: 'math'; readonly expression: string; readonly metrics: Readonly<Record<string, Metric>> }
  | { readonly kind: 'anomaly'; readonly metric: Metric; readonly deviations: number }

/** The unit in which the metric arrives and the threshold is written. */
export type Unit =
  | 'seconds'
  | 'microseconds'
  | 'milliseconds'
  | 'bytes'
  | 'percent'
  | 'count'
  | 'hours'
  | 'transactions'
  | 'sessions'
  | 'healthy'
  | 'deviations'

export type Severity = 'page' | 'warn'

/** `inner` speaks to nobody: other alarms ask whether it rings. */
export type Speaks = Severity | 'inner'

/**
 * One alarm as data. Everything else is made from it: the CloudWatch alarm, its text, the dashboard, the facts in
 * its runbook article, the test that feeds it a good and a bad series.
 */
export type AlarmRow = {
  /** Unique in the environment; the alarm's name is `<environment name>-<id>`. */
  readonly id: string
  /** Anchor of its article in docs/runbook.md. Alarms that end the same way share one. */
  readonly article: string
  /** What is wrong, as the person who is woken reads it. */
  readonly summary: string
  readonly signal: Signal
  /** `above`: more than the threshold is bad. `below`: less is. */
  readonly bad: 'above' | 'below'
  readonly threshold: number
  readonly unit: Unit
  /** Where the threshold comes from: the objective, class, disk or pool, or the publisher of the figure. */
  readonly derivation: string
  /** What AWS recommends for this metric, where it recommends anything. */
  readonly awsRecommends?: string
  /** Seconds of one datapoint. */
  readonly period: number
  /** So many bad datapoints … */
  readonly datapoints: number
  /** … of the last so many. */
  readonly outOf: number
  /** What silence means. */
  readonly missing: 'breaching' | 'notBreaching' | 'ignore' | 'missing'
  readonly severity: Speaks
  readonly region: 'home' | 'standby'
  /** Alarms of which this one is a mere consequence: while one of them rings, it keeps quiet. */
  readonly causes: readonly string[]
  /** Alarms that must ring, or this one keeps quiet: how the catalogue says that a young environment is no fault. */
  readonly needs: readonly string[]
}

type Common = Omit<
  AlarmRow,
  'id' | 'signal' | 'period' | 'missing' | 'region' | 'causes' | 'needs' | 'datapoints' | 'outOf'
> &
  Partial<Pick<AlarmRow, 'period' | 'missing' | 'region' | 'causes' | 'needs'>> & {
    /** `[bad, outOf]` datapoints. */
    readonly when: readonly [number, number]
  }

/** A row with the usual minute as period, silence as a fault, home as region and no cause. */
export function row(id: string, signal: Signal, { when, ...common }: Common): AlarmRow {
  return {
    period: 60,
    missing: 'breaching',
    region: 'home',
    causes: [],
    needs: [],
    ...common,
    id,
    signal,
    datapoints: when[0],
    outOf: when[1],
  }
}

/**
 * Rings with the row and for so many periods after it: what is a consequence of the row keeps quiet until it has had
 * the time to mend, and does not overtake it by a minute either, since one bad period is enough here.
 */
export function lately(of: AlarmRow, periods: number): AlarmRow {
  return {
    ...of,
    id: `${of.id}-lately`,
    severity: 'inner',
    summary: `${of.summary}, now or a moment ago`,
    derivation: `the bound of ${of.id}; ${periods} periods are what its consequences need to mend`,
    datapoints: 1,
    outOf: periods,
    causes: [],
    needs: [],
  }
}

/** A signal that is one metric. */
export function metric(
  namespace: string,
  name: string,
  dimensions: Metric['dimensions'],
  statistic: string,
): Signal {
  return { kind: 'metric', metric: { namespace, name, dimensions, statistic } }
}
