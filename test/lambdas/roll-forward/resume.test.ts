import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Boundary, FingerprintAnswer, Target } from '../../../lambdas/roll-forward/request.ts'
import { openRig, type Rig, readBoundary } from '../archiver/rig.ts'
import type { Server } from '../examine/lab.ts'

let rig: Rig
let copy: Server
let wanted: FingerprintAnswer
let boundary: Boundary
let target: Target

beforeAll(async () => {
  rig = await openRig()
  await rig.sql('create table item (id bigint generated always as identity, v text)')
  await rig.sql(`create procedure load(n int) language plpgsql as $$
    begin for i in 1..n loop insert into item (v) select 'x' || g from generate_series(1, 20) g; commit; end loop; end $$`)
  await rig.run()
  await rig.lab.beat()
  copy = await rig.lab.restore(await rig.lab.backup())
  boundary = await readBoundary(copy)
  // No row has a key: applied twice, a transaction would show.
  await rig.sql('call load(2000)')
  wanted = await rig.fingerprint()
  await rig.lab.beat()
  await rig.run()
  target = { kind: 'snapshot', snapshot: wanted.snapshot, lsn: wanted.lsn }
}, 240_000)

afterAll(() => rig.close())

test('goes on where it was after its session is killed, and applies nothing twice', async () => {
  for (let killed = 0; killed < 3; killed++) {
    const attempt = rig.apply(copy, target, 600, boundary).then(
      () => 'done',
      () => 'killed',
    )
    const before = await applied()
    for (let look = 0; look < 2_000 && (await applied()) <= before; look++)
      await new Promise(resolve => setTimeout(resolve, 5))
    await copy.run(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'holdfast_roll_forward' and xact_start is not null",
    )
    if ((await attempt) === 'done') break
  }
  const answer = await rig.apply(copy, target, 600, boundary)
  expect(answer).toMatchObject({ done: true, transactions: 2_000, checks: [{ verdict: 'pass' }] })
  expect((await rig.compare(copy, wanted)).checks).toMatchObject([
    { name: 'roll-forward.identical', verdict: 'pass' },
  ])
}, 240_000)

test('stops when its time is over, between two transactions', async () => {
  await rig.sql('call load(5)')
  const later = await rig.fingerprint()
  await rig.lab.beat()
  await rig.run()
  const next = { kind: 'snapshot', snapshot: later.snapshot, lsn: later.lsn } as const
  const counts: number[] = []
  for (;;) {
    const { done, transactions } = await rig.apply(copy, next, 0, boundary)
    if (done) break
    counts.push(transactions)
  }
  // The heartbeat before, then one transaction a call, the last of them together with the end.
  expect(counts).toEqual([2_001, 2_002, 2_003, 2_004, 2_005])
  expect((await rig.compare(copy, later)).different).toBe(0)
}, 240_000)

/** Transactions that the copy remembers as applied. */
async function applied(): Promise<number> {
  const { known } = await copy.one<{ known: boolean }>(
    "select to_regclass('holdfast_roll_forward.progress') is not null as known",
  )
  if (!known) return 0
  const { n } = await copy.one<{ n: number }>(
    "select coalesce(max((state->>'transactions')::int), 0) as n from holdfast_roll_forward.progress",
  )
  return n
}
