import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type pg from 'pg'
import { openRig, type Rig } from '../lambdas/archiver/rig.ts'

let rig: Rig
let app: pg.Client
beforeAll(async () => {
  rig = await openRig({ tables: ['*.*'] })
  await rig.sql(`create role app login password 'master'; create role iam_app login password 'master'`)
  await rig.lab.primary.run('grant rds_iam to iam_app; grant create on schema public to app, iam_app')
  app = await rig.lab.primary.connect('app')
})
afterAll(async () => {
  await app?.end()
  await rig?.close()
})

const publicationOf = async (table: string) =>
  (
    await rig.lab.primary.one<{ name: string | null }>(
      `select (select p.pubname from pg_publication_rel r join pg_publication p on p.oid = r.prpubid where r.prrelid = $1::regclass) as name`,
      [table],
    )
  ).name

/** Every membership of the master user, with its options and who granted it. */
const memberships = async () =>
  (
    await rig.lab.primary.cluster.query(`select roleid::regrole::text as role, grantor::regrole::text as grantor,
      admin_option as admin, inherit_option as inherit, set_option as set
      from pg_auth_members where member = 'master'::regrole order by 1, 2`)
  ).map(row => JSON.stringify(row))

const follow = () => rig.sql(`select from holdfast.set_archive_tables(array['*.*'])`)

test('a setting that a login makes hides nothing from the archive', async () => {
  await app.query(`set holdfast.following = 'on'; create table hidden (a int); reset holdfast.following`)
  expect(await publicationOf('hidden')).toBe('holdfast_archive')
})

test('a login cannot write the mark of our own statements', async () => {
  for (const sql of [
    'select from holdfast.own_seal',
    `select holdfast.seal_own('CREATE TABLE', null)`,
    `select holdfast.is_own_change('CREATE TABLE')`,
    `select holdfast.run_own('create role thief', 'ALTER TABLE', null, null)`,
    'select holdfast.take_grants_back()',
  ])
    await expect(app.query(sql)).rejects.toMatchObject({ code: '42501' })
})

test('a mark without our seal hides nothing', async () => {
  const seal = 'a'.repeat(64)
  for (const [index, mark] of [
    seal,
    `1 ${seal}`,
    `99999999999 ${seal}`,
    'on',
    `4294967295 ${seal}`,
  ].entries()) {
    await app.query(
      `set holdfast.own_change = '${mark}'; create table marked_${index} (a int); reset holdfast.own_change`,
    )
    expect(await publicationOf(`marked_${index}`)).toBe('holdfast_archive')
    expect(
      await rig.lab.primary.one(
        `select count(*)::int4 as count from holdfast.schema_change where record->>'statements' like '%table marked_${index} %'`,
      ),
    ).toEqual({ count: 1 })
  }
})

test('of two serializable transactions that make a table each, none fails because of us', async () => {
  const other = await rig.lab.primary.connect('app')
  try {
    for (const client of [app, other]) await client.query('begin isolation level serializable; select 1')
    await app.query('create table serial_1 (id int primary key)')
    await other.query('create table serial_2 (id int primary key)')
    await app.query('alter table serial_1 add v text')
    await other.query('create index on serial_2 (id)')
    await app.query('commit')
    await other.query('commit')
    expect(await publicationOf('serial_1')).toBe('holdfast_archive')
  } finally {
    await app.query('rollback')
    await other.end()
  }
})

test('no membership of the master user is left behind, whatever the owner', async () => {
  const before = await memberships()
  const iam = await rig.lab.primary.connect('iam_app')
  try {
    await iam.query('create table of_iam (id int primary key); create table keyless_of_iam (a int)')
    await iam.query('alter table keyless_of_iam add primary key (a)')
  } finally {
    await iam.end()
  }
  expect(await memberships()).toEqual(before)
  expect([await publicationOf('of_iam'), await publicationOf('keyless_of_iam')]).toEqual([
    'holdfast_archive',
    'holdfast_archive',
  ])
  expect(
    await rig.lab.primary.one(
      `select pg_has_role('master', 'rds_iam', 'usage') as uses, pg_has_role('master', 'rds_iam', 'set') as sets`,
    ),
  ).toEqual({ uses: false, sets: false })
})

test('a membership that the master user gave itself before is as it was', async () => {
  await rig.sql(
    'create role owner_1; grant owner_1 to master with inherit false, set true; grant create on schema public to owner_1',
  )
  await rig.lab.primary.run(
    'create role owner_2; grant owner_2 to master with inherit false, set true, admin true; grant create on schema public to owner_2',
  )
  const before = await memberships()
  for (const owner of ['owner_1', 'owner_2'])
    await rig.sql(`set role ${owner}; create table of_${owner} (a int); reset role`)
  expect(await memberships()).toEqual(before)
  expect([await publicationOf('of_owner_1'), await publicationOf('of_owner_2')]).toEqual([
    'holdfast_archive',
    'holdfast_archive',
  ])
})

test('what an earlier version granted for good is taken back, and only that', async () => {
  await rig.sql('create role once; create role chosen; grant create on schema public to once, chosen')
  await rig.lab.primary.run('alter event trigger holdfast_2_follow disable')
  await rig.lab.primary.run(
    'create table of_once (id int primary key); alter table of_once owner to once; create table of_chosen (id int primary key); alter table of_chosen owner to chosen',
  )
  await rig.sql('grant chosen to master with inherit true')
  await rig.sql(
    `begin; savepoint a; grant once to master with inherit true; release a; savepoint b; alter publication holdfast_archive add table only of_once; release b; commit`,
  )
  await rig.lab.primary.run('alter event trigger holdfast_2_follow enable always')
  const before = await memberships()
  await follow()
  const after = await memberships()
  expect(before.filter(line => !after.includes(line))).toEqual([
    '{"role":"once","grantor":"master","admin":false,"inherit":true,"set":true}',
  ])
})

test('a membership in rds_iam that is not ours is told of', async () => {
  await rig.lab.primary.run(
    'create role of_others in role rds_iam; grant of_others to master with admin option',
  )
  await rig.sql('grant of_others to master with inherit true')
  const { rows } = await rig.master.query(
    `select thing, detail from holdfast.set_archive_tables(array['*.*']) where thing like 'membership%'`,
  )
  expect(rows).toEqual([
    {
      thing: 'membership in of_others',
      detail:
        'leads master to rds_iam, and RDS may refuse its password; it was not granted by Holdfast: revoke of_others from master',
    },
  ])
  await rig.sql('revoke of_others from master')
})

test('a table of somebody whom the master user may not be is created all the same', async () => {
  await rig.lab.primary.run(
    `create role stranger login password 'master'; grant create on schema public to stranger`,
  )
  const stranger = await rig.lab.primary.connect('stranger')
  const before = await memberships()
  try {
    await stranger.query(
      'create table of_stranger (a int); insert into of_stranger values (1); update of_stranger set a = 2',
    )
  } finally {
    await stranger.end()
  }
  expect(await memberships()).toEqual(before)
  expect(await publicationOf('of_stranger')).toBeNull()
})

test('a table that somebody holds delays another one’s statement for less than a deadlock is looked for', async () => {
  await rig.lab.primary.run('alter event trigger holdfast_2_follow disable')
  await app.query(
    'create table held (a int); create table aside (a int not null); create unique index aside_a on aside (a)',
  )
  await rig.lab.primary.run('alter event trigger holdfast_2_follow enable always')
  const holder = await rig.lab.primary.connect('app')
  try {
    await holder.query('begin; select from held')
    const began = Date.now()
    await app.query('drop index aside_a')
    expect(Date.now() - began).toBeLessThan(5_000)
    expect(await publicationOf('held')).toBe('holdfast_archive_inserts')
    // A limit of the client's own is the client's.
    await app.query(`create unique index aside_a on aside (a); set statement_timeout = '200ms'`)
    await expect(app.query('drop index aside_a')).rejects.toMatchObject({ code: '57014' })
    await app.query('reset statement_timeout; drop index aside_a')
    // However often it is tried: its inserts stay in the archive.
    expect(await publicationOf('held')).toBe('holdfast_archive_inserts')
    // Nor does the archiver's run wait long for it, or fail.
    expect(await rig.run()).toMatchObject({ state: 'archived' })
    expect(await publicationOf('held')).toBe('holdfast_archive_inserts')
  } finally {
    await holder.end()
  }
  await rig.run()
  expect(await publicationOf('held')).toBe('holdfast_archive')
})

test('a follower that is broken is a warning, never an error', async () => {
  await rig.sql('alter view holdfast.archive_plan rename to archive_plan_gone')
  const notices: string[] = []
  app.on('notice', notice => notices.push(notice.message ?? ''))
  try {
    await app.query('create table unfollowed (a int)')
    await app.query(
      'begin; create table unfollowed_too (a int); insert into unfollowed_too values (1); commit',
    )
    expect((await app.query('select from unfollowed_too')).rowCount).toBe(1)
  } finally {
    await rig.sql('alter view holdfast.archive_plan_gone rename to archive_plan')
  }
  expect(notices.filter(text => text.startsWith('holdfast could not follow'))).toHaveLength(2)
  await follow()
  expect(await publicationOf('unfollowed')).toBe('holdfast_archive')
})

test('a text of fifty megabytes passes', async () => {
  const text = 'x'.repeat(50_000_000)
  await app.query(`create table large (a int)`)
  await app.query(`create function huge() returns int language sql as $$ select 1 /* ${text} */ $$`)
  await app.query(
    `do $$ begin alter table large add b int; execute 'alter table large add c int'; /* ${text} */ end $$`,
  )
  expect(await publicationOf('large')).toBe('holdfast_archive')
})

test('whoever asks for the whole row inside a large text keeps it', async () => {
  await app.query(
    `create table wished (a int); do $$ begin alter table wished replica identity full; /* ${'x'.repeat(1_000_000)} */ end $$`,
  )
  await app.query('alter table wished add primary key (a)')
  expect(
    await rig.lab.primary.one(`select relreplident as i from pg_class where oid = 'wished'::regclass`),
  ).toEqual({ i: 'f' })
})
