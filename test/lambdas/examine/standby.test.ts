import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { examineCopy, task } from '../../../bench/examination.ts'
import { type Lab, openLab, type Server, until } from '../../../bench/lab.ts'
import type { Boundary, MarkAnswer } from '../../../lambdas/examine/request.ts'
import type { Cluster } from '../../../twin/postgres/cluster.ts'
import { createReplica } from '../../../twin/postgres/replica.ts'

let lab: Lab
let cluster: Cluster
let replica: Server
let copy: Server
let mark: MarkAnswer
let boundary: Boundary

// A replica as the other region has it, whose replay stops before the copy's end; rows are deleted in between.
beforeAll(async () => {
  lab = await openLab(18)
  await lab.primary.run(`
    create table public.orders (id int primary key, note text);
    insert into public.orders select g, 'x' from generate_series(1, 1000) g`)
  await lab.beat()
  const backup = await lab.backup()
  const to = join(lab.folder, 'replica')
  cluster = await createReplica({ source: lab.primary.cluster, to, slot: 'replica', settings: {} })
  replica = lab.around(cluster, 'shop-prod-standby')
  mark = await task({ task: 'mark', primary: replica.endpoint, standby: true }, replica)
  await cluster.query('select pg_catalog.pg_wal_replay_pause()')
  await lab.primary.run('delete from public.orders where id <= 100')
  await lab.beat()
  copy = await lab.restore(backup)
  await lab.beat()
  boundary = (await task({ task: 'open', copy: copy.endpoint }, undefined, copy)).boundary
}, 120_000)

afterAll(async () => {
  await cluster?.stop('immediate')
  await lab?.close()
})

const cut = () =>
  task({ task: 'cut', copy: copy.endpoint, primary: replica.endpoint, disasterAt: mark.now }, replica, copy)

test('a replica is refused where the primary is meant', async () => {
  await expect(task({ task: 'mark', primary: replica.endpoint }, replica)).rejects.toThrow(
    'shop-prod-standby is in recovery: it is a replica',
  )
  expect(mark).toMatchObject({ recovering: true, timeline: 1 })
})

// Naive: comparing at once: the hundred rows that the replica still has were committed, and the copy lacks them.
test('a replica that is behind the copy says so, and would accuse it of every deleted row', async () => {
  const behind = await cut()
  expect(behind.referenceAhead).toBe(false)
  expect(behind.checks.find(check => check.name === 'cut.reference')).toMatchObject({ verdict: 'unknown' })
  const both = { primary: replica.endpoint, copy: copy.endpoint, boundary, cut: behind.cut! }
  const { oid } = await copy.one<{ oid: number }>(`select 'public.orders'::regclass::oid::int4 as oid`)
  const batch = [[oid, 0, null] as const]
  const { tables } = await task({ task: 'compare', ...both, batch }, replica, copy)
  const [orders] = tables
  expect(orders?.lost).toBe(100)
})

test('once it has replayed past the copy every row is judged right, and nothing is written to it', async () => {
  await cluster.query('select pg_catalog.pg_wal_replay_resume()')
  await until('replay', async () => (await cut()).referenceAhead)
  const found = await examineCopy(replica, copy, { marked: mark })
  expect(found.red).toEqual([])
  expect(found.table('public.orders')).toMatchObject({ rowsPrimary: 900, rowsCopy: 900, equal: 900, lost: 0 })
})
