import type { Fault } from '../fault.ts'
import { type Rule, when, writeDuration } from './rule.ts'

const DAY = 86_400
const WEEK_MINUTES = 7 * 24 * 60
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
const LEAST_WINDOW = 30

/** Minutes after Monday 00:00 UTC, `[from, until)`; `until` may pass the end of the week. */
type Span = readonly [from: number, until: number]

/** `hh:mm-hh:mm` as minutes of the day; `undefined` when RDS takes it for none. */
function parseBackupWindow(text: string): Span | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text)
  if (!match) return undefined
  const [h1 = 0, m1 = 0, h2 = 0, m2 = 0] = match.slice(1).map(Number)
  const from = h1 * 60 + m1
  const until = h2 * 60 + m2
  const span = [from, until >= from ? until : until + 24 * 60] as const
  return span[1] - span[0] < LEAST_WINDOW ? undefined : span
}

/** `ddd:hh:mm-ddd:hh:mm` as minutes of the week; `undefined` when RDS takes it for none. */
function parseMaintenanceWindow(text: string): Span | undefined {
  const match = /^([a-z]{3}):([01]\d|2[0-3]):([0-5]\d)-([a-z]{3}):([01]\d|2[0-3]):([0-5]\d)$/.exec(text)
  if (!match) return undefined
  const minute = (day = '', hour = '', min = '') =>
    DAYS.indexOf(day) * 24 * 60 + Number(hour) * 60 + Number(min)
  if (!DAYS.includes(match[1] ?? '') || !DAYS.includes(match[4] ?? '')) return undefined
  const from = minute(match[1], match[2], match[3])
  const until = minute(match[4], match[5], match[6])
  const span = [from, until >= from ? until : until + WEEK_MINUTES] as const
  const length = span[1] - span[0]
  return length < LEAST_WINDOW || length >= 24 * 60 ? undefined : span
}

const backupMustBeAWindow: Rule = ({ database: { backup } }) =>
  when(
    parseBackupWindow(backup.window) === undefined,
    'database.backup.window',
    backup.window,
    'want "hh:mm-hh:mm" in UTC, at least 30 minutes',
    'write a window like "03:30-04:30"',
  )

const maintenanceMustBeAWindow: Rule = ({ database }) =>
  when(
    parseMaintenanceWindow(database.maintenanceWindow) === undefined,
    'database.maintenanceWindow',
    database.maintenanceWindow,
    'want "ddd:hh:mm-ddd:hh:mm" in UTC and lower case, at least 30 minutes and less than a day',
    'write a window like "sun:05:30-sun:06:30"',
  )

/** Whether a daily span and a weekly one share a minute. */
function meetsDaily(daily: Span, weekly: Span): boolean {
  // One day more on either side catches what wraps around midnight and Sunday night.
  return Array.from({ length: 9 }, (_, day) => (day - 1) * 24 * 60).some(
    start => daily[0] + start < weekly[1] && weekly[0] < daily[1] + start,
  )
}

const windowsMustNotMeet: Rule = ({ database }) => {
  const backup = parseBackupWindow(database.backup.window)
  const maintenance = parseMaintenanceWindow(database.maintenanceWindow)
  if (!backup || !maintenance) return []
  return when(
    meetsDaily(backup, maintenance),
    'database.maintenanceWindow',
    database.maintenanceWindow,
    `it overlaps the daily backup window ${database.backup.window}: RDS refuses that`,
    'move one of them by an hour or two',
  )
}

/** The vault's daily snapshot starts then, its copies every six hours: UTC minutes of the day. */
export const VAULT_STARTS = [2 * 60, 8 * 60, 14 * 60, 20 * 60] as const

/** The first start of the vault inside a window or in the hour before it, as `hh:mm`. Minutes of the week. */
function vaultStartIn([from, until]: Span): string | undefined {
  const starts = VAULT_STARTS.flatMap(start => DAYS.map((_, day) => start + day * 24 * 60))
  const met = starts.find(start =>
    [-WEEK_MINUTES, 0, WEEK_MINUTES].some(week => start + week >= from - 60 && start + week < until),
  )
  return met === undefined ? undefined : `${String(Math.floor(met / 60) % 24).padStart(2, '0')}:00`
}

// AWS Backup: "could not start because it is either inside or too close to the automated backup window", and an
// RDS job cannot start during the maintenance window or in the hour before it.
const vaultMustNotMeetTheBackup: Rule = ({ database, vault }) => {
  const window = parseBackupWindow(database.backup.window)
  const met = vault.enabled && window ? vaultStartIn(window) : undefined
  return when(
    met !== undefined,
    'database.backup.window',
    database.backup.window,
    `AWS Backup starts a snapshot at ${met} UTC and cannot do so in this window or in the hour before it`,
    'begin the window at least an hour after 02:00, 08:00, 14:00 or 20:00, such as "03:30-04:30"',
  )
}

const vaultMustNotMeetMaintenance: Rule = ({ database, vault }) => {
  const window = parseMaintenanceWindow(database.maintenanceWindow)
  const met = vault.enabled && window ? vaultStartIn(window) : undefined
  return when(
    met !== undefined,
    'database.maintenanceWindow',
    database.maintenanceWindow,
    `AWS Backup starts a snapshot at ${met} UTC and cannot do so in this window or in the hour before it`,
    'begin the window at least an hour after 02:00, 08:00, 14:00 or 20:00, such as "sun:05:30-sun:06:30"',
  )
}

// The cache has the database's window, and ElastiCache takes none under an hour.
const CACHE_WINDOW = 60
/** When ElastiCache takes the cache's snapshot, in UTC; it refuses a maintenance window that meets it. */
export const CACHE_SNAPSHOTS = '01:00-02:00'

const cacheMustHaveItsWindow: Rule = ({ cache, database: { maintenanceWindow } }) => {
  const maintenance = parseMaintenanceWindow(maintenanceWindow)
  const snapshots = parseBackupWindow(CACHE_SNAPSHOTS)
  if (!cache.enabled || !maintenance || !snapshots) return []
  const hint = 'write a window of an hour or more outside of it, such as "sun:05:30-sun:06:30"'
  return [
    ...when(
      maintenance[1] - maintenance[0] < CACHE_WINDOW,
      'database.maintenanceWindow',
      maintenanceWindow,
      'the cache has this window too, and ElastiCache wants an hour at least',
      hint,
    ),
    ...when(
      meetsDaily(snapshots, maintenance),
      'database.maintenanceWindow',
      maintenanceWindow,
      `the cache has this window too, and ElastiCache refuses one that meets its snapshots at ${CACHE_SNAPSHOTS}`,
      hint,
    ),
  ]
}

const isKept = (retention: number) => retention >= DAY && retention <= 35 * DAY && retention % DAY === 0

const backupsMustBeKeptADayOrMore: Rule = ({ database: { backup } }) =>
  when(
    !isKept(backup.retention),
    'database.backup.retention',
    writeDuration(backup.retention),
    'RDS keeps automated backups 1 to 35 whole days; without them there is no point-in-time recovery, no replica and no drill',
    'use "14d"',
  )

const retentionsMustBeWholeDays: Rule = config => {
  const retentions: [string, number][] = [
    ...(config.archive.enabled ? [['archive.retention', config.archive.retention] as [string, number]] : []),
    ...(config.vault.enabled ? [['vault.retention', config.vault.retention] as [string, number]] : []),
    ['evidence.retention', config.evidence.retention],
  ]
  return retentions.flatMap(([path, seconds]): Fault[] =>
    when(
      seconds % DAY !== 0 || seconds < DAY,
      path,
      writeDuration(seconds),
      'a retention is counted in whole days, at least one: Object Lock and vault locks know nothing shorter',
      `use "${Math.max(1, Math.ceil(seconds / DAY))}d"`,
    ),
  )
}

/** S3 Object Lock and AWS Backup Vault Lock both end at a hundred years. */
const MOST_LOCKED = 36_500 * DAY

const locksMustEnd: Rule = config =>
  (['archive', 'vault', 'evidence'] as const).flatMap(key =>
    when(
      config[key].retention > MOST_LOCKED,
      `${key}.retention`,
      writeDuration(config[key].retention),
      'a lock ends at 36,500 days, and nobody can shorten it afterwards',
      'use what the law asks for, such as "365d"',
    ),
  )

const archiveMustOutliveBackups: Rule = ({ archive, database }) =>
  when(
    archive.enabled && isKept(database.backup.retention) && archive.retention < database.backup.retention,
    'archive.retention',
    writeDuration(archive.retention),
    `the archive ends before the oldest backup (${writeDuration(database.backup.retention)}): that backup could not be rolled forward`,
    `use "${writeDuration(database.backup.retention)}" or more`,
  )

/** CloudWatch Logs' retentions, in days (PutRetentionPolicy). */
export const LOG_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]

const logsMustHaveARetention: Rule = ({ logs }) =>
  when(
    !LOG_DAYS.some(days => days * DAY === logs.retention),
    'logs.retention',
    writeDuration(logs.retention),
    `CloudWatch keeps logs for certain numbers of days only: ${LOG_DAYS.join(', ')}`,
    `use "${LOG_DAYS.find(days => days * DAY >= logs.retention) ?? 3653}d"`,
  )

/** Windows and retentions. */
export const TIME: readonly Rule[] = [
  backupMustBeAWindow,
  maintenanceMustBeAWindow,
  windowsMustNotMeet,
  vaultMustNotMeetTheBackup,
  vaultMustNotMeetMaintenance,
  cacheMustHaveItsWindow,
  backupsMustBeKeptADayOrMore,
  retentionsMustBeWholeDays,
  locksMustEnd,
  archiveMustOutliveBackups,
  logsMustHaveARetention,
]
