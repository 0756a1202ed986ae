import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { makePrivateFolder, own, unprivileged } from './account.ts'
import { installation, type Version } from './installation.ts'
import { killTree } from './processes.ts'
import { baseSettings, renderSettings, type Settings } from './settings.ts'

export type StartOptions = {
  /** The cluster's folder: its database files are in `<dir>/data`, its configuration and log beside them. */
  readonly dir: string
  readonly version?: Version
  /** Added to, and stronger than, the small defaults of {@link baseSettings}. */
  readonly settings?: Settings
  /**
   * Also listen on 127.0.0.1 at this TCP port, trusting everyone (it numbers the socket too). For tests that need no
   * endpoint; the twin's own instances never set it.
   */
  readonly trustedPort?: number
  /** Milliseconds until a start counts as failed. @default 60000 */
  readonly timeout?: number
}

/** A running PostgreSQL. It is reached as the superuser `rdsadmin` through a private socket. */
export type Cluster = {
  readonly dir: string
  /** PGDATA. */
  readonly data: string
  readonly version: Version
  /** Folder of the Unix socket; `host` for a client. */
  readonly socket: string
  /** Number in the socket's name; `port` for a client. Not a TCP port. */
  readonly port: number
  readonly pid: number
  /** Settles when the postmaster has ended, for whatever reason. */
  readonly exited: Promise<void>
  readonly isRunning: () => boolean
  /** A new superuser connection. The caller ends it. */
  readonly connect: (database?: string) => Promise<pg.Client>
  /** Rows of one statement, over a connection of its own. */
  readonly query: (text: string, values?: unknown[], database?: string) => Promise<Record<string, unknown>[]>
  /** Ends the cluster: `fast` rolls back and checkpoints, `immediate` leaves it to crash recovery. @default fast */
  readonly stop: (mode?: 'smart' | 'fast' | 'immediate') => Promise<void>
  /** Kills the postmaster and every process of it with SIGKILL, as a lost host would. */
  readonly kill: () => Promise<void>
  /** Writes the settings and has the server read them again. Those that need a restart wait for it. */
  readonly reload: (settings: Settings) => void
}

/** PostgreSQL would not start; the message ends with the last lines of its log. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure'
}

/** Where the socket of the cluster in `dir` is, running or not. Sockets need short paths (107 bytes), clusters have long ones. */
export const socketFolder = (dir: string) =>
  join(tmpdir(), `holdfast-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}`)

/** The number in every socket's name. */
export const SOCKET_PORT = 5432
const SUPERUSER = 'rdsadmin'
const FAST_STOP_MS = 20_000

/** Only PostgreSQL's own account reaches the socket. The order matters: the first line that fits decides. */
const HBA = `local all rdsadmin trust
local replication rdsadmin trust
local all +rds_superuser scram-sha-256
local replication +rds_superuser scram-sha-256
local all +rds_iam trust
local replication +rds_iam trust
local all all scram-sha-256
local replication all scram-sha-256
`

const TRUSTED_HBA = `host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
`

/**
 * Starts the cluster in `dir` (made by createCluster, a base backup or a recovery) and returns when it accepts
 * connections, as primary or as hot standby. A start after a crash waits until the dead processes are gone.
 * @throws StartFailure with the end of the server's log
 */
export async function startCluster(options: StartOptions): Promise<Cluster> {
  const deadline = Date.now() + (options.timeout ?? 60_000)
  for (;;) {
    const from = logSize(options.dir)
    try {
      return await startOnce(options, deadline)
    } catch (error) {
      const log = readLog(options.dir, from)
      if (!/pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(log)) throw error
      if (Date.now() > deadline) throw error
      await sleep(50)
    }
  }
}

async function startOnce(options: StartOptions, deadline: number): Promise<Cluster> {
  const { dir } = options
  const version = options.version ?? versionOf(dir)
  const socket = socketFolder(dir)
  makePrivateFolder(socket)
  writeConfiguration(options, socket)
  const from = logSize(dir)
  const log = openSync(join(dir, 'postgresql.log'), 'a', 0o600)
  own(join(dir, 'postgresql.log'))
  const child = spawn(
    installation(version).postgres,
    ['-D', join(dir, 'data'), '-c', `config_file=${join(dir, 'postgresql.conf')}`],
    {
      ...unprivileged(),
      stdio: ['ignore', log, log],
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
      cwd: dir,
    },
  )
  closeSync(log)
  const cluster = clusterOf(options, version, socket, child)
  await untilReady(cluster, child, deadline).catch(async error => {
    await cluster.kill()
    throw new StartFailure(`${(error as Error).message}\n${readLog(dir, from).slice(-2000)}`, {
      cause: error,
    })
  })
  return cluster
}

function clusterOf(options: StartOptions, version: Version, socket: string, child: ChildProcess): Cluster {
  const { dir } = options
  const data = join(dir, 'data')
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  const connect = (database = 'postgres') => connectTo(socket, SOCKET_PORT, database)
  return {
    dir,
    data,
    version,
    socket,
    port: SOCKET_PORT,
    pid: child.pid ?? -1,
    exited,
    isRunning,
    connect,
    query: async (text, values, database) => {
      const client = await connect(database)
      try {
        return (await client.query(text, values)).rows
      } finally {
        await client.end()
      }
    },
    stop: async (mode = 'fast') => {
      if (isRunning()) child.kill(mode === 'smart' ? 'SIGTERM' : mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
      // A fast stop waits for the archive and for standbys; it must not wait for ever on one that is broken.
      const hurry = mode === 'fast' ? setTimeout(() => child.kill('SIGQUIT'), FAST_STOP_MS) : undefined
      await exited
      clearTimeout(hurry)
      rmSync(socket, { recursive: true, force: true })
    },
    kill: async () => {
      if (isRunning() && child.pid !== undefined) await killTree(child.pid)
      await exited
      rmSync(socket, { recursive: true, force: true })
    },
    reload: settings => {
      writeConfiguration({ ...options, settings }, socket)
      if (isRunning()) child.kill('SIGHUP')
    },
  }
}

/** A superuser connection through a cluster's socket. The caller ends it. */
async function connectTo(socket: string, port: number, database: string): Promise<pg.Client> {
  const client = new pg.Client({
    host: socket,
    port,
    database,
    user: SUPERUSER,
    // What a database's owner has put on a login, or on a statement, would run as us.
    options: '-c event_triggers=off',
    connectionTimeoutMillis: 15_000,
  })
  // A server that dies closes idle connections: the next query on them reports it.
  client.on('error', () => {})
  await client.connect()
  return client
}

/** The major version of the database files in `<dir>/data`. */
function versionOf(dir: string): Version {
  const text = readFileSync(join(dir, 'data', 'PG_VERSION'), 'utf8').trim()
  if (text === '17' || text === '18') return text === '17' ? 17 : 18
  throw new StartFailure(
    `${dir} holds a cluster of version ${text}\nHINT: the twin runs PostgreSQL 17 and 18`,
  )
}

function writeConfiguration(options: StartOptions, socket: string): void {
  const { dir } = options
  const files = {
    'postgresql.conf': renderSettings({
      ...baseSettings,
      ...options.settings,
      listen_addresses: options.trustedPort === undefined ? '' : '127.0.0.1',
      port: options.trustedPort ?? SOCKET_PORT,
      unix_socket_directories: socket,
      unix_socket_permissions: '0700',
      hba_file: join(dir, 'pg_hba.conf'),
      ident_file: join(dir, 'pg_ident.conf'),
    }),
    'pg_hba.conf': HBA + (options.trustedPort === undefined ? '' : TRUSTED_HBA),
    'pg_ident.conf': '',
  }
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(dir, name), text, { mode: 0o600 })
    own(join(dir, name))
  }
}

/** What the postmaster says of itself on the eighth line of its lock file: `starting`, `standby`, `ready`, `stopping`. */
export function statusOf(cluster: Pick<Cluster, 'data' | 'pid'>): string {
  const file = join(cluster.data, 'postmaster.pid')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  return Number(lines[0]) === cluster.pid ? (lines[7] ?? '').trim() : ''
}

async function untilReady(cluster: Cluster, child: ChildProcess, deadline: number): Promise<void> {
  for (;;) {
    if (!cluster.isRunning())
      throw new StartFailure(`PostgreSQL ended while it started (exit ${child.exitCode})`)
    if (/^(ready|standby)/.test(statusOf(cluster))) return
    if (Date.now() > deadline) throw new StartFailure('PostgreSQL did not accept connections in time')
    await sleep(10)
  }
}

const logSize = (dir: string) => {
  const file = join(dir, 'postgresql.log')
  return existsSync(file) ? statSync(file).size : 0
}

const readLog = (dir: string, from: number) => {
  const file = join(dir, 'postgresql.log')
  return existsSync(file) ? readFileSync(file).subarray(from).toString('utf8') : ''
}
