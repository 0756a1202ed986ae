import type { EnvironmentConfig } from '../schema.ts'
import { type Setting, settingsOf, takes, wanted } from '../settings.ts'
import { nearest } from '../spelling.ts'
import { VERSIONS } from '../versions.ts'
import { type Rule, when } from './rule.ts'

const at = (name: string) =>
  /^[a-z_]+$/.test(name) ? `database.parameters.${name}` : `database.parameters['${name}']`

const off = (value: string | undefined) => value !== undefined && /^(0|off|false|no)$/i.test(value)

/** Settings that RDS keeps for itself: a parameter group that names one is refused. */
const RDS_OWN = [
  'archive_command',
  'archive_mode',
  'archive_timeout',
  'data_directory',
  'fsync',
  'full_page_writes',
  'hba_file',
  'listen_addresses',
  'port',
  'primary_conninfo',
  'restore_command',
  'ssl',
  'ssl_cert_file',
  'ssl_key_file',
  'unix_socket_directories',
  'wal_level',
]

const mustBeModifiable: Rule = ({ database: { parameters } }) =>
  Object.entries(parameters).flatMap(([name, value]) =>
    when(RDS_OWN.includes(name), at(name), value, 'RDS does not let anybody set this parameter', 'remove it'),
  )

const mustBeNames: Rule = ({ database: { parameters } }) =>
  Object.entries(parameters).flatMap(([name, value]) =>
    when(
      !NAME.test(name),
      at(name),
      value,
      'this is no parameter name: PostgreSQL writes them in lower case with underscores',
      'write it as in "show all"',
    ),
  )

// Three of PostgreSQL's own are written like this.
const NAME = /^(DateStyle|IntervalStyle|TimeZone|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?)$/

/** A parameter group that names what its version does not have is refused when it is created. */
const mustBeKnown: Rule = ({ database: { parameters, engineVersion } }) => {
  const [major = ''] = engineVersion.split('.')
  const settings = settingsOf(major)
  // Of a version that nobody knows another rule speaks; parameters of extensions and RDS's own have a dot.
  if (!(major in VERSIONS)) return []
  return Object.entries(parameters)
    .filter(([name]) => NAME.test(name) && !name.includes('.') && !RDS_OWN.includes(name))
    .flatMap(([name, value]) => {
      const elsewhere = Object.keys(VERSIONS).find(version => settingsOf(version).has(name))
      const meant = nearest(name, [...settings.keys()])
      return when(
        !settings.has(name),
        at(name),
        value,
        `PostgreSQL ${major} has no parameter of this name${elsewhere ? `, only ${elsewhere} has` : ''}`,
        meant && !elsewhere ? `did you mean "${meant}"?` : 'remove it',
      )
    })
}

/** What RDS computes from the class when it makes the group, e.g. `GREATEST({DBInstanceClassMemory/63963136},64)`. */
const FORMULA = /[{(]/

const mustBeInRange: Rule = ({ database: { parameters, engineVersion } }) => {
  const settings = settingsOf(engineVersion.split('.')[0] ?? '')
  return Object.entries(parameters).flatMap(([name, value]) => {
    const setting = settings.get(name)
    if (!setting || FORMULA.test(value) || RDS_OWN.includes(name)) return []
    return when(
      !takes(setting, value),
      at(name),
      value,
      `RDS takes ${wanted(setting)} here`,
      stepFor(name, setting, value),
    )
  })
}

function stepFor(name: string, setting: Setting, value: string): string {
  if (setting.kind === 'boolean') return 'write "1" or "0"'
  return /^\d+\s*[a-z]+$/i.test(value)
    ? `write the number alone, in the unit of "select unit from pg_settings where name = '${name}'"`
    : 'write a number in that range'
}

/** What another part of the environment stands on, with the reason it may not be turned off. */
const NEEDED: readonly (readonly [
  name: string,
  broken: (value: string, config: EnvironmentConfig) => boolean,
  sentence: string,
])[] = [
  [
    'rds.logical_replication',
    (value, config) => off(value) === config.database.logicalReplication,
    'it contradicts database.logicalReplication',
  ],
  ['rds.force_ssl', off, 'clients could then send passwords and rows unencrypted'],
  ['track_commit_timestamp', off, 'a drill could then not say when a lost transaction was committed'],
  [
    'max_slot_wal_keep_size',
    value => value.startsWith('-'),
    'a slot without a limit fills the primary’s disk when its reader is gone',
  ],
  [
    'synchronous_commit',
    (value, config) => /^(off|local|0|false)$/i.test(value) && config.objectives['instance-loss']?.rpo === 0,
    'commits would be acknowledged before they are safe, and the objective for instance-loss is to lose none',
  ],
  [
    'max_connections',
    () => true,
    'alarms, the pool and the replicas count on the number that the class gives',
  ],
  [
    'max_replication_slots',
    (value, config) => Number(value) < streams(config) + 1,
    'every replica needs a slot, the standby and the archive too, and one must be free for the next',
  ],
  [
    'max_wal_senders',
    (value, config) => Number(value) < streams(config) + 1,
    'every replica needs a sender, the standby too, and one must be free for the next',
  ],
  [
    'transaction_timeout',
    value => value !== '0',
    'a drill reads a large database in one transaction, which would be cut off',
  ],
  [
    'session_replication_role',
    value => value !== 'origin',
    'triggers and foreign keys would be silent for everybody',
  ],
  [
    'max_logical_replication_workers',
    value => Number(value) === 0,
    'a copy is told from production by having none: production would pass for a copy of itself',
  ],
  [
    'default_transaction_read_only',
    value => !off(value),
    'the heartbeat could not write, and so nothing could be measured',
  ],
  [
    'password_encryption',
    value => !/^scram-sha-256$/i.test(value),
    'passwords would be kept as MD5, which PostgreSQL 18 warns of and RDS Proxy must be switched away from with an outage',
  ],
  [
    'shared_preload_libraries',
    value => !value.split(',').some(each => each.trim() === 'pg_stat_statements'),
    'the list replaces the default, and without pg_stat_statements nobody sees a slow query',
  ],
]

function streams({ database, standby, archive }: EnvironmentConfig): number {
  return database.replicas.length + (standby.enabled ? 1 : 0) + (archive.enabled ? 1 : 0)
}

const mustKeepWhatWeStandOn: Rule = config =>
  NEEDED.flatMap(([name, broken, sentence]) => {
    const value = config.database.parameters[name]
    return when(
      value !== undefined && broken(value, config),
      at(name),
      value,
      sentence,
      'remove the override',
    )
  })

const archiveMustHaveAStream: Rule = ({ archive, database }) =>
  when(
    archive.enabled && !database.logicalReplication,
    'database.logicalReplication',
    database.logicalReplication,
    'the archive is a logical stream and RDS gives none without it',
    'set it to true, or archive.enabled to false',
  )

const SYSTEM = /^(pg_\w+|information_schema|holdfast)$/

const archiveMustNameTables: Rule = ({ archive }) =>
  archive.enabled
    ? archive.tables.flatMap((table, index) => {
        const match = table === '*.*' ? [table] : /^([a-z_][\w$]*)\.(\*|[a-z_][\w$]*)$/i.exec(table)
        const path = `archive.tables[${index}]`
        return [
          ...when(
            match === null,
            path,
            table,
            'want "schema.table", "schema.*", or "*.*" for every schema but the system\'s',
            'write "public.*"',
          ),
          ...when(
            match !== null && SYSTEM.test(match[1] ?? ''),
            path,
            table,
            'system schemas are not archived',
            'remove it',
          ),
        ]
      })
    : []

const archiveMustHoldSomething: Rule = ({ archive }) =>
  when(
    archive.enabled && archive.tables.length === 0,
    'archive.tables',
    archive.tables,
    'an archive of no table restores nothing',
    'write ["public.*"], or set archive.enabled to false',
  )

/** Overrides of the parameter group, and what the archive needs of it. */
export const PARAMETERS: readonly Rule[] = [
  mustBeModifiable,
  mustBeNames,
  mustBeKnown,
  mustBeInRange,
  mustKeepWhatWeStandOn,
  archiveMustHaveAStream,
  archiveMustNameTables,
  archiveMustHoldSomething,
]
