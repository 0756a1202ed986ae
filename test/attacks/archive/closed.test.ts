import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { closeCopy } from '../../../lambdas/roll-forward/close.ts'
import { type Rig, readBoundary } from '../../lambdas/archiver/rig.ts'
import type { Server } from '../../lambdas/examine/lab.ts'
import { as, on, openTenants, rollOver } from './tenants.ts'

let rig: Rig
beforeAll(async () => {
  rig = await openTenants('create table tenant_a.own (id int primary key)')
}, 120_000)
afterEach(() => rig.lab.stopCopies())
afterAll(() => rig?.close())

const isCopy = async (server: Server) =>
  (await server.one<{ copy: boolean }>('select holdfast.is_copy() as copy')).copy

async function close(copy: Server) {
  const client = await copy.connect('holdfast_schema')
  try {
    return (await closeCopy(client)).checks
  } finally {
    await client.end()
  }
}

test('a proven copy that was closed is no copy, and nobody who rolled it forward can do anything there', async () => {
  const { copy } = await rollOver(rig, () => as(rig, 'tenant_a', 'insert into tenant_a.own values (1)'))
  expect(await isCopy(copy)).toBe(true)
  const standing = await copy.connect('holdfast_roll_forward')
  const ended = new Promise(resolve => standing.once('end', resolve))
  expect(await close(copy)).toMatchObject([{ name: 'roll-forward.closed', verdict: 'pass' }])
  await ended
  expect(await isCopy(copy)).toBe(false)
  for (const [user, text] of [
    ['holdfast_roll_forward', "update tenant_b.secret set card = 'x'"],
    ['holdfast_roll_forward', 'select * from tenant_b.secret'],
    ['holdfast_roll_forward', 'select holdfast.rest_triggers()'],
    ['holdfast_schema', "select holdfast.take_copy('mine')"],
    ['holdfast_schema', 'select holdfast.close_copy()'],
    ['holdfast_examine', "select holdfast.damage('row-deleted', 'tenant_b.secret', '(0,1)')"],
    ['holdfast_examine', 'select holdfast.quarantine()'],
  ] as const)
    await expect(on(copy, user, text)).rejects.toMatchObject({
      code: expect.stringMatching(/^(42501|55000)$/),
    })
  expect(await copy.one("select to_regnamespace('holdfast_roll_forward') as left")).toEqual({ left: null })
}, 120_000)

test('a closing that leaves something behind fails', async () => {
  const { copy } = await rollOver(rig, () => as(rig, 'tenant_a', 'insert into tenant_a.own values (2)'))
  await copy.run('create table public.kept (); alter table public.kept owner to holdfast_roll_forward')
  expect(await close(copy)).toMatchObject([
    { verdict: 'fail', detail: expect.stringContaining('holdfast_roll_forward owns something') },
  ])
}, 120_000)

test('a server that was promoted is no copy before its first heartbeat either', async () => {
  await rig.lab.beat()
  // From inside nothing else tells the two apart: a timeline of its own, and no heartbeat on it yet.
  const promoted = await rig.lab.restore(await rig.lab.backup(), undefined, {
    max_logical_replication_workers: 4,
  })
  expect(
    await promoted.one('select holdfast.timeline() > max(timeline) as newer from holdfast.heartbeat'),
  ).toEqual({ newer: true })
  expect(await isCopy(promoted)).toBe(false)
  for (const [user, text] of [
    ['holdfast_schema', "select holdfast.take_copy('mine')"],
    ['holdfast_roll_forward', 'select holdfast.rest_triggers()'],
    ['holdfast_examine', "select holdfast.damage('row-deleted', 'tenant_b.secret', '(0,1)')"],
  ] as const)
    await expect(on(promoted, user, text)).rejects.toMatchObject({ code: '55000' })
}, 120_000)

test('only the session that took a copy may ask for anything there', async () => {
  await rig.lab.beat()
  const copy = await rig.lab.restore(await rig.lab.backup())
  const holder = await copy.connect('holdfast_schema')
  await holder.query("select holdfast.take_copy('key')")
  // The same login without the key, and with it from another session; and nobody takes it a second time from inside.
  for (const [text, code] of [
    ["select holdfast.make_roles_on_copy('other', '[]')", '42501'],
    ["select holdfast.take_copy('mine')", '42501'],
  ])
    await expect(holder.query(text ?? '')).rejects.toMatchObject({ code })
  await expect(
    on(copy, 'holdfast_schema', "select holdfast.make_roles_on_copy('key', '[]')"),
  ).rejects.toMatchObject({ code: '42501' })
  // Roles of PostgreSQL's, of RDS's and of ours are given to nobody, whatever a record says.
  await holder.query(
    `select holdfast.make_roles_on_copy('key', '[{"name":"new","memberOf":["pg_read_all_data","rds_superuser","holdfast_roll_forward"]},{"name":"pg_new","memberOf":[]}]')`,
  )
  expect(
    await copy.one("select count(*)::int as n from pg_auth_members where member = 'new'::regrole"),
  ).toEqual({ n: 0 })
  await holder.end()
}, 120_000)

test.each([
  ['a membership', 'grant tenant_b to tenant_a'],
  ['an attribute', 'alter role tenant_a createrole'],
  ['a right on a table', 'grant select on tenant_b.secret to tenant_a'],
  ['an owner', 'alter table tenant_b.secret owner to tenant_a'],
  ['a right that is gone', 'revoke select on tenant_b.secret from tenant_b'],
])(
  '%s that no recorded change made fails the roll-forward',
  async (_, deed) => {
    await rig.lab.beat()
    const copy = await rig.lab.restore(await rig.lab.backup())
    const boundary = await readBoundary(copy)
    await as(rig, 'tenant_a', 'create table tenant_a.more (id int primary key); drop table tenant_a.more')
    await rig.lab.beat()
    await rig.run()
    expect((await rig.apply(copy, { kind: 'latest' }, 0, boundary)).done).toBe(false)
    await copy.run(deed)
    const applied = async () => {
      for (;;) {
        const answer = await rig.apply(copy, { kind: 'latest' }, 600, boundary)
        if (answer.done) return answer
      }
    }
    expect((await applied()).checks).toMatchObject([
      {
        name: 'roll-forward.applied',
        verdict: 'fail',
        detail: expect.stringContaining('rights changed on the copy'),
      },
    ])
  },
  120_000,
)
