import { calendarOf, overdueAfter } from '../../config/calendar.ts'
import type { EnvironmentConfig, Mode } from '../../config/schema.ts'
import { METRICS as VERIFICATION } from '../../lambdas/backup-verification/names.ts'
import { METRICS as FRESHNESS } from '../../lambdas/freshness/names.ts'
import { METRICS as HEARTBEAT } from '../../lambdas/heartbeat/names.ts'
import { METRICS as REAPER } from '../../lambdas/reaper/names.ts'
import { METRICS as DRILL } from '../../lambdas/restore-drill/names.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import { exposureBound } from '../recovery-figures.ts'
import { evidenceRows } from './evidence-rows.ts'
import { type AlarmRow, lately, type Metric, metric, row, type Signal } from './row.ts'

const HOUR = 3_600
/** Hours of silence after which a daily function is late: a day and two hours' grace. */
const DAILY = 26

/** Whether the database comes back: heartbeats, backups, drills, and those who look after them. */
export function recoveryRows(config: EnvironmentConfig): AlarmRow[] {
  return [
    ...heartbeatRows(config),
    ...backupRows(config),
    ...drillRows(config),
    ...evidenceRows(config),
    ...reaperRows(config),
  ]
}

function heartbeatRows({ name }: EnvironmentConfig): AlarmRow[] {
  const heartbeat = row('heartbeat', metric(NAMESPACE, HEARTBEAT.written, { Instance: name }, 'Sum'), {
    article: 'heartbeat',
    severity: 'page',
    bad: 'below',
    threshold: 30,
    unit: 'count',
    when: [2, 3],
    summary: 'the primary takes no writes, or nobody can tell',
    derivation: 'a row a second is asked for; half of a minute without one is an outage',
  })
  return [heartbeat, lately(heartbeat, 5)]
}

function backupRows(config: EnvironmentConfig): AlarmRow[] {
  const { name } = config
  const environment = (metricName: string, statistic: string) =>
    metric(NAMESPACE, metricName, { Environment: name }, statistic)
  const rows = [
    row('backups-failed', environment(VERIFICATION.failed, 'Maximum'), {
      article: 'backups',
      severity: 'page',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [1, 1],
      period: HOUR,
      missing: 'ignore',
      summary: 'a backup is missing, too old, unlocked or not encrypted',
      derivation: 'every check must pass',
      needs: ['grown-day'],
    }),
    row('backups-unknown', environment(VERIFICATION.unknown, 'Maximum'), {
      article: 'backups',
      severity: 'page',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [1, 1],
      period: HOUR,
      missing: 'ignore',
      summary: 'a question about the backups got no answer',
      derivation: 'an unknown backup is not a backup',
      causes: ['backups-failed'],
      needs: ['grown-day'],
    }),
    row('backups-unverified', environment(VERIFICATION.verified, 'Maximum'), {
      article: 'backups',
      severity: 'page',
      bad: 'below',
      threshold: 1,
      unit: 'count',
      when: [DAILY, DAILY],
      period: HOUR,
      summary: 'the backups have not been found good for more than a day',
      derivation: `verified daily: ${DAILY} hours are a day and two hours' grace`,
      causes: ['backups-failed', 'backups-unknown'],
    }),
    row('backup-jobs', metric('AWS/Backup', 'NumberOfBackupJobsFailed', { BackupVaultName: name }, 'Sum'), {
      article: 'backups',
      severity: 'page',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [1, 1],
      period: HOUR,
      missing: 'notBreaching',
      summary: 'AWS Backup could not take a snapshot',
      derivation: 'critical alarm of the availability plan: failed backups',
    }),
    row('backup-copies', metric('AWS/Backup', 'NumberOfCopyJobsFailed', { BackupVaultName: name }, 'Sum'), {
      article: 'backups',
      severity: 'page',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [1, 1],
      period: HOUR,
      missing: 'notBreaching',
      summary: 'a snapshot did not reach the other region',
      derivation: 'critical alarm of the availability plan: failed backups',
      causes: ['backup-jobs'],
    }),
  ]
  if (!config.vault.enabled) rows.splice(-2)
  return [...rows, ...restorableRows(config)]
}

/** How much point-in-time recovery alone would lose now, in each region that could do it. */
function restorableRows(config: EnvironmentConfig): AlarmRow[] {
  const places = { home: config.region, standby: config.standbyRegion }
  const counting = { period: 300, datapoints: 3 }
  return (config.database.backup.replicate ? (['home', 'standby'] as const) : (['home'] as const)).map(
    region => {
      const { seconds, derivation } = exposureBound(
        config,
        { figure: 'restorable-age', seenFrom: region },
        counting,
      )
      return row(
        region === 'home' ? 'restorable-age' : 'restorable-age-standby',
        metric(
          NAMESPACE,
          FRESHNESS.restorableAge,
          { Environment: config.name, Region: places[region] },
          'Maximum',
        ),
        {
          article: 'restorable',
          severity: 'page',
          bad: 'above',
          threshold: seconds,
          unit: 'seconds',
          when: [counting.datapoints, counting.datapoints],
          period: counting.period,
          region,
          summary:
            region === 'home'
              ? 'point-in-time recovery no longer reaches the last minutes'
              : 'the replicated backups in the other region fall behind',
          derivation,
        },
      )
    },
  )
}

/** Each drilled mode: its verdict, what it measured against the objective, and how long ago. Watched from the other region too. */
function drillRows(config: EnvironmentConfig): AlarmRow[] {
  const modes = Object.entries(config.drills) as [Mode, { every: number }][]
  return modes.flatMap(([mode, { every }]) => {
    const region = mode === 'region-loss' ? 'standby' : 'home'
    const of = (name: string, statistic: string): Signal =>
      metric(NAMESPACE, name, { Environment: config.name, Mode: mode }, statistic)
    const age = (name: string, seen: string) => ageOrLife(config, { name, mode, seen })
    const regionName = { home: config.region, standby: config.standbyRegion }
    const objective = config.objectives[mode]
    const rows = [
      row(`drill-failed-${mode}`, of(DRILL.failed, 'Maximum'), {
        article: 'drill',
        severity: 'page',
        bad: 'above',
        threshold: 0,
        unit: 'count',
        when: [1, 1],
        period: HOUR,
        missing: 'ignore',
        region,
        summary: `the ${mode} drill did not pass`,
        derivation: 'a drill passes or somebody looks',
      }),
      ...(['home', 'standby'] as const)
        .filter(seen => seen === region || config.database.backup.replicate)
        .map(seen =>
          row(
            `drill-overdue-${mode}${seen === region ? '' : '-seen-from-afar'}`,
            age(FRESHNESS.proofAge, regionName[seen]),
            {
              article: 'drill-overdue',
              severity: 'page',
              bad: 'above',
              threshold: overdueAfter(every),
              unit: 'seconds',
              when: [3, 3],
              period: HOUR,
              region: seen,
              summary: `no ${mode} drill has passed for too long${seen === region ? '' : ', seen from the other region'}`,
              derivation: `one and a half times the ${calendarOf(every).days} days between two drills`,
              causes: seen === region ? [`drill-failed-${mode}`] : [],
            },
          ),
        ),
      ...(mode === 'bad-write' ? [controlOverdue(age(FRESHNESS.controlAge, regionName[region]))] : []),
      row(`control-missed-${mode}`, of(DRILL.negativeControlRed, 'Minimum'), {
        article: 'negative-control',
        severity: 'page',
        bad: 'below',
        threshold: 1,
        unit: 'count',
        when: [1, 1],
        period: HOUR,
        missing: 'ignore',
        region,
        summary: 'a drill did not see a fault that was put into its copy: do not trust any drill',
        derivation: 'a verifier that cannot fail is a defect',
      }),
    ]
    if (objective === undefined) return rows
    return [
      ...rows,
      row(`drill-rpo-${mode}`, of(DRILL.rpo, 'Maximum'), {
        article: 'drill',
        severity: 'page',
        bad: 'above',
        threshold: objective.rpo,
        unit: 'seconds',
        when: [1, 1],
        period: HOUR,
        missing: 'ignore',
        region,
        summary: `a ${mode} would lose more than its objective allows`,
        derivation: `the objective: ${objective.rpo} s`,
        causes: [`drill-failed-${mode}`],
      }),
      row(`drill-rto-${mode}`, of(DRILL.rto, 'Maximum'), {
        article: 'drill',
        severity: 'page',
        bad: 'above',
        threshold: objective.rto,
        unit: 'seconds',
        when: [1, 1],
        period: HOUR,
        missing: 'ignore',
        region,
        summary: `recovery from a ${mode} takes longer than its objective allows`,
        derivation: `the objective: ${objective.rto} s`,
        causes: [`drill-failed-${mode}`],
      }),
    ]
  })
}

/**
 * Seconds since something was proven. What was never proven is published as old as the epoch; it is as old as the
 * database here, or a new environment would page for drills that were not due yet.
 */
function ageOrLife(
  { name: Environment }: EnvironmentConfig,
  { name, mode, seen: Region }: { name: string; mode: Mode; seen: string },
): Signal {
  const of = (what: string, dimensions: Metric['dimensions']): Metric => ({
    namespace: NAMESPACE,
    name: what,
    dimensions,
    statistic: 'Minimum',
  })
  return {
    kind: 'math',
    expression: `IF(proof > ${NEVER}, life, proof)`,
    metrics: {
      proof: of(name, { Environment, Mode: mode, Region }),
      life: of(FRESHNESS.databaseAge, { Environment, Region }),
    },
  }
}

/** Seconds: older than any proof can be. */
const NEVER = 1_000_000_000

function controlOverdue(age: Signal): AlarmRow {
  return row('control-overdue', age, {
    article: 'negative-control',
    severity: 'warn',
    bad: 'above',
    threshold: 1.5 * 7 * 86_400,
    unit: 'seconds',
    when: [3, 3],
    period: HOUR,
    summary: 'no fault has been put into a copy for too long: nobody tests the verifier',
    derivation: 'one and a half times the week between two negative controls',
  })
}

function reaperRows(config: EnvironmentConfig): AlarmRow[] {
  return [
    row('copies-overdue', metric(NAMESPACE, REAPER.overdue, { Environment: config.name }, 'Maximum'), {
      article: 'copies',
      severity: 'warn',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [3, 3],
      period: HOUR,
      missing: 'breaching',
      summary: 'a drill copy outlived its drill and costs money, or the reaper does not run',
      derivation: 'the reaper runs every hour; three tries are enough',
    }),
  ]
}
