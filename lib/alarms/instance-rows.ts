import { instanceClass, maxConnections, slotWalLimit } from '../../config/classes.ts'
import type { EnvironmentConfig } from '../../config/schema.ts'
import { type AlarmRow, type Metric, metric, row, type Signal } from './row.ts'

const AWS = 'AWS, "Recommended alarms", Amazon RDS'
const GIB = 1024 ** 3
const MIB = 1024 ** 2

/** One database instance as the alarms see it. */
export type Watched = {
  readonly identifier: string
  /** Put behind each id: empty for the primary, `-read-1` for a replica. */
  readonly suffix: string
  readonly kind: 'primary' | 'replica' | 'standby'
  readonly instance: string
  readonly region: 'home' | 'standby'
}

/** Every instance of the environment: the primary, its replicas, the standby. */
export function watchedInstances(config: EnvironmentConfig): readonly Watched[] {
  const { name, database, standby } = config
  const primary: Watched = {
    identifier: name,
    suffix: '',
    kind: 'primary',
    instance: database.instance,
    region: 'home',
  }
  const replicas = database.replicas.map(
    (replica): Watched => ({
      identifier: `${name}-${replica.name}`,
      suffix: `-${replica.name}`,
      kind: 'replica',
      instance: replica.instance ?? database.instance,
      region: 'home',
    }),
  )
  if (!standby.enabled) return [primary, ...replicas]
  const other: Watched = {
    identifier: `${name}-standby`,
    suffix: '-standby',
    kind: 'standby',
    instance: standby.instance ?? database.instance,
    region: 'standby',
  }
  return [primary, ...replicas, other]
}

/**
 * The alarms that every instance has, with thresholds from its class and disk. None rings by silence: an instance that
 * has gone is told once, by the heartbeat of the primary or the lag of a replica, not by each of its figures.
 */
export function instanceRows(config: EnvironmentConfig, watched: Watched): AlarmRow[] {
  const { identifier, region } = watched
  const of = (name: string, statistic: string): Signal =>
    metric('AWS/RDS', name, { DBInstanceIdentifier: identifier }, statistic)
  return [...compute(watched, of), ...storage(config, watched, of)].map(made => ({
    ...made,
    id: `${made.id}${watched.suffix}`,
    causes: made.causes.map(cause => `${cause}${watched.suffix}`),
    region,
  }))
}

type Of = (name: string, statistic: string) => Signal

function compute({ identifier, instance }: Watched, of: Of): AlarmRow[] {
  const { memoryGiB, vcpus, burstable } = instanceClass(instance)
  const most = maxConnections(instance)
  const rows = [
    row('cpu', of('CPUUtilization', 'Average'), {
      article: 'cpu',
      severity: 'page',
      bad: 'above',
      threshold: 90,
      unit: 'percent',
      when: [5, 5],
      missing: 'missing',
      summary: `${identifier} has no CPU left`,
      derivation: AWS,
      awsRecommends: 'average above 90 %, 5 of 5 minutes',
    }),
    row('cpu-high', of('CPUUtilization', 'Average'), {
      article: 'scale-out',
      severity: 'warn',
      bad: 'above',
      threshold: 70,
      unit: 'percent',
      when: [15, 15],
      missing: 'missing',
      summary: `${identifier} is busy enough that one more replica pays`,
      causes: ['cpu'],
      derivation: 'capacity plan: add a replica above 70 % CPU',
    }),
    row('load', of('DBLoad', 'Average'), {
      article: 'cpu',
      severity: 'warn',
      bad: 'above',
      threshold: vcpus,
      unit: 'sessions',
      when: [15, 15],
      missing: 'missing',
      summary: `more sessions of ${identifier} want to run than it has processors`,
      causes: ['cpu'],
      derivation: `the class ${instance} has ${vcpus} vCPUs`,
      awsRecommends: 'above the number of vCPUs, 15 of 15 minutes',
    }),
    row('connections', of('DatabaseConnections', 'Maximum'), {
      article: 'connections',
      severity: 'page',
      bad: 'above',
      threshold: Math.floor(most * 0.9),
      unit: 'count',
      when: [5, 5],
      missing: 'missing',
      summary: `${identifier} will soon refuse connections`,
      derivation: `90 % of max_connections, which is ${most} on ${instance}`,
      awsRecommends: 'above 90 to 95 % of max_connections, 5 of 5 minutes',
    }),
    row('connections-high', of('DatabaseConnections', 'Maximum'), {
      article: 'connections',
      severity: 'warn',
      bad: 'above',
      threshold: Math.floor(most * 0.8),
      unit: 'count',
      when: [5, 5],
      summary: `${identifier} holds four fifths of the connections it can`,
      causes: ['connections'],
      missing: 'missing',
      derivation: `80 % of max_connections, which is ${most} on ${instance}`,
    }),
    row('memory', of('FreeableMemory', 'Minimum'), {
      article: 'memory',
      severity: 'page',
      bad: 'below',
      threshold: Math.round(memoryGiB * GIB * 0.05),
      unit: 'bytes',
      when: [15, 15],
      missing: 'missing',
      summary: `${identifier} is about to run out of memory`,
      derivation: `5 % of the ${memoryGiB} GiB of ${instance}`,
      awsRecommends: 'below 25 % of the memory, 15 of 15 minutes',
    }),
    row('memory-low', of('FreeableMemory', 'Minimum'), {
      article: 'memory',
      severity: 'warn',
      bad: 'below',
      threshold: Math.round(memoryGiB * GIB * 0.25),
      unit: 'bytes',
      when: [15, 15],
      summary: `${identifier} has less than a quarter of its memory free`,
      causes: ['memory'],
      missing: 'missing',
      derivation: `${AWS}: 25 % of the ${memoryGiB} GiB of ${instance}`,
      awsRecommends: 'below 25 % of the memory, 15 of 15 minutes',
    }),
  ]
  if (!burstable) return rows
  return [
    ...rows,
    row('credits', of('CPUSurplusCreditsCharged', 'Sum'), {
      article: 'credits',
      severity: 'warn',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [3, 3],
      period: 300,
      missing: 'notBreaching',
      summary: `${identifier} runs above its baseline and is billed for it`,
      derivation: `${instance} is burstable; a charged credit means a day's earnings are spent`,
    }),
  ]
}

function storage(config: EnvironmentConfig, { identifier, kind, instance }: Watched, of: Of): AlarmRow[] {
  const { size, max } = config.database.storage
  const grows = max > size
  // Autoscaling acts five minutes after a tenth is left; a page before that would page for what heals itself.
  const patience = grows ? 20 : 5
  const free = of('FreeStorageSpace', 'Minimum')
  const slots = slotWalLimit(config.database.storage) * MIB
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
  if (kind !== 'primary') return rows
  return [...rows, ...writerStorage(identifier, size, slots, of)]
}

/** What only a writer has: slots that hold its log back, and transaction ids that run out. */
function writerStorage(identifier: string, size: number, slots: number, of: Of): AlarmRow[] {
  return [
    row('read-latency-scale', of('ReadLatency', 'p90'), {
      article: 'scale-out',
      severity: 'warn',
      bad: 'above',
      threshold: 0.1,
      unit: 'seconds',
      when: [5, 5],
      missing: 'missing',
      summary: `reads of ${identifier} are so slow that one more replica pays`,
      derivation: 'capacity plan: add a replica above 100 ms read latency',
    }),
    row('slot', of('OldestReplicationSlotLag', 'Maximum'), {
      article: 'slot',
      severity: 'page',
      bad: 'above',
      threshold: Math.round(slots * 0.6),
      unit: 'bytes',
      when: [3, 3],
      missing: 'notBreaching',
      summary: `a replication slot of ${identifier} will soon be lost`,
      derivation: `60 % of max_slot_wal_keep_size (${slots / MIB} MiB, a fifth of the disk): at 100 % the slot is invalid`,
    }),
    row('slot-lag', of('OldestReplicationSlotLag', 'Maximum'), {
      article: 'slot',
      severity: 'warn',
      bad: 'above',
      threshold: Math.round(slots * 0.25),
      unit: 'bytes',
      when: [5, 5],
      missing: 'notBreaching',
      summary: `a replication slot of ${identifier} falls behind`,
      causes: ['slot'],
      derivation: `25 % of max_slot_wal_keep_size (${slots / MIB} MiB)`,
    }),
    row('wal', of('TransactionLogsDiskUsage', 'Maximum'), {
      article: 'slot',
      severity: 'warn',
      bad: 'above',
      threshold: Math.round(size * GIB * 0.2),
      unit: 'bytes',
      when: [5, 5],
      missing: 'missing',
      summary: `the write-ahead log fills a fifth of the disk of ${identifier}`,
      causes: ['slot'],
      derivation: `20 % of ${size} GiB: the share that slots may hold`,
    }),
    row('wraparound', of('MaximumUsedTransactionIDs', 'Maximum'), {
      article: 'wraparound',
      severity: 'page',
      bad: 'above',
      threshold: 1_000_000_000,
      unit: 'transactions',
      when: [1, 1],
      missing: 'missing',
      summary: `${identifier} runs out of transaction ids`,
      derivation: AWS,
      awsRecommends: 'above 1 000 000 000, 1 of 1 minute',
    }),
    row('wraparound-near', of('MaximumUsedTransactionIDs', 'Maximum'), {
      article: 'wraparound',
      severity: 'warn',
      bad: 'above',
      threshold: 500_000_000,
      unit: 'transactions',
      when: [1, 1],
      missing: 'missing',
      summary: `vacuum does not keep up with the transaction ids of ${identifier}`,
      causes: ['wraparound'],
      derivation:
        'two and a half times autovacuum_freeze_max_age (200 000 000): vacuum should have acted long ago',
    }),
  ]
}

/** How far a replica may be behind. The heartbeat writes every second, so an idle primary does not look like a lag. */
export function replicationRows(
  config: EnvironmentConfig,
  { identifier, suffix, kind, region }: Watched,
): AlarmRow[] {
  const lag = metric('AWS/RDS', 'ReplicaLag', { DBInstanceIdentifier: identifier }, 'Maximum')
  const rpo = config.objectives['region-loss']?.rpo
  const bound = kind === 'standby' && rpo !== undefined ? Math.min(10, rpo) : 10
  const awsRecommends = 'maximum above 60 s, 10 of 10 minutes'
  return [
    row(`replica-lag${suffix}`, lag, {
      article: 'replica-lag',
      severity: 'page',
      bad: 'above',
      threshold: bound,
      unit: 'seconds',
      when: [3, 3],
      region,
      summary: `${identifier} is behind the primary${kind === 'standby' ? ': that much would be lost with the region' : ''}`,
      derivation:
        kind === 'standby' && rpo !== undefined
          ? `the lesser of 10 s and the region-loss RPO of ${rpo} s`
          : 'critical alarm of the availability plan: 10 s',
      awsRecommends,
      causes: ['heartbeat'],
    }),
    row(`replica-lag-notable${suffix}`, lag, {
      article: 'replica-lag',
      severity: 'warn',
      bad: 'above',
      threshold: 1,
      unit: 'seconds',
      when: [5, 5],
      region,
      missing: 'missing',
      summary: `${identifier} serves reads that are more than a second old`,
      derivation: 'warning of the capacity plan: 1 s',
      awsRecommends,
      causes: [`replica-lag${suffix}`],
    }),
  ]
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
