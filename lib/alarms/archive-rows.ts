import type { EnvironmentConfig } from '../../config/schema.ts'
import { METRICS as VERIFICATION } from '../../lambdas/archive-verification/names.ts'
import { METRICS as ARCHIVER } from '../../lambdas/archiver/names.ts'
import { METRICS as EXAMINE } from '../../lambdas/examine/names.ts'
import { METRICS as FRESHNESS } from '../../lambdas/freshness/names.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import { bucketName } from '../names.ts'
import { type Bound, exposureBound } from '../recovery-figures.ts'
import { type AlarmRow, lately, metric, row } from './row.ts'

const HOUR = 3_600
/** Seconds between two looks at the newest segment. */
const SEEN_EVERY = 300

/** The change archive: how far behind, whether its slot lives, whether what was written reads back and reaches the other region. */
export function archiveRows(config: EnvironmentConfig): AlarmRow[] {
  if (!config.archive.enabled) return replicationRows(config)
  const of = (name: string, statistic: string) =>
    metric(NAMESPACE, name, { Instance: config.name }, statistic)
  const counting = { period: 60, datapoints: 2 }
  const bound = exposureBound(config, { figure: 'archive-behind', seenFrom: 'home' }, counting)
  const behind = row('archive-behind', of(ARCHIVER.secondsBehind, 'Maximum'), {
    article: 'archive',
    severity: 'page',
    bad: 'above',
    threshold: bound.seconds,
    unit: 'seconds',
    period: counting.period,
    // Silence counts once two minutes more are empty: a dead archiver is told a minute after a dead heartbeat is known,
    // so that what stops both pages once.
    when: [counting.datapoints, counting.datapoints],
    summary: 'committed changes do not reach the archive, or nobody can tell',
    derivation: bound.derivation,
    causes: ['heartbeat-lately', 'archive-slot-lost'],
  })
  return [
    behind,
    lately(behind, 10),
    row('archive-slot-lost', of(ARCHIVER.slotHealthy, 'Minimum'), {
      article: 'archive-slot',
      severity: 'page',
      bad: 'below',
      threshold: 1,
      unit: 'healthy',
      when: [1, 1],
      missing: 'ignore',
      summary: 'the replication slot of the archive is lost or invalid',
      derivation: 'the metric is 1 while the slot can be read',
    }),
    row('archive-headroom', of(ARCHIVER.slotHeadroomPercent, 'Minimum'), {
      article: 'archive-slot',
      severity: 'warn',
      bad: 'below',
      threshold: 50,
      unit: 'percent',
      when: [3, 3],
      missing: 'ignore',
      summary: 'the slot of the archive has used half of what it may hold back',
      derivation: 'half of max_slot_wal_keep_size',
      causes: ['archive-headroom-low'],
    }),
    row('archive-headroom-low', of(ARCHIVER.slotHeadroomPercent, 'Minimum'), {
      article: 'archive-slot',
      severity: 'page',
      bad: 'below',
      threshold: 25,
      unit: 'percent',
      when: [3, 3],
      missing: 'ignore',
      summary: 'the slot of the archive will soon be lost',
      derivation: 'three quarters of max_slot_wal_keep_size are used',
    }),
    row('archive-gap', of(ARCHIVER.gaps, 'Sum'), {
      article: 'archive-gap',
      severity: 'page',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [1, 1],
      missing: 'notBreaching',
      summary: 'the archive has a gap: changes between two points are in no segment',
      derivation: 'a gap is never normal',
    }),
    row('archive-unpublished', of(ARCHIVER.unpublishedTables, 'Minimum'), {
      article: 'archive-unpublished',
      severity: 'warn',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [5, 5],
      missing: 'ignore',
      summary: 'a table that should be archived is in no publication: its changes are in no segment',
      derivation:
        'a table joins in the transaction that makes it; five minutes are five tries of the archiver',
    }),
    row('archive-poll-slow', of(ARCHIVER.pollMilliseconds, 'Average'), {
      article: 'archive',
      severity: 'warn',
      bad: 'above',
      threshold: 45_000,
      unit: 'milliseconds',
      when: [5, 5],
      missing: 'ignore',
      summary: 'one round of the archiver takes almost its whole minute',
      derivation: 'three quarters of the minute between two rounds',
      causes: ['archive-behind'],
    }),
    row('archive-spill', of(ARCHIVER.spillBytes, 'Maximum'), {
      article: 'archive',
      severity: 'warn',
      bad: 'above',
      threshold: 10 * 1024 ** 3,
      unit: 'bytes',
      when: [5, 5],
      missing: 'ignore',
      summary: 'decoding spills transactions to the disk of the primary',
      derivation: 'ten gigabytes between two looks; ours',
    }),
    row('witness-missing', of(EXAMINE.witnessRows, 'Maximum'), {
      article: 'witness',
      severity: 'warn',
      bad: 'below',
      threshold: 1,
      unit: 'count',
      when: [26, 26],
      period: HOUR,
      summary: 'nobody has seen the rows of the database for more than a day',
      derivation: "seen daily: 26 hours are a day and two hours' grace",
    }),
    ...(['home', 'standby'] as const)
      .filter(region => region === 'home' || config.standby.enabled || config.database.backup.replicate)
      .flatMap(region => verificationRows(config, region)),
    ...replicationRows(config),
  ]
}

/** What was written is read back every day, at home and where it was copied to. */
function verificationRows(config: EnvironmentConfig, region: 'home' | 'standby'): AlarmRow[] {
  const place = { home: config.region, standby: config.standbyRegion }[region]
  const suffix = region === 'home' ? '' : '-standby'
  const of = (name: string, statistic: string) =>
    metric(NAMESPACE, name, { Instance: config.name }, statistic)
  const seen = (name: string, statistic: string) =>
    metric(NAMESPACE, name, { Environment: config.name, Region: place }, statistic)
  const stale = staleBound(config, region)
  return [
    row(`archive-faults${suffix}`, of(VERIFICATION.faults, 'Maximum'), {
      article: 'archive-faults',
      severity: 'page',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [1, 1],
      period: HOUR,
      missing: 'ignore',
      region,
      summary: 'a segment of the archive is missing, altered or unreadable',
      derivation: 'every segment must read back',
    }),
    row(`archive-unverified${suffix}`, of(VERIFICATION.verified, 'Maximum'), {
      article: 'archive-faults',
      severity: 'page',
      bad: 'below',
      threshold: 1,
      unit: 'count',
      when: [26, 26],
      period: HOUR,
      region,
      summary: 'the archive has not been read back for more than a day',
      derivation: "verified daily: 26 hours are a day and two hours' grace",
      causes: [`archive-faults${suffix}`],
    }),
    row(`archive-stale${suffix}`, seen(FRESHNESS.segmentAge, 'Minimum'), {
      article: region === 'home' ? 'archive' : 'archive-copy',
      severity: 'page',
      bad: 'above',
      threshold: stale.seconds,
      unit: 'seconds',
      when: [3, 3],
      period: 300,
      region,
      summary:
        region === 'home'
          ? 'no new segment has come for minutes'
          : 'the copy of the archive in the other region stands still',
      derivation: stale.derivation,
      causes: region === 'home' ? ['archive-behind-lately', 'heartbeat-lately'] : [],
    }),
  ]
}

/**
 * How old the newest segment may be. One comes every minute, because a heartbeat a second is always there to be
 * written; seen every five minutes, so a stricter objective is left to `archive-behind`.
 */
function staleBound({ objectives }: EnvironmentConfig, region: 'home' | 'standby'): Bound {
  if (region === 'standby')
    return { seconds: 1_200, derivation: 'S3 promises fifteen minutes, and a segment comes every minute' }
  const rpo = objectives['bad-write']?.rpo ?? 0
  if (rpo < SEEN_EVERY)
    return { seconds: SEEN_EVERY, derivation: `seen every ${SEEN_EVERY} s; archive-behind rings sooner` }
  return { seconds: rpo, derivation: `the bad-write RPO of ${rpo} s; a segment comes every minute` }
}

/** Whether S3 carries the archives over: fifteen minutes are what it promises. */
function replicationRows(config: EnvironmentConfig): AlarmRow[] {
  if (!config.standby.enabled && !config.database.backup.replicate) return []
  return (['segments', 'evidence', 'exports'] as const).flatMap(purpose => {
    const dimensions = {
      SourceBucket: bucketName(config, purpose, config.region),
      DestinationBucket: bucketName(config, purpose, config.standbyRegion),
      RuleId: 'other-region',
    }
    return [
      row(`copy-late-${purpose}`, metric('AWS/S3', 'ReplicationLatency', dimensions, 'Maximum'), {
        article: 'archive-copy',
        severity: 'warn',
        bad: 'above',
        threshold: 900,
        unit: 'seconds',
        when: [3, 3],
        missing: 'notBreaching',
        // S3 publishes how late a copy is where the copy arrives, and what failed where it came from.
        region: 'standby',
        summary: `the ${purpose} bucket reaches the other region late`,
        derivation: 'S3 Replication Time Control promises fifteen minutes',
      }),
      row(`copy-failed-${purpose}`, metric('AWS/S3', 'OperationsFailedReplication', dimensions, 'Sum'), {
        article: 'archive-copy',
        severity: 'page',
        bad: 'above',
        threshold: 0,
        unit: 'count',
        when: [1, 1],
        missing: 'notBreaching',
        summary: `an object of the ${purpose} bucket did not reach the other region`,
        derivation: 'S3 does not try again by itself',
      }),
    ]
  })
}
