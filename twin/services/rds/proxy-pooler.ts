import { join } from 'node:path'
import pg from 'pg'
import { SOCKET_PORT } from '../../postgres/cluster.ts'
import { type Daemon, type ProcessWatch, startDaemon, writeOwned } from '../../postgres/daemon.ts'

/** What a PgBouncer is told. */
export type PoolSettings = {
  /** Who may enter: PostgreSQL lets them in on its private socket, and their token is the endpoint's question. */
  readonly users: readonly string[]
  /** Folder of the instance's socket. */
  readonly backend: string
  /** Connections to each database of the instance. */
  readonly size: number
  /** Seconds that a client waits for a connection before it is turned away. */
  readonly borrowTimeout: number
  /** Seconds after which a silent client is sent away. */
  readonly idleClientTimeout: number
  /** Run on each new connection to the instance. */
  readonly initQuery?: string
}

/** A running PgBouncer, reached through a private socket. */
export type Pooler = Omit<Daemon, 'reload'> & {
  readonly port: number
  /** Writes new settings and has the process read them; clients stay. */
  readonly reload: (settings: PoolSettings) => void
  /** Rows of a `SHOW` of its admin console. */
  readonly show: (what: 'POOLS' | 'STATS' | 'VERSION') => Promise<Record<string, unknown>[]>
}

// Nobody enters as this user: the twin's endpoints turn it away before anything is behind them.
const ADMIN = 'rdsadmin'
const MAX_CLIENTS = 2_000

// PgBouncer's own quoting: a line is one connection string, and only the quote itself is doubled.
const quote = (text: string) => `'${text.replaceAll(/[\r\n]+/g, ' ').replaceAll("'", "''")}'`

/** The configuration as PgBouncer reads it. */
function renderPool(dir: string, socket: string, settings: PoolSettings): string {
  const init = settings.initQuery ? ` connect_query=${quote(settings.initQuery)}` : ''
  return `[databases]
* = host=${settings.backend} port=${SOCKET_PORT}${init}

[pgbouncer]
listen_port = ${SOCKET_PORT}
unix_socket_dir = ${socket}
unix_socket_mode = 0700
pidfile = ${join(dir, 'pgbouncer.pid')}
auth_type = trust
auth_file = ${join(dir, 'users.txt')}
admin_users = ${ADMIN}
pool_mode = transaction
default_pool_size = ${settings.size}
max_db_connections = ${settings.size}
max_client_conn = ${MAX_CLIENTS}
query_wait_timeout = ${settings.borrowTimeout}
client_idle_timeout = ${settings.idleClientTimeout}
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
log_stats = 0
`
}

/** A user on each line with no password: nobody is asked for one here. */
const renderUsers = (users: readonly string[]) =>
  // A line end in a name would begin another user's line.
  users
    .filter(user => !/[\r\n]/.test(user))
    .map(user => `"${user.replaceAll('"', '""')}" ""\n`)
    .join('')

/**
 * Starts PgBouncer under PostgreSQL's account, with its files in `dir`, and returns when its console answers.
 * @throws with the end of its log when it does not
 */
export async function startPooler(
  program: string,
  dir: string,
  settings: PoolSettings,
  watch?: ProcessWatch,
): Promise<Pooler> {
  const configure = (socket: string, now: PoolSettings) => {
    writeOwned(join(dir, 'pgbouncer.ini'), renderPool(dir, socket, now))
    writeOwned(join(dir, 'users.txt'), renderUsers([ADMIN, ...now.users]))
  }
  const daemon = await startDaemon({
    title: 'PgBouncer',
    program,
    dir,
    name: 'pgbouncer',
    configuration: 'pgbouncer.ini',
    configure: socket => configure(socket, settings),
    ask: socket => ask(socket, 'SHOW VERSION'),
    watch,
  })
  return {
    ...daemon,
    port: SOCKET_PORT,
    reload: now => {
      configure(daemon.socket, now)
      daemon.reload()
    },
    show: what => ask(daemon.socket, `SHOW ${what}`),
  }
}

async function ask(socket: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({
    host: socket,
    port: SOCKET_PORT,
    user: ADMIN,
    database: 'pgbouncer',
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  })
  // A pooler that dies closes the connection: the query on it reports it.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
