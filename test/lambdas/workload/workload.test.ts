import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { migrate } from '../../../lambdas/migrate/migrate.ts'
import { watchWorkload } from '../../../lambdas/workload/workload.ts'
import { own } from '../../../twin/postgres/account.ts'
import { type Cluster, startCluster } from '../../../twin/postgres/cluster.ts'
import { createCluster } from '../../../twin/postgres/template.ts'

let root: string
let cluster: Cluster
let watcher: pg.Client

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  own(root)
  await createCluster({ dir: join(root, 'p'), version: 18 })
  cluster = await startCluster({
    dir: join(root, 'p'),
    settings: {
      shared_preload_libraries: 'pg_stat_statements',
      track_commit_timestamp: 'on',
      wal_level: 'logical',
      // It would clear away the dead rows that are to be seen.
      autovacuum: false,
    },
  })
  await cluster.query('create database app')
  const owner = await cluster.connect('app')
  await migrate(owner)
  await owner.end()
  watcher = new pg.Client({
    host: cluster.socket,
    port: cluster.port,
    database: 'app',
    user: 'holdfast_workload',
  })
  await watcher.connect()
})

afterAll(async () => {
  await watcher.end()
  await cluster.kill()
  rmSync(root, { recursive: true, force: true })
})

test('sees slow statements, waiting sessions, undone transactions and dead rows of an interval, without reading a table', async () => {
  const [a, b] = [await cluster.connect('app'), await cluster.connect('app')]
  await a.query('create table t (id int primary key, v text)')
  await a.query(`insert into t select i, 'x' from generate_series(1, 20000) i`)
  const workload = await watchWorkload(watcher, async () => {
    await a.query('select pg_sleep(0.3)')
    for (let i = 0; i < 3; i += 1) await a.query('begin; insert into t values (0); rollback')
    await a.query('update t set v = v where id > 0')
    // A session tells its counters between transactions.
    await a.query('select pg_stat_force_next_flush()')
    await a.query('begin; select * from t where id = 1 for update')
    b.query('update t set v = v where id = 1').catch(() => {})
    const waits = async () =>
      (await cluster.query(`select from pg_stat_activity where wait_event_type = 'Lock'`)).length
    while ((await waits()) === 0) {}
  })
  await a.query('rollback')
  await Promise.all([a.end(), b.end()])
  expect(workload.top.find(({ query }) => query.includes('pg_sleep'))).toMatchObject({ calls: 1 })
  expect(workload.p99).toBeGreaterThan(290)
  expect(workload.p50).toBeLessThan(290)
  expect(workload.lockWaits).toBe(1)
  expect(workload.rollbackPercent).toBeGreaterThan(10)
  expect(workload.connectionsPercent).toBeGreaterThan(0)
  expect(workload.tableBloatPercent).toBeCloseTo(50, 0)
  expect(workload.wraparoundPercent).toBeLessThan(1)
  const [age] = await cluster.query(
    'select max(100.0 * mxid_age(datminmxid) / 2147483648)::float8 as percent from pg_database',
  )
  expect(workload.multixactPercent).toBe(age?.percent)
  await expect(watcher.query('select from t')).rejects.toMatchObject({ code: '42501' })
})

test('counts every replication slot, whoever made it, against how many there may be', async () => {
  await cluster.query(`alter role holdfast_archiver replication`)
  const before = (await watchWorkload(watcher, async () => {})).slotsPercent
  const archiver = new pg.Client({
    host: cluster.socket,
    port: cluster.port,
    database: 'app',
    user: 'holdfast_archiver',
  })
  await archiver.connect()
  const { rows } = await archiver.query<{ most: number }>(
    `select current_setting('max_replication_slots')::int as most`,
  )
  const most = rows[0]?.most ?? 0
  for (let slot = 0; slot < most; slot += 1)
    await archiver.query(`select pg_create_logical_replication_slot('fill_${slot}', 'test_decoding')`)
  const full = (await watchWorkload(watcher, async () => {})).slotsPercent
  for (let slot = 0; slot < most; slot += 1)
    await archiver.query(`select pg_drop_replication_slot('fill_${slot}')`)
  await archiver.end()
  expect([before, full]).toEqual([0, 100])
})

test('calls an index bloated that lost most of its keys, and a fresh one not', async () => {
  const client = await cluster.connect('app')
  await client.query('create table big (id bigint primary key, filler text)')
  await client.query(`insert into big select i, '' from generate_series(1, 600000) i`)
  await client.query('vacuum analyze big')
  const fresh = await watchWorkload(watcher, async () => {})
  expect(fresh.indexBloatPercent).toBeLessThan(20)
  await client.query('delete from big where id % 10 <> 0')
  await client.query('vacuum analyze big')
  const bloated = await watchWorkload(watcher, async () => {})
  await client.end()
  expect(bloated.indexBloatPercent).toBeGreaterThan(80)
})

test('refuses with a sentence where nobody counts statements', async () => {
  const client = await cluster.connect('postgres')
  await expect(watchWorkload(client, async () => {})).rejects.toThrow(
    'extension pg_stat_statements is not in this database\nHINT: run the migrate function',
  )
  await client.end()
})
