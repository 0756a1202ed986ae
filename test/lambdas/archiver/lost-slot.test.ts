import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { measureSlot } from '../../../lambdas/archiver/measure.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig
beforeAll(async () => {
  rig = await openRig({ settings: { max_prepared_transactions: 2 } })
  await rig.sql('create table item (id bigint generated always as identity primary key)')
  await rig.run()
  await rig.sql('insert into item default values')
  await rig.run()
})
afterAll(() => rig.close())

/** Seconds that each writer's transaction is open. */
const LONG = 4

/** Three writers whose transactions overlap, so that one of them is always open. */
async function writeLong(): Promise<() => Promise<void>> {
  let isOver = false
  const writers = [0, 1, 2].map(async turn => {
    const client = await rig.lab.primary.connect('master')
    await sleep((turn * LONG * 1_000) / 3)
    while (!isOver) {
      await client.query('begin; insert into item default values')
      for (let waited = 0; waited < LONG * 10 && !isOver; waited += 1) await sleep(100)
      await client.query('commit')
    }
    await client.end()
  })
  await sleep(LONG * 1_000)
  return async () => {
    isOver = true
    await Promise.all(writers)
  }
}

/** Asks as a run does that found the slot taken, until the making of it waits for somebody. */
async function untilBlocked(making: Promise<unknown>) {
  let isOver = false
  making
    .catch(() => {})
    .finally(() => {
      isOver = true
    })
  const control = await rig.lab.primary.connect('holdfast_archiver')
  try {
    for (;;) {
      if (isOver) throw new Error(`nothing was waited for: ${JSON.stringify(await making)}`)
      const told = await measureSlot(control)
      if (told.blockers.length > 0) return told
      await sleep(50)
    }
  } finally {
    await control.end()
  }
}

test('a lost slot comes back under overlapping long transactions, whatever a statement may take otherwise', async () => {
  await rig.lab.primary.run("select pg_drop_replication_slot('holdfast_archive')")
  const stop = await writeLong()
  const control = await rig.lab.primary.connect('holdfast_archiver')
  // The run's minute, in small.
  await control.query(`set statement_timeout = '1s'`)
  const began = performance.now()
  try {
    const making = rig.run({ control })
    const { metrics, blockers } = await untilBlocked(making)
    const other = await rig.run()
    expect(other.state).toBe('busy')
    expect(Object.fromEntries(metrics.map(({ name, value }) => [name, value]))).toMatchObject({
      ArchiveSlotHealthy: 0,
      ArchiveSlotBlockedSeconds: blockers[0]?.age,
    })
    expect(metrics.map(({ name }) => name)).not.toContain('ArchiveBytesBehindConfirmed')
    expect(blockers).toContainEqual({ pid: expect.any(Number), user: 'master', age: expect.any(Number) })
    expect(await making).toMatchObject({ state: 'archived', gaps: [{ cause: 'slot-missing' }] })
    expect((performance.now() - began) / 1_000).toBeLessThan(2 * LONG + 15)
  } finally {
    await control.end()
    await stop()
  }
}, 120_000)

test('a prepared transaction in the way is named by its owner', async () => {
  await rig.sql("begin; insert into item default values; prepare transaction 'forgotten'")
  await rig.lab.primary.run("select pg_drop_replication_slot('holdfast_archive')")
  const making = rig.run()
  const { blockers } = await untilBlocked(making)
  await rig.sql("rollback prepared 'forgotten'")
  expect(blockers).toEqual([{ pid: null, user: 'master', age: expect.any(Number) }])
  expect(await making).toMatchObject({ state: 'archived' })
}, 120_000)

test('a run that finds no slot beside the one that makes it says that it is not healthy', async () => {
  await rig.lab.primary.run("select pg_drop_replication_slot('holdfast_archive')")
  const control = await rig.lab.primary.connect('holdfast_archiver')
  try {
    expect(await measureSlot(control)).toEqual({
      metrics: [{ name: 'ArchiveSlotHealthy', value: 0, unit: 'None' }],
      blockers: [],
    })
  } finally {
    await control.end()
  }
})
