import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { task } from '../../../bench/examination.ts'
import { type Lab, openLab, type Server, sidesOf } from '../../../bench/lab.ts'
import { refuseUnlessCopy } from '../../../lambdas/examine/guard.ts'
import { FAULTS } from '../../../lambdas/examine/request.ts'

let lab: Lab
let copy: Server
beforeAll(async () => {
  lab = await openLab(18)
  await lab.primary.run(
    'create table public.orders (id int primary key); insert into public.orders values (1)',
  )
  await lab.beat()
  const backup = await lab.backup()
  await lab.beat()
  copy = await lab.restore(backup)
}, 120_000)
afterAll(() => lab?.close())

const sides = (primary: Server, drill: Server) => {
  const both = sidesOf(primary, drill)
  return [both.copy!, both.primary] as const
}
const named = (server: Server, identifier: string): Server => ({
  ...server,
  endpoint: { ...server.endpoint, identifier },
})

test('a proven copy is let through', async () => {
  await expect(refuseUnlessCopy(...sides(lab.primary, copy))).resolves.toBeUndefined()
})

test('anything without the drill prefix is refused by its name', async () => {
  await expect(
    refuseUnlessCopy(...sides(lab.primary, named(copy, 'shop-prod-read-1'))),
  ).rejects.toMatchObject({
    name: 'NotACopy',
    message: expect.stringContaining('shop-prod-read-1 is not a drill copy'),
  })
})

test("the primary under a copy's name is refused by its address", async () => {
  await expect(refuseUnlessCopy(...sides(lab.primary, named(lab.primary, 'drill-x')))).rejects.toMatchObject({
    name: 'NotACopy',
    message: expect.stringContaining('has the address of the primary'),
  })
})

test("the primary under a copy's name and another address is refused by its heartbeats", async () => {
  const disguised = {
    ...named(lab.primary, 'drill-x'),
    endpoint: { ...copy.endpoint, identifier: 'drill-x' },
  }
  await expect(refuseUnlessCopy(...sides(lab.primary, disguised))).rejects.toMatchObject({
    name: 'NotACopy',
    message: expect.stringContaining('has heartbeats on its own timeline'),
  })
})

// Just after a failover the new primary has no heartbeat on its timeline: only the mark tells.
test('a primary that was just promoted is refused by the mark that it shows', async () => {
  const disguised = {
    ...named(copy, 'drill-x'),
    endpoint: { ...lab.primary.endpoint, identifier: 'drill-x' },
  }
  await expect(refuseUnlessCopy(...sides(copy, disguised))).rejects.toMatchObject({
    name: 'NotACopy',
    message: expect.stringContaining('it is the primary'),
  })
})

test.each(FAULTS)('%s never reaches the primary', async kind => {
  const disguised = {
    ...named(lab.primary, 'drill-x'),
    endpoint: { ...copy.endpoint, identifier: 'drill-x' },
  }
  await expect(
    task(
      { task: 'fault', primary: lab.primary.endpoint, copy: disguised.endpoint, kind },
      lab.primary,
      disguised,
    ),
  ).rejects.toMatchObject({ name: 'NotACopy' })
  expect(await lab.primary.one('select count(*)::int4 as rows from public.orders')).toEqual({ rows: 1 })
})

test('quarantine touches nothing that is not a proven copy, and says so', async () => {
  await lab.primary.run(`select pg_create_physical_replication_slot('precious')`)
  const disguised = {
    ...named(lab.primary, 'drill-x'),
    endpoint: { ...copy.endpoint, identifier: 'drill-x' },
  }
  const { checks } = await task(
    { task: 'quarantine', primary: lab.primary.endpoint, copy: disguised.endpoint },
    lab.primary,
    disguised,
  )
  expect(checks[0]).toMatchObject({ name: 'quarantine.silenced', verdict: 'skipped' })
  expect(await lab.primary.one('select slot_name from pg_replication_slots')).toEqual({
    slot_name: 'precious',
  })
})

test('quarantine drops leftover slots, disables subscriptions and sees strangers', async () => {
  await copy.cluster.query(`select pg_create_physical_replication_slot('leftover')`)
  const master = await copy.connect('master')
  await master.query(
    `create subscription s connection 'host=127.0.0.1 port=1 user=x password=x' publication p with (connect = false)`,
  )
  await master.query('alter subscription s enable')
  await master.end()
  const stranger = await copy.connect('master')
  try {
    const { checks } = await task(
      { task: 'quarantine', primary: lab.primary.endpoint, copy: copy.endpoint },
      lab.primary,
      copy,
    )
    const verdicts = Object.fromEntries(checks.map(check => [check.name, check.verdict]))
    expect(verdicts).toMatchObject({
      'quarantine.silenced': 'pass',
      'quarantine.slots': 'pass',
      'quarantine.subscriptions': 'pass',
      'quarantine.strangers': 'fail',
    })
    expect(checks[0]?.detail).toBe('slot leftover dropped, subscription s disabled')
  } finally {
    await stranger.end()
  }
})
