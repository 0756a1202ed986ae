import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Endpoint } from '../lambdas/examine/request.ts'
import type { Side, Sides } from '../lambdas/examine/side.ts'
import { migrate } from '../lambdas/migrate/migrate.ts'
import { own } from '../twin/postgres/account.ts'
import { archiveNow, archiveTo } from '../twin/postgres/archive.ts'
import { type BaseBackup, baseBackup } from '../twin/postgres/base-backup.ts'
import { type Cluster, startCluster } from '../twin/postgres/cluster.ts'
import type { Version } from '../twin/postgres/installation.ts'
import { recover } from '../twin/postgres/recovery.ts'
import type { Settings } from '../twin/postgres/settings.ts'
import { createCluster } from '../twin/postgres/template.ts'

/** A server behind its private socket, which trusts IAM users; the master user is `master`, the database `shop`. */
export type Server = {
  readonly cluster: Cluster
  readonly endpoint: Endpoint
  connect(user?: string, database?: string): Promise<pg.Client>
  /** One statement as a superuser: its first row. */
  one<T extends pg.QueryResultRow = Record<string, string>>(sql: string, values?: unknown[]): Promise<T>
  run(sql: string): Promise<void>
}

export type Lab = {
  readonly folder: string
  readonly primary: Server
  backup(): Promise<BaseBackup>
  /** A copy recovered to a time in milliseconds, or to the end of the log as it is now. */
  restore(backup: BaseBackup, time?: number, settings?: Settings): Promise<Server>
  /** A server that somebody else started, under this identifier; whoever started it stops it. */
  around(cluster: Cluster, identifier: string): Server
  /** Ends all copies; the primary goes on. */
  stopCopies(): Promise<void>
  stop(server: Server): Promise<void>
  startAgain(server: Server, settings?: Settings): Promise<Server>
  /** A heartbeat as the heartbeat function writes it. */
  beat(): Promise<void>
  close(): Promise<void>
}

export async function until<T>(what: string, ask: () => T | Promise<T>, ms = 60_000): Promise<T> {
  const end = Date.now() + ms
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`gave up waiting: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

function serverOf(cluster: Cluster, identifier: string): Server {
  const self: Server = {
    cluster,
    endpoint: { identifier, host: cluster.socket, port: cluster.port, database: 'shop' },
    async connect(user = 'rdsadmin', database = 'shop') {
      const { socket: host, port } = cluster
      const client = new pg.Client({ host, port, user, database, password: 'master' })
      client.on('error', () => {})
      await client.connect()
      return client
    },
    async one<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []) {
      return (await cluster.query(sql, values, 'shop'))[0] as T
    },
    async run(sql) {
      await cluster.query(sql, undefined, 'shop')
    },
  }
  return self
}

/** A primary with a log archive, the database `shop` owned by `master`, and Holdfast's schema in it. */
export async function openLab(version: Version = 18, settings: Settings = {}): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-lab-'))
  own(folder)
  const archive = join(folder, 'archive')
  const running = new Map<string, Cluster>()
  let copies = 0
  const base: Settings = { wal_level: 'logical', max_connections: 100, shared_buffers: '64MB' }
  const start = async (dir: string) => {
    await createCluster({ dir, version })
    const cluster = await startCluster({
      dir,
      settings: { ...base, ...archiveTo(archive), ...settings },
    })
    running.set('shop-prod', cluster)
    return serverOf(cluster, 'shop-prod')
  }
  const primary = await start(join(folder, 'primary'))
  await furnish(primary)
  return {
    folder,
    primary,
    around: serverOf,
    backup: () => baseBackup(primary.cluster, join(folder, `backup-${Date.now()}`)),
    async restore(backup, time, more = {}) {
      await archiveNow(primary.cluster, archive, there => until('the archive', there).then(() => undefined))
      copies += 1
      const name = `drill-shop-prod-${copies}`
      const cluster = await recover({
        backup: backup.dir,
        to: join(folder, name),
        archive,
        target: time === undefined ? 'latest' : { time },
        settings: { ...base, max_logical_replication_workers: 0, ...more },
      })
      running.set(name, cluster)
      return serverOf(cluster, name)
    },
    beat: () => primary.run(`insert into holdfast.heartbeat (instance, code) values ('shop-prod', 'test')`),
    async stopCopies() {
      for (const [name, cluster] of running) {
        if (name === 'shop-prod') continue
        await cluster.stop('immediate')
        rmSync(cluster.dir, { recursive: true, force: true })
        running.delete(name)
      }
    },
    stop: server => server.cluster.stop('fast'),
    async startAgain(server, more = {}) {
      const { identifier } = server.endpoint
      const { dir } = server.cluster
      const cluster = await startCluster({
        dir,
        settings: { ...base, max_logical_replication_workers: 0, ...more },
      })
      running.set(identifier, cluster)
      return serverOf(cluster, identifier)
    },
    async close() {
      for (const cluster of [...running.values()].reverse()) await cluster.stop('immediate')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function furnish(primary: Server): Promise<void> {
  await primary.cluster.query(`create role master login password 'master' createrole createdb bypassrls`)
  await primary.cluster.query('grant rds_superuser to master with admin option')
  await primary.cluster.query('create database shop owner master')
  const master = await primary.connect('master')
  try {
    await migrate(master)
  } finally {
    await master.end()
  }
}

/** The two sides as the examination opens them, over the private sockets. */
export function sidesOf(primary: Server | undefined, copy: Server | undefined): Sides {
  const side = (server: Server, database = server.endpoint.database): Side => ({
    endpoint: { ...server.endpoint, database },
    open: () => server.connect('holdfast_examine', database),
    openForAssertions: () => server.connect('holdfast_assert', database),
    within: other => side(server, other),
  })
  return { primary: primary && side(primary), copy: copy && side(copy) }
}
