import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { task } from '../../bench/examination.ts'
import { type Lab, openLab, type Server } from '../../bench/lab.ts'

let lab: Lab
let copy: Server
let bare: Server
beforeAll(async () => {
  lab = await openLab(18)
  await lab.primary.run(`
    create role tenant login;
    create schema tenant authorization tenant;
    create table public.secret (card text);
    insert into public.secret values ('4111-1111-1111-1111');
    create table public.log (said text);
    create sequence public.numbers;
    grant all on public.log, public.numbers to public;
    set role tenant;
    -- What a view, a cast, an operator and a policy of a tenant do as whoever reads them.
    create function tenant.attack(what text) returns boolean language plpgsql as $$
    begin
      execute what;
      return true;
    end $$;
    create function tenant.try(what text) returns text language plpgsql as $$
    begin
      execute what;
      return 'done';
    exception when others then
      return sqlstate;
    end $$;
    create function tenant.stay() returns boolean language plpgsql as $$
    begin
      loop
        begin
          perform pg_catalog.pg_sleep(600);
        exception when query_canceled then
          null;
        end;
      end loop;
    end $$`)
  await lab.beat()
  const backup = await lab.backup()
  await lab.beat()
  copy = await lab.restore(backup)
  // As a snapshot's copy, which stays on the primary's timeline and cannot say that it is a copy.
  bare = { ...copy, endpoint: { ...copy.endpoint, identifier: 'drill-shop-prod-bare' } }
}, 120_000)
afterAll(() => lab?.close())

const ask = async (sql: string, server = copy, primary?: Server) =>
  (
    await task(
      { task: 'assertions', copy: server.endpoint, assertions: [{ name: 'a', sql }] },
      primary,
      server,
    )
  ).checks[0]

test('an assertion that is true passes, with a semicolon, a comment, a CTE or VALUES', async () => {
  for (const sql of [
    'select count(*) > 0 from secret',
    'select true;',
    'select true -- as it should be',
    'with one as (select 1) select count(*) = 1 from one',
    'values (true)',
  ])
    expect(await ask(sql)).toMatchObject({ verdict: 'pass' })
})

test.each([
  ['select false', 'it is false'],
  ['select null::boolean', 'it is null'],
  ['select true where false', 'no row came back'],
  ['select true from generate_series(1, 3)', 'more than one row came back'],
  ['select card from secret', 'it answers a column of another type, not one boolean'],
  ['select true, card from secret', 'it answers 2 columns, not one boolean'],
  [`select repeat('x', 90000000)`, 'it answers a column of another type, not one boolean'],
])('%s fails, and no value leaves', async (sql, detail) => {
  const check = await ask(sql)
  expect(check).toMatchObject({ verdict: 'fail', detail })
  expect(JSON.stringify({ ...check, asked: '' })).not.toContain('4111')
})

describe('an error carries nothing out', () => {
  test.each([
    [`select (select string_agg(card, ',') from secret)::int = 1`, 'SQLSTATE 22P02'],
    [`select (select card from secret)::date is null`, 'SQLSTATE of class 22'],
    [`select tenant.attack(format('select %L::int', (select card from secret)))`, 'SQLSTATE 22P02'],
    [`select tenant.attack(format('raise %s', (select card from secret)))`, 'SQLSTATE 42601'],
    [`select (select rolpassword from pg_authid where rolname = 'master')::int = 1`, 'SQLSTATE 22P02'],
  ])('%s', async (sql, code) => {
    const check = await ask(sql)
    expect(check?.verdict).toBe('unknown')
    expect(check?.detail).toContain(code)
    expect(JSON.stringify({ ...check, asked: '' })).not.toMatch(/4111|SCRAM/)
  })
})

const WRITES = [
  `insert into public.log values ('x')`,
  'create temp table t as select 1',
  'create table tenant.t (a int)',
  `select nextval('public.numbers')`,
  `select setval('public.numbers', 7)`,
  `select lo_from_bytea(0, 'x')`,
  `select lo_create(0)`,
  `copy (select 1) to program 'true'`,
  `copy public.log from program 'echo x'`,
  `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rdsadmin'`,
  `select pg_read_file('/etc/passwd')`,
  `select holdfast.damage('row-deleted', 'public.secret', '(0,1)')`,
  'select * from holdfast.quarantine()',
  'select holdfast.open_for_roll_forward()',
  `select holdfast.repeat_on_copy('drop table public.secret')`,
  `insert into holdfast.canary (id, drill) values (gen_random_uuid(), 'x')`,
  `insert into holdfast.heartbeat (instance, code) values ('x', 'x')`,
  `alter role tenant superuser`,
  `set session authorization rdsadmin`,
  `set role master`,
]

describe('nothing that an assertion calls can write, change or act as another', () => {
  const before = `set_config('transaction_read_only', 'off', false)`
  test.each(WRITES)('%s', async what => {
    const quoted = what.replaceAll("'", "''")
    for (const sql of [
      `select tenant.attack('${quoted}')`,
      // The session's own settings help nobody: the transaction has read.
      `select tenant.attack('set default_transaction_read_only = off') and tenant.attack('${quoted}')`,
      `select ${before} = 'off' and tenant.attack('${quoted}')`,
      `select tenant.attack('set transaction read write') and tenant.attack('${quoted}')`,
    ]) {
      const check = await ask(sql)
      const refused = check?.verdict !== 'pass' || what.includes('pg_terminate_backend')
      expect([sql, refused]).toEqual([sql, true])
    }
    expect(await copy.one('select count(*)::int4 as rows from public.secret')).toEqual({ rows: 1 })
    expect(await copy.one('select count(*)::int4 as rows from public.log')).toEqual({ rows: 0 })
    expect(await copy.one('select last_value::int4 as last, is_called from public.numbers')).toEqual({
      ...{ last: 1, is_called: false },
    })
    expect(await copy.one('select count(*)::int4 as objects from pg_largeobject_metadata')).toEqual({
      objects: 0,
    })
  })
})

test.each([
  'set default_transaction_read_only = off; select true',
  'commit; select true',
  'select true; drop table public.secret',
  `do $$ begin perform 1; end $$`,
  'commit',
  'begin read write',
  `insert into public.log values ('x') returning true`,
  `with w as (insert into public.log values ('x') returning 1) select true from w`,
  'select true into temp t',
  'explain analyze select true',
  `copy public.secret to stdout`,
  'call tenant.attack(null)',
  'select true from public.secret for update',
])('%s is no question', async sql => {
  expect(await ask(sql)).toMatchObject({ verdict: 'unknown' })
  expect(await copy.one('select count(*)::int4 as rows from public.log')).toEqual({ rows: 0 })
})

test('nothing of one assertion is left for the next', async () => {
  const { checks } = await task(
    {
      ...{ task: 'assertions', copy: copy.endpoint },
      assertions: [
        { name: 'lock', sql: 'select pg_advisory_lock(7310868735423870318) is not null' },
        { name: 'set', sql: `select set_config('search_path', 'tenant', false) is not null` },
        { name: 'path', sql: `select current_setting('search_path') <> 'tenant'` },
        { name: 'free', sql: 'select pg_try_advisory_lock(7310868735423870318)' },
      ],
    },
    undefined,
    copy,
  )
  expect(checks.map(check => check.verdict)).toEqual(['pass', 'pass', 'pass', 'pass'])
})

test('on a server that does not say that it is a copy not a word of it runs, and a warm query neither', async () => {
  const disguised = { ...lab.primary, endpoint: { ...lab.primary.endpoint, identifier: 'drill-shop-prod-x' } }
  const sql = `select tenant.attack('notify heard')`
  for (const primary of [undefined, lab.primary]) {
    const check = await ask(sql, disguised, primary)
    expect(check).toMatchObject({
      verdict: 'unknown',
      detail: expect.stringContaining('does not say that it is a copy'),
    })
  }
  const { checks } = await task(
    { task: 'open', copy: disguised.endpoint, warm: [sql] },
    lab.primary,
    disguised,
  )
  expect(checks.at(-1)).toMatchObject({ name: 'open.warm.1', verdict: 'fail' })
})

test('a copy that cannot say so is asked once it lacks what the primary wrote a moment ago', async () => {
  await copy.run(`insert into holdfast.heartbeat (instance, code) values ('shop-prod', 'as on a snapshot')`)
  try {
    expect(await ask('select true', bare)).toMatchObject({ verdict: 'unknown' })
    expect(await ask('select true', bare, lab.primary)).toMatchObject({ verdict: 'pass' })
  } finally {
    await copy.run(`delete from holdfast.heartbeat where code = 'as on a snapshot'`)
  }
})

test('the login of assertions may execute nothing of ours but the question whether this is a copy', async () => {
  const { names } = await copy.one<{ names: string[] }>(`
    select coalesce(array_agg(p.proname::text order by 1), '{}') as names
    from pg_proc p
    where p.pronamespace = 'holdfast'::regnamespace and has_function_privilege('holdfast_assert', p.oid, 'execute')
      -- What an extension brings is its own, and reads what its caller may read.
      and not exists (select from pg_depend d where d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e')
      and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)`)
  expect(names).toEqual(['is_copy'])
})

test('warm queries run to their end in the same way, and their rows stay on the server', async () => {
  const warm = [
    'select * from public.secret',
    `select repeat('x', 1000) from generate_series(1, 100000)`,
    `insert into public.log values ('x')`,
    `select tenant.attack('insert into public.log values (1)')`,
  ]
  const { checks } = await task({ task: 'open', copy: copy.endpoint, warm }, undefined, copy)
  expect(checks.slice(1).map(check => check.verdict)).toEqual(['pass', 'pass', 'fail', 'fail'])
  expect(JSON.stringify(checks)).not.toContain('4111')
})

test('a function that will not end is left behind', async () => {
  const began = Date.now()
  expect(await ask('select tenant.stay()')).toMatchObject({ verdict: 'unknown' })
  expect(Date.now() - began).toBeLessThan(80_000)
}, 90_000)
