import type { EnvironmentConfig } from '../../config/schema.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import { METRICS } from '../../lambdas/workload/names.ts'
import { type AlarmRow, metric, row } from './row.ts'

/** What the services feel: how long statements take, who waits for whom, what is undone. */
export function workloadRows(config: EnvironmentConfig): AlarmRow[] {
  const of = (name: string, statistic = 'Average') =>
    metric(NAMESPACE, name, { Instance: config.name }, statistic)
  const warn = { severity: 'warn', missing: 'ignore', period: 300 } as const
  return [
    row('queries-slow', of(METRICS.p95), {
      ...warn,
      article: 'queries',
      bad: 'above',
      threshold: 1_000,
      unit: 'milliseconds',
      when: [2, 3],
      summary: 'one statement in twenty takes longer than a second',
      derivation: 'warning of the availability plan: p95 above 1 s',
    }),
    row('queries-slow-on-average', of(METRICS.mean), {
      ...warn,
      article: 'queries',
      bad: 'above',
      threshold: 100,
      unit: 'milliseconds',
      when: [2, 3],
      summary: 'statements take longer than a tenth of a second on average',
      derivation: 'goal of the capacity plan: mean below 100 ms',
      causes: ['queries-slow'],
    }),
    row('locks', of(METRICS.lockWaits, 'Maximum'), {
      ...warn,
      article: 'locks',
      bad: 'above',
      threshold: 10,
      unit: 'count',
      when: [2, 3],
      summary: 'sessions queue for a lock',
      derivation: 'ten waiting sessions; ours',
    }),
    row('rollbacks', of(METRICS.rollbackPercent), {
      ...warn,
      article: 'rollbacks',
      bad: 'above',
      threshold: 10,
      unit: 'percent',
      when: [3, 3],
      summary: 'one transaction in ten is undone',
      derivation: 'ours: a release or a lock that makes services retry shows here first',
    }),
    row('bloat', of(METRICS.tableBloatPercent, 'Maximum'), {
      ...warn,
      article: 'bloat',
      bad: 'above',
      threshold: 50,
      unit: 'percent',
      when: [3, 3],
      summary: 'half of a large table is dead rows',
      derivation: 'ten times autovacuum_vacuum_scale_factor of the profile (0.05): vacuum is held up',
    }),
    row('index-bloat', of(METRICS.indexBloatPercent, 'Maximum'), {
      ...warn,
      article: 'bloat',
      bad: 'above',
      threshold: 50,
      unit: 'percent',
      when: [3, 3],
      summary: 'half of a large index is empty',
      derivation: 'ours: rebuilding it halves what must stay in memory',
    }),
    row('multixact', of(METRICS.multixactPercent, 'Maximum'), {
      ...warn,
      severity: 'page',
      article: 'wraparound',
      bad: 'above',
      threshold: 50,
      unit: 'percent',
      when: [2, 2],
      summary: 'half of the ids of shared row locks are used up: at the limit no row can be locked by two',
      derivation: 'ours: two and a half times autovacuum_multixact_freeze_max_age (400 000 000)',
    }),
    row('multixact-near', of(METRICS.multixactPercent, 'Maximum'), {
      ...warn,
      article: 'wraparound',
      bad: 'above',
      threshold: 30,
      unit: 'percent',
      when: [2, 2],
      summary: 'the ids of shared row locks are not freed fast enough',
      derivation: 'ours: one and a half times autovacuum_multixact_freeze_max_age (400 000 000)',
      causes: ['multixact'],
    }),
    row('slots-full', of(METRICS.slotsPercent, 'Maximum'), {
      ...warn,
      article: 'slot',
      bad: 'above',
      threshold: 80,
      unit: 'percent',
      when: [2, 3],
      summary: 'hardly a replication slot is left: neither a replica nor the archive could be made anew',
      derivation: 'ours: four fifths of max_replication_slots, by whoever may make slots',
    }),
    row('workload-unseen', of(METRICS.connectionsPercent, 'Maximum'), {
      ...warn,
      article: 'queries',
      bad: 'above',
      threshold: 80,
      unit: 'percent',
      when: [3, 3],
      missing: 'breaching',
      summary: 'the database is four fifths full of sessions, or nobody looks at its workload',
      derivation: 'warning of the availability plan: 80 %',
      causes: ['connections', 'connections-high', 'heartbeat-lately'],
    }),
  ]
}
