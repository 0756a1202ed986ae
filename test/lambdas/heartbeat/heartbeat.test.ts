import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { refuseSilence, runHeartbeats } from '../../../lambdas/heartbeat/heartbeat.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab(18)
})
afterAll(() => lab?.close())
afterEach(() => lab.primary.run('truncate holdfast.heartbeat'))

const run = (span: number, open = () => lab.primary.connect('holdfast_heartbeat')) =>
  runHeartbeats({ open, instance: 'shop-prod', code: 'test', span })

test('writes a row a second on a schedule that does not drift', async () => {
  const run4 = await run(4000)
  expect(run4).toMatchObject({ written: 4, missed: 0 })
  expect(run4.age).toBeLessThan(1)
  const { rows } = await lab.primary.cluster.connect('shop').then(async client => {
    const answer = await client.query(
      'select extract(epoch from at - min(at) over ())::float8 as second from holdfast.heartbeat order by seq',
    )
    await client.end()
    return answer
  })
  // With a sleep of a second after each insert, the fourth row would be late by three inserts.
  for (const [at, row] of rows.entries()) expect(Math.abs(row.second - at)).toBeLessThan(0.25)
})

/** Resolves in the pause after the second beat. */
async function afterTwoBeats(): Promise<void> {
  const client = await lab.primary.cluster.connect('shop')
  try {
    for (;;) {
      const { rows } = await client.query('select count(*)::int as beats from holdfast.heartbeat')
      if (rows[0].beats === 2) return
      await sleep(20)
    }
  } finally {
    await client.end()
  }
}

const endSessions = () =>
  lab.primary.run(
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'holdfast_heartbeat'`,
  )

test('a connection that died between two beats costs no beat', async () => {
  const running = run(4000)
  await afterTwoBeats()
  await endSessions()
  expect(await running).toMatchObject({ written: 4, missed: 0 })
})

test('a failover of two seconds costs two beats, and the run says which', async () => {
  let refusals = 0
  const running = run(6000, () => {
    if (refusals > 0) {
      refusals -= 1
      return Promise.reject(new Error('the database system is starting up'))
    }
    return lab.primary.connect('holdfast_heartbeat')
  })
  await afterTwoBeats()
  refusals = 2
  await endSessions()
  expect(await running).toMatchObject({
    written: 4,
    missed: 2,
    trouble: 'the database system is starting up',
  })
})

test('a server that cannot be reached costs the run, with the reason, and the age grows', async () => {
  const result = await run(2000, () => Promise.reject(new Error('connect ECONNREFUSED')))
  expect(result).toMatchObject({ written: 0, missed: 2, trouble: 'connect ECONNREFUSED' })
  expect(result.age).toBeGreaterThanOrEqual(1)
  expect(() => refuseSilence('shop-prod', result)).toThrow(
    /no heartbeat was written to shop-prod in 2 attempts: connect ECONNREFUSED/,
  )
})

test("on a server that refuses writes the age is the newest row's", async () => {
  await lab.primary.run(
    `insert into holdfast.heartbeat (at, instance, code) values (now() - interval '90 s', 'shop-prod', 'test')`,
  )
  const result = await run(1000, async () => {
    const client = await lab.primary.connect('holdfast_heartbeat')
    await client.query('set default_transaction_read_only = on')
    return client
  })
  expect(result.written).toBe(0)
  expect(result.trouble).toMatch(/read-only/)
  expect(result.age).toBeGreaterThan(89)
})
