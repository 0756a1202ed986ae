import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { own } from '../../../twin/postgres/account.ts'
import { type Cluster, startCluster } from '../../../twin/postgres/cluster.ts'
import { createMaster } from '../../../twin/postgres/rights.ts'
import { createCluster } from '../../../twin/postgres/template.ts'

/** A running PostgreSQL with a master user as RDS makes one, and a folder for dumps. */
export type Lab = {
  readonly root: string
  readonly cluster: Cluster
  /** Makes an empty database; gives how the master user connects to it. */
  readonly database: () => Promise<pg.ClientConfig>
  /** Writes a dump of these bytes; gives its path. */
  readonly dump: (content: string | Buffer) => string
  readonly close: () => Promise<void>
}

export async function openLab(): Promise<Lab> {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  own(root)
  await createCluster({ dir: join(root, 'primary'), version: 18 })
  const cluster = await startCluster({
    dir: join(root, 'primary'),
    version: 18,
    settings: { fsync: 'off', wal_level: 'logical' },
  })
  await createMaster(cluster, { user: 'master', password: 'word' })
  let count = 0
  return {
    root,
    cluster,
    database: async () => {
      count += 1
      await cluster.query(`create database d${count} owner master`)
      return {
        host: cluster.socket,
        port: cluster.port,
        user: 'master',
        password: 'word',
        database: `d${count}`,
      }
    },
    dump: content => {
      count += 1
      const file = join(root, `dump-${count}.sql`)
      writeFileSync(file, content)
      return file
    },
    close: async () => {
      await cluster.kill()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** The rows of one statement, each an array. */
export async function ask(connection: pg.ClientConfig, sql: string): Promise<unknown[][]> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}
