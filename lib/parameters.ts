import { maxConnections, slotWalLimit } from '../config/classes.ts'
import type { EnvironmentConfig } from '../config/schema.ts'

/** One setting of the profile, and why it is not left to RDS. */
type Setting = { readonly name: string; readonly value: string; readonly why: string }

const MINUTE = 60_000

/** The profile of every instance of this environment: the primary, its replicas, the standby. Reasons included. */
export function profile(config: EnvironmentConfig): readonly Setting[] {
  const { instance, storage, logicalReplication } = config.database
  return [
    {
      name: 'rds.logical_replication',
      value: logicalReplication ? '1' : '0',
      why: 'the archive reads the change stream; static, so it must be right from the first boot',
    },
    {
      name: 'max_slot_wal_keep_size',
      value: String(slotWalLimit(storage)),
      why: 'RDS leaves it unlimited: one dead replica or reader of the stream would fill the disk of the primary',
    },
    {
      name: 'wal_sender_timeout',
      value: String(MINUTE),
      why: 'a reader that vanished frees its slot within a minute, so that the next one may take it',
    },
    {
      name: 'track_commit_timestamp',
      value: '1',
      why: 'a copy can tell when each row was committed: a second measure of what was lost, without a clock of ours',
    },
    { name: 'rds.force_ssl', value: '1', why: 'no password and no row crosses the network in the clear' },
    {
      name: 'password_encryption',
      value: 'scram-sha-256',
      why: 'md5 hashes are as good as the passwords',
    },
    {
      name: 'max_connections',
      value: String(maxConnections(instance)),
      why: 'a number that alarms can compare with, instead of a formula that only the instance can evaluate',
    },
    {
      name: 'shared_preload_libraries',
      value: 'pg_stat_statements',
      why: 'slow statements are found by what they cost together, not by the one that was logged',
    },
    {
      name: 'pg_stat_statements.track',
      value: 'top',
      why: 'functions report the statement that a client sent',
    },
    { name: 'track_io_timing', value: '1', why: 'tells slow storage from a slow plan' },
    { name: 'track_functions', value: 'pl', why: 'functions written in SQL and PL/pgSQL cost time too' },
    { name: 'log_min_duration_statement', value: '1000', why: 'milliseconds: what a user notices' },
    { name: 'log_lock_waits', value: '1', why: 'a wait longer than deadlock_timeout names who blocks whom' },
    { name: 'deadlock_timeout', value: '1000', why: 'milliseconds after which a wait for a lock is logged' },
    { name: 'log_temp_files', value: '10240', why: 'kilobytes: sorts and hashes that did not fit in memory' },
    {
      name: 'log_autovacuum_min_duration',
      value: '10000',
      why: 'milliseconds: a vacuum that is worth a look',
    },
    { name: 'log_checkpoints', value: '1', why: 'the time to replay after a crash is decided here' },
    { name: 'log_disconnections', value: '1', why: 'who was in, from where and for how long, in one line' },
    { name: 'log_statement', value: 'ddl', why: 'every change of the schema, with its author' },
    {
      name: 'autovacuum_vacuum_scale_factor',
      value: '0.05',
      why: 'the default waits for a fifth of a table, which on a large one is hours of work at once',
    },
    { name: 'autovacuum_analyze_scale_factor', value: '0.02', why: 'plans follow the data' },
    {
      name: 'autovacuum_vacuum_insert_scale_factor',
      value: '0.05',
      why: 'append-only tables freeze in time',
    },
    { name: 'autovacuum_vacuum_cost_limit', value: '2000', why: 'gp3 bears ten times the default of 200' },
    {
      name: 'statement_timeout',
      value: String(60 * MINUTE),
      why: 'a last net for a statement that was forgotten; services set their own, shorter one',
    },
    {
      name: 'idle_in_transaction_session_timeout',
      value: String(5 * MINUTE),
      why: 'an open transaction holds locks and stops vacuum from freeing rows',
    },
    {
      name: 'hot_standby_feedback',
      value: '1',
      why: 'long reads on a replica are not cancelled by the clean-up on the primary',
    },
    {
      name: 'max_standby_streaming_delay',
      value: '30000',
      why: 'milliseconds that a read may hold up replay: the freshness of a replica is bounded',
    },
    { name: 'random_page_cost', value: '1.1', why: 'the disk is not a spinning one' },
    { name: 'default_statistics_target', value: '200', why: 'skewed columns are the rule in commerce' },
  ]
}

/** What a drill copy gets on top of the profile, so that nothing in it reaches out before it is examined. */
export const QUARANTINE: readonly Setting[] = [
  {
    name: 'max_logical_replication_workers',
    value: '0',
    why: 'a restored subscription would steal the stream of the living subscriber',
  },
  {
    name: 'max_sync_workers_per_subscription',
    value: '0',
    why: 'no table of a subscription is copied again',
  },
  {
    name: 'shared_preload_libraries',
    value: 'pg_stat_statements',
    why: 'without pg_cron in memory, no job of production runs a second time in its copy',
  },
]

/** The parameters as CloudFormation takes them: the profile, then the person's own overrides. */
export function parameters(config: EnvironmentConfig): Record<string, string> {
  return { ...values(profile(config)), ...config.database.parameters }
}

/** The parameters of a drill copy. Quarantine wins over everything. */
export function drillParameters(config: EnvironmentConfig): Record<string, string> {
  return { ...parameters(config), ...values(QUARANTINE) }
}

function values(settings: readonly Setting[]): Record<string, string> {
  return Object.fromEntries(settings.map(setting => [setting.name, setting.value]))
}
