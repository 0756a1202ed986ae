import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type pg from 'pg'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { refuseSilence, runHeartbeats } from '../../../lambdas/heartbeat/heartbeat.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab(18)
})
afterAll(() => lab?.close())
afterEach(() => lab.primary.run('truncate holdfast.heartbeat'))

/** Does something in the pause after this beat. */
type Between = Readonly<Record<number, () => unknown>>

type Run = {
  readonly open?: () => Promise<pg.Client>
  readonly between?: Between
  /** Milliseconds that the insert of each beat takes, the first one first; no time without. */
  readonly takes?: readonly number[]
}

/** A run by a clock of its own, which stands still but in the pauses and in what `takes` says. */
async function run(span: number, { open = connect, between = {}, takes = [] }: Run = {}) {
  const moments: number[] = []
  let now = 5_000
  const sleep = async (ms: number) => {
    const beat = moments.length
    await between[beat]?.()
    now += ms
    moments.push(now - 5_000)
    now += takes[beat] ?? 0
  }
  const clock = { now: () => now, sleep }
  const result = await runHeartbeats({ open, instance: 'shop-prod', code: 'test', span, clock })
  return { ...result, moments }
}

const connect = () => lab.primary.connect('holdfast_heartbeat')

const rows = async () =>
  (await lab.primary.one<{ n: number }>('select count(*)::int as n from holdfast.heartbeat')).n

test('writes a row a second on a schedule that does not drift', async () => {
  // With a sleep of a second after each insert, the fourth row would be late by three inserts.
  expect(await run(4000, { takes: [300, 300, 300] })).toEqual({
    written: 4,
    missed: 0,
    age: 0,
    moments: [0, 1000, 2000, 3000],
  })
  expect(await rows()).toBe(4)
})

test('leaves out the beats that a slow answer used up, and comes back to the schedule', async () => {
  expect(await run(4000, { takes: [2300] })).toMatchObject({
    written: 3,
    missed: 1,
    moments: [0, 2300, 2300, 3000],
  })
})

test('waits by the clock of the process where nobody gives another', async () => {
  const began = performance.now()
  const result = await runHeartbeats({ open: connect, instance: 'shop-prod', code: 'test', span: 2000 })
  expect(performance.now() - began).toBeGreaterThan(990)
  expect(result.written + result.missed).toBe(2)
  expect(await rows()).toBe(result.written)
})

/** Returns when they have ended. */
const endSessions = () =>
  lab.primary.run(
    `select pg_terminate_backend(pid, 60000) from pg_stat_activity where usename = 'holdfast_heartbeat'`,
  )

test('a connection that died between two beats costs no beat', async () => {
  expect(await run(4000, { between: { 2: endSessions } })).toMatchObject({ written: 4, missed: 0 })
  expect(await rows()).toBe(4)
})

test('a failover of two seconds costs two beats, and the run says which', async () => {
  let refusals = 0
  const open = () => {
    if (refusals === 0) return connect()
    refusals -= 1
    return Promise.reject(new Error('the database system is starting up'))
  }
  const between = {
    2: () => {
      refusals = 2
      return endSessions()
    },
  }
  expect(await run(6000, { open, between })).toMatchObject({
    written: 4,
    missed: 2,
    trouble: 'the database system is starting up',
  })
})

test('a server that cannot be reached costs the run, with the reason, and the age grows', async () => {
  const result = await run(2000, { open: () => Promise.reject(new Error('connect ECONNREFUSED')) })
  expect(result).toMatchObject({ written: 0, missed: 2, trouble: 'connect ECONNREFUSED' })
  expect(result.age).toBe(1)
  expect(() => refuseSilence('shop-prod', result)).toThrow(
    /no heartbeat was written to shop-prod in 2 attempts: connect ECONNREFUSED/,
  )
})

test("on a server that refuses writes the age is the newest row's", async () => {
  await lab.primary.run(
    `insert into holdfast.heartbeat (at, instance, code) values (now() - interval '90 s', 'shop-prod', 'test')`,
  )
  const open = async () => {
    const client = await connect()
    await client.query('set default_transaction_read_only = on')
    return client
  }
  const result = await run(1000, { open })
  expect(result.written).toBe(0)
  expect(result.trouble).toMatch(/SQLSTATE 25006/)
  expect(result.age).toBeGreaterThan(89)
})
