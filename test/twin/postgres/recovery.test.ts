import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { own } from '../../../twin/postgres/account.ts'
import { archiveNow, archiveTo } from '../../../twin/postgres/archive.ts'
import { baseBackup } from '../../../twin/postgres/base-backup.ts'
import { type Cluster, startCluster } from '../../../twin/postgres/cluster.ts'
import { recover } from '../../../twin/postgres/recovery.ts'
import { createReplica, promote } from '../../../twin/postgres/replica.ts'
import { createCluster } from '../../../twin/postgres/template.ts'

let root: string
let running: Cluster[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  own(root)
  running = []
})

afterEach(async () => {
  for (const cluster of running) await cluster.kill()
  rmSync(root, { recursive: true, force: true })
})

const keep = (cluster: Cluster) => {
  running.push(cluster)
  return cluster
}

async function until(isTrue: () => boolean | Promise<boolean>) {
  const deadline = Date.now() + 60_000
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error('waited in vain')
    await sleep(10)
  }
}

async function rows(cluster: Cluster): Promise<number[]> {
  return (await cluster.query('select n from t order by n')).map(row => Number(row.n))
}

/** Inserts a row and returns the time of its commit in milliseconds, rounded up: the row is in at that time. */
async function insert(cluster: Cluster, n: number): Promise<number> {
  await cluster.query('insert into t values ($1)', [n])
  const [row] = await cluster.query(
    'select ceil(extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000) as at from t where n = $1',
    [n],
  )
  return Number(row?.at)
}

test.each([18, 17] as const)(
  'recovers version %i to the row: by time, to the backup, to the end',
  async version => {
    const archive = join(root, 'archive')
    const dir = join(root, 'primary')
    await createCluster({ dir, version })
    const primary = keep(await startCluster({ dir, settings: archiveTo(archive) }))
    await primary.query('create table t (n int)')
    await insert(primary, 1)
    await baseBackup(primary, join(root, 'backup'))
    await insert(primary, 2)
    const at = await insert(primary, 3)
    await until(() => Date.now() > at)
    await insert(primary, 4)
    await archiveNow(primary, archive, until)
    const common = { backup: join(root, 'backup'), archive }

    const immediate = keep(await recover({ ...common, to: join(root, 'a'), target: 'immediate' }))
    expect(await rows(immediate)).toEqual([1])
    const byTime = keep(await recover({ ...common, to: join(root, 'b'), target: { time: at } }))
    expect(await rows(byTime)).toEqual([1, 2, 3])
    const latest = keep(await recover({ ...common, to: join(root, 'c'), target: 'latest' }))
    expect(await rows(latest)).toEqual([1, 2, 3, 4])
    await latest.query('insert into t values (5)')
    await expect(
      recover({ ...common, to: join(root, 'd'), target: { time: Date.now() + 60_000 } }),
    ).rejects.toThrow('PostgreSQL ended')
  },
)

test('a replica follows, is promoted, and keeps what it had', async () => {
  const dir = join(root, 'primary')
  await createCluster({ dir })
  const primary = keep(await startCluster({ dir }))
  await primary.query('create table t (n int)')
  const replica = keep(await createReplica({ source: primary, to: join(root, 'replica'), slot: 'replica_1' }))
  await primary.query('insert into t values (1)')
  await until(async () => (await rows(replica)).length === 1)
  await expect(replica.query('insert into t values (2)')).rejects.toThrow('read-only transaction')
  await promote(replica)
  await replica.query('insert into t values (2)')
  expect(await rows(replica)).toEqual([1, 2])
  expect(await rows(primary)).toEqual([1])
})

test('what was acknowledged is there after SIGKILL', async () => {
  const dir = join(root, 'primary')
  await createCluster({ dir })
  const first = keep(await startCluster({ dir }))
  await first.query('create table t (n int)')
  await first.query('insert into t values (1)')
  await first.kill()
  const second = keep(await startCluster({ dir }))
  expect(await rows(second)).toEqual([1])
})

test('two clusters of one template are not copies of each other', async () => {
  const identifiers = new Set<unknown>()
  for (const name of ['a', 'b']) {
    await createCluster({ dir: join(root, name) })
    const cluster = keep(await startCluster({ dir: join(root, name) }))
    const [row] = await cluster.query('select system_identifier from pg_control_system()')
    identifiers.add(row?.system_identifier)
  }
  expect(identifiers.size).toBe(2)
})
