import type { Parameter } from '@aws-sdk/client-rds'
import type { Version } from '../../postgres/installation.ts'
import type { Settings } from '../../postgres/settings.ts'
import { type KnownSetting, knownSettings } from '../../postgres/template.ts'
import type { ParameterValues } from './records.ts'

/** A parameter of a family: whether it may change, and whether a change waits for a reboot. */
export type ParameterDefinition = {
  readonly name: string
  readonly description: string
  readonly dataType: string
  readonly allowed: string | undefined
  readonly isStatic: boolean
  readonly isModifiable: boolean
  /** What the family's default group says; undefined leaves it to the engine. */
  readonly value: string | undefined
  readonly source: 'system' | 'engine-default'
}

/** Settings that belong to the host: RDS shows them and lets nobody change them. */
const HOST_SETTINGS =
  /^(allow_system_table_mods|archive_(cleanup_command|command|library|mode)|bonjour.*|cluster_name|config_file|data_directory|data_sync_retry|debug_.*|dynamic_library_path|dynamic_shared_memory_type|event_source|external_pid_file|extension_control_path|fsync|full_page_writes|hba_file|hot_standby|ident_file|ignore_.*|io_method|jit_provider|krb_.*|listen_addresses|local_preload_libraries|log_directory|log_file_mode|logging_collector|oauth_validator_libraries|port|primary_(conninfo|slot_name)|promote_trigger_file|recovery_.*|restart_after_crash|restore_command|shared_memory_type|ssl|ssl_(ca|cert|crl|key|dh|passphrase|library).*|stats_fetch_consistency|syslog_.*|trace_.*|unix_socket_.*|update_process_title|wal_(consistency_checking|init_zero|level|recycle|sync_method)|zero_damaged_pages)$/

/** Parameters of RDS itself, as far as the twin knows them. */
const RDS_PARAMETERS: readonly Omit<ParameterDefinition, 'source'>[] = [
  rdsParameter('rds.force_ssl', 'Force SSL connections.', 'boolean', '0,1', false, '1'),
  rdsParameter('rds.logical_replication', 'Enables logical decoding.', 'boolean', '0,1', true, '0'),
  rdsParameter(
    'rds.log_retention_period',
    'Minutes for which logs are kept.',
    'integer',
    '1440-10080',
    false,
    '4320',
  ),
  rdsParameter(
    'rds.restrict_password_commands',
    'Restricts password-related commands to members of rds_password.',
    'boolean',
    '0,1',
    true,
    '0',
  ),
  rdsParameter('rds.adaptive_autovacuum', 'Adaptive autovacuum.', 'boolean', '0,1', false, '1'),
  rdsParameter(
    'rds.accepted_password_auth_method',
    'Accepted password authentication methods.',
    'string',
    'md5+scram,scram',
    false,
    'md5+scram',
  ),
  rdsParameter('rds.allowed_extensions', 'Extensions that may be created.', 'string', undefined, false, '*'),
  rdsParameter(
    'rds.force_admin_logging_level',
    'Logs the master user.',
    'string',
    undefined,
    false,
    'disabled',
  ),
  rdsParameter(
    'rds.force_autovacuum_logging_level',
    'Logs autovacuum.',
    'string',
    undefined,
    false,
    'warning',
  ),
  rdsParameter(
    'rds.rds_superuser_reserved_connections',
    'Connections kept for rds_superuser.',
    'integer',
    '0-8388607',
    true,
    '2',
  ),
  rdsParameter('rds.enable_pgactive', 'Enables pgactive.', 'boolean', '0,1', true, '0'),
  rdsParameter(
    'rds.logical_slot_sync_dbname',
    'Database of slot synchronisation.',
    'string',
    undefined,
    false,
    undefined,
  ),
  rdsParameter('rds.custom_dns_resolution', 'Custom DNS.', 'boolean', '0,1', true, '0'),
  rdsParameter('rds.pg_stat_ramdisk_size', 'Size of the statistics ramdisk.', 'integer', '0-1024', true, '0'),
  rdsParameter('rds.babelfish_status', 'Babelfish.', 'string', undefined, true, undefined),
]

function rdsParameter(
  name: string,
  description: string,
  dataType: string,
  allowed: string | undefined,
  isStatic: boolean,
  value: string | undefined,
): Omit<ParameterDefinition, 'source'> {
  return { name, description, dataType, allowed, isStatic, isModifiable: true, value }
}

/** Libraries that RDS has and the twin has not: their parameters are accepted and recorded, and do nothing here. */
const ABSENT_LIBRARIES =
  /^(pgaudit|cron|pg_hint_plan|pgtle|pglogical|pg_bigm|rdkit|orafce|plprofiler|pg_repack)\.\w+$/

/** What the default groups of RDS say otherwise than PostgreSQL. Formulas stand as RDS writes them. */
const FAMILY_VALUES: Readonly<Record<string, string>> = {
  shared_buffers: '{DBInstanceClassMemory/32768}',
  max_connections: 'LEAST({DBInstanceClassMemory/9531392},5000)',
  effective_cache_size: '{DBInstanceClassMemory/16384}',
  maintenance_work_mem: 'GREATEST({DBInstanceClassMemory*1024/63963136},65536)',
  autovacuum_max_workers: 'GREATEST({DBInstanceClassMemory/64371566592},3)',
  max_wal_senders: '35',
  wal_keep_size: '2048',
  archive_timeout: '300',
  track_commit_timestamp: '1',
  shared_preload_libraries: 'pg_stat_statements',
  log_autovacuum_min_duration: '10000',
}

const TYPES: Readonly<Record<string, string>> = {
  bool: 'boolean',
  integer: 'integer',
  real: 'float',
  enum: 'string',
  string: 'string',
}

const definitions = new Map<Version, Promise<ReadonlyMap<string, ParameterDefinition>>>()

/** Every parameter of a family by name. */
export function parameterDefinitions(version: Version): Promise<ReadonlyMap<string, ParameterDefinition>> {
  let found = definitions.get(version)
  if (!found) {
    found = knownSettings(version).then(settings => {
      const engine = settings.filter(setting => setting.context !== 'internal').map(define)
      const own = RDS_PARAMETERS.map(each => ({ ...each, source: 'system' as const }))
      return new Map([...engine, ...own].map(each => [each.name, each]))
    })
    definitions.set(version, found)
  }
  return found
}

/** The definition of a name, also of one of a library that the twin lacks; undefined when RDS has none either. */
export function definitionOf(
  known: ReadonlyMap<string, ParameterDefinition>,
  name: string,
): ParameterDefinition | undefined {
  const found = known.get(name)
  if (found || !ABSENT_LIBRARIES.test(name)) return found
  return {
    ...rdsParameter(name, 'Of a library that the twin does not have.', 'string', undefined, false, undefined),
    source: 'engine-default',
  }
}

function define(setting: KnownSetting): ParameterDefinition {
  const value = FAMILY_VALUES[setting.name]
  const range = setting.min === null ? undefined : `${setting.min}-${setting.max}`
  return {
    name: setting.name,
    description: setting.description,
    dataType: TYPES[setting.vartype] ?? 'string',
    allowed: setting.vartype === 'bool' ? '0,1' : setting.vartype === 'enum' ? setting.values?.join() : range,
    isStatic: setting.context === 'postmaster',
    isModifiable: !HOST_SETTINGS.test(setting.name),
    value,
    source: value === undefined ? 'engine-default' : 'system',
  }
}

/** A definition and the user's value, as DescribeDBParameters shows them. */
export function describeParameter(definition: ParameterDefinition, values: ParameterValues): Parameter {
  const own = values[definition.name]
  return {
    ParameterName: definition.name,
    ParameterValue: own?.value ?? definition.value,
    Description: definition.description,
    Source: own ? 'user' : definition.source,
    ApplyType: definition.isStatic ? 'static' : 'dynamic',
    DataType: definition.dataType,
    AllowedValues: definition.allowed,
    IsModifiable: definition.isModifiable,
    ApplyMethod: own?.method ?? (definition.isStatic ? 'pending-reboot' : 'immediate'),
  }
}

/** Settings of memory: the twin keeps its own small ones, since an instance class does not fit a laptop. */
const SCALED =
  /^(shared_buffers|wal_buffers|huge_pages|huge_page_size|max_connections|maintenance_work_mem|autovacuum_work_mem|logical_decoding_work_mem|min_wal_size|min_dynamic_shared_memory|temp_buffers|autovacuum_max_workers|autovacuum_worker_slots|max_worker_processes|max_parallel_.*|io_.*|wal_keep_size|archive_timeout|max_wal_size|superuser_reserved_connections|reserved_connections)$/

const MAX_WORK_MEM_KB = 65_536
const LIBRARIES_HERE = new Set(['pg_stat_statements', 'auto_explain', 'pg_prewarm', 'passwordcheck'])

/**
 * The lines of postgresql.conf that these values mean. Formulas over the class and settings of memory are left to
 * the twin's small defaults; everything else is applied as it stands.
 */
export function settingsOf(values: ParameterValues): Settings {
  const settings: Record<string, string> = {
    'rds.force_ssl': '1',
    'rds.logical_replication': '0',
  }
  for (const [name, { value }] of Object.entries(values)) {
    if (value.includes('{') || SCALED.test(name) || HOST_SETTINGS.test(name)) continue
    if (/^log_(destination|filename|rotation_.*|truncate_on_rotation|timezone)$/.test(name)) continue
    settings[name] = value
  }
  if (settings['rds.logical_replication'] === '1' || settings['rds.enable_pgactive'] === '1')
    settings.wal_level = 'logical'
  if (Number(settings.work_mem) > MAX_WORK_MEM_KB) settings.work_mem = String(MAX_WORK_MEM_KB)
  const libraries = librariesIn(settings.shared_preload_libraries)
  settings.shared_preload_libraries = [...new Set(['pg_stat_statements', ...libraries])].join(',')
  if (settings.session_preload_libraries !== undefined)
    settings.session_preload_libraries = librariesIn(settings.session_preload_libraries).join(',')
  return settings
}

/** Those of the list that RDS and this machine have: a path would load any file. */
function librariesIn(list = ''): string[] {
  return list
    .split(',')
    .map(name => name.trim())
    .filter(name => LIBRARIES_HERE.has(name))
}
