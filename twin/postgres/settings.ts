/** Lines of postgresql.conf by name. */
export type Settings = Readonly<Record<string, string | number | boolean>>

/**
 * What every cluster of the twin starts from: small, because a twin runs many. fsync is off: what a client was told
 * is committed survives the death of any process, but not of the machine.
 */
export const baseSettings: Settings = {
  shared_buffers: '24MB',
  max_connections: 100,
  superuser_reserved_connections: 5,
  max_wal_senders: 20,
  max_replication_slots: 20,
  max_worker_processes: 8,
  max_parallel_workers: 2,
  autovacuum_max_workers: 2,
  max_wal_size: '512MB',
  min_wal_size: '16MB',
  wal_keep_size: '64MB',
  wal_level: 'replica',
  wal_buffers: '1MB',
  hot_standby: true,
  fsync: false,
  checkpoint_timeout: '5min',
  huge_pages: 'off',
  password_encryption: 'scram-sha-256',
  track_commit_timestamp: true,
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.max': 1000,
  log_timezone: 'UTC',
  timezone: 'UTC',
  log_line_prefix: '%t:%r:%u@%d:[%p]:',
  logging_collector: false,
  cluster_name: '',
}

/** A setting's name: an extension's has the extension's before it. */
const NAME = /^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)*$/

/**
 * postgresql.conf as text, a line a setting whatever its value holds: of a server that another wrote a line for, the
 * next line could be a command.
 * @throws Error for what is no setting's name
 */
export function renderSettings(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => {
      if (!NAME.test(name)) throw new Error(`${JSON.stringify(name)} is not the name of a setting`)
      const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)
      return `${name} = '${text.replace(/['\\\n\r]/g, character => ESCAPED[character] ?? '')}'\n`
    })
    .join('')
}

const ESCAPED: Readonly<Record<string, string>> = { "'": "''", '\\': '\\\\', '\n': '\\n', '\r': '\\r' }
