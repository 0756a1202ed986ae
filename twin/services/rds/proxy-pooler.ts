import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { makePrivateFolder, own, unprivileged } from '../../postgres/account.ts'
import { SOCKET_PORT, socketFolder } from '../../postgres/cluster.ts'
import { isAlive } from '../../postgres/processes.ts'

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
export type Pooler = {
  readonly pid: number
  readonly socket: string
  readonly port: number
  readonly isRunning: () => boolean
  /** Settles when the process has ended, for whatever reason. */
  readonly exited: Promise<void>
  /** Writes new settings and has the process read them; clients stay. */
  readonly reload: (settings: PoolSettings) => void
  /** Rows of a `SHOW` of its admin console. */
  readonly show: (what: 'POOLS' | 'STATS' | 'VERSION') => Promise<Record<string, unknown>[]>
  readonly stop: () => Promise<void>
}

/** Told of the process, so that it does not outlive the twin. */
export type ProcessWatch = { started(pid: number): void; ended(pid: number): void }

// Nobody enters as this user: the twin's endpoints turn it away before anything is behind them.
const ADMIN = 'rdsadmin'
const START_MS = 15_000
const MAX_CLIENTS = 2_000

// PgBouncer's own quoting: a line is one connection string, and only the quote itself is doubled.
const quote = (text: string) => `'${text.replaceAll(/[\r\n]+/g, ' ').replaceAll("'", "''")}'`

/** The configuration as PgBouncer reads it. */
export function renderPool(dir: string, socket: string, settings: PoolSettings): string {
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
  users.map(user => `"${user.replaceAll('"', '""')}" ""\n`).join('')

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
  const socket = socketFolder(dir)
  await endStray(dir)
  rmSync(socket, { recursive: true, force: true })
  makePrivateFolder(dir)
  makePrivateFolder(socket)
  const configure = (now: PoolSettings) => {
    write(join(dir, 'pgbouncer.ini'), renderPool(dir, socket, now))
    write(join(dir, 'users.txt'), renderUsers([ADMIN, ...now.users]))
  }
  configure(settings)
  const log = openSync(join(dir, 'pgbouncer.log'), 'w', 0o600)
  const child = spawn(program, [join(dir, 'pgbouncer.ini')], {
    ...unprivileged(),
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
    cwd: dir,
  })
  closeSync(log)
  const pooler = poolerOf(child, socket, configure, watch)
  try {
    await untilAnswers(pooler)
  } catch (error) {
    await pooler.stop()
    const said = readFileSync(join(dir, 'pgbouncer.log'), 'utf8').slice(-2_000)
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error })
  }
  return pooler
}

function poolerOf(
  child: ChildProcess,
  socket: string,
  configure: (settings: PoolSettings) => void,
  watch: ProcessWatch | undefined,
): Pooler {
  const pid = child.pid ?? -1
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  }).then(() => {
    if (pid > 0) watch?.ended(pid)
  })
  if (pid > 0) watch?.started(pid)
  return {
    pid,
    socket,
    port: SOCKET_PORT,
    isRunning,
    exited,
    reload: settings => {
      configure(settings)
      if (isRunning()) child.kill('SIGHUP')
    },
    show: what => ask(socket, `SHOW ${what}`),
    stop: async () => {
      // TERM ends it at once and drops the clients: whoever is cut off was cut off at the endpoint already.
      if (isRunning()) child.kill('SIGTERM')
      const hurry = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await exited
      clearTimeout(hurry)
      rmSync(socket, { recursive: true, force: true })
    },
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

async function untilAnswers(pooler: Pooler): Promise<void> {
  const deadline = Date.now() + START_MS
  for (;;) {
    if (!pooler.isRunning()) throw new Error('PgBouncer ended while it started')
    try {
      await pooler.show('VERSION')
      return
    } catch (error) {
      if (Date.now() > deadline)
        throw new Error('the console of PgBouncer did not answer in time', { cause: error })
    }
    await sleep(20)
  }
}

function write(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
  own(file)
}

/** A PgBouncer that outlived the twin that started it would keep the socket: it ends first. */
async function endStray(dir: string): Promise<void> {
  const file = join(dir, 'pgbouncer.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8'))
  if (Number.isInteger(pid) && pid > 1 && isAlive(pid) && isOurs(pid, dir)) {
    process.kill(pid, 'SIGKILL')
    while (isAlive(pid)) await sleep(10)
  }
  rmSync(file, { force: true })
}

/** The number may have gone to another program since. */
function isOurs(pid: number, dir: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir)
  } catch {
    // No such process, or no /proc: what cannot be told to be ours is left alone.
    return false
  }
}
