import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Rig } from '../../lambdas/archiver/rig.ts'
import { as, openTenants, rightsOf, rollOver, verdicts } from './tenants.ts'

/** Tries on a copy what its author may not do, each for itself; whatever is refused is passed over. */
const EVIL = `
create sequence tenant_a.calls; grant usage on sequence tenant_a.calls to public;
create function tenant_a.greedy(deed text) returns void language plpgsql as $f$
begin
  execute deed;
exception when others then null;
end $f$;
create function tenant_a.evil(id integer) returns boolean language plpgsql as $f$
begin
  if session_user not like 'holdfast%' then return true; end if;
  perform nextval('tenant_a.calls');
  perform tenant_a.greedy('select holdfast.repeat_on_copy(''x'', ''master'', ''public'', ''GRANT'', ''grant tenant_b to tenant_a'')');
  perform tenant_a.greedy('select holdfast.take_copy(''mine'')');
  perform tenant_a.greedy('select holdfast.make_roles_on_copy(''x'', ''[{"name":"tenant_a","memberOf":["tenant_b"]}]'')');
  perform tenant_a.greedy('select holdfast.lend_on_copy(''x'', ''tenant_b'', true)');
  perform tenant_a.greedy('reset role');
  perform tenant_a.greedy('set role tenant_b');
  perform tenant_a.greedy('set role master');
  perform tenant_a.greedy('set session authorization master');
  perform tenant_a.greedy('grant tenant_b to tenant_a');
  perform tenant_a.greedy('alter role tenant_a createrole bypassrls connection limit 77');
  perform tenant_a.greedy('alter table tenant_b.secret owner to tenant_a');
  perform tenant_a.greedy('drop table tenant_b.secret');
  return true;
end $f$;
create function tenant_a.harmless(id integer) returns integer language plpgsql immutable as
  'begin perform tenant_a.evil(id); return id; end';
create function tenant_a.note() returns trigger language plpgsql as
  'begin perform tenant_a.evil(1); return new; end';
grant execute on all functions in schema tenant_a to public; grant usage on schema tenant_a to public;`

let rig: Rig
beforeAll(async () => {
  rig = await openTenants(EVIL)
}, 120_000)
afterEach(() => rig.lab.stopCopies())
afterAll(() => rig?.close())

/** Where a database's users may hang code on a table or on a change of the schema; the second text comes in the tail. */
const HOOKS: readonly (readonly [what: string, before: string, after: string])[] = [
  ['a check', 'create table t1 (id int primary key check (evil(id)))', 'insert into t1 values (1)'],
  [
    'a domain',
    'create domain d2 as int check (evil(value)); create table t2 (id d2 primary key)',
    'insert into t2 values (1)',
  ],
  [
    'an expression index',
    'create table t3 (id int primary key); create index on t3 (harmless(id))',
    'insert into t3 values (1)',
  ],
  [
    'the predicate of an index',
    'create table t4 (id int primary key); create index on t4 (id) where harmless(id) > 0',
    'insert into t4 values (1)',
  ],
  [
    'a generated column',
    'create table t5 (id int primary key, g int generated always as (harmless(id)) stored)',
    'insert into t5 values (1); update t5 set id = 2',
  ],
  [
    'a trigger that always fires',
    'create table t6 (id int primary key); create trigger n before insert on t6 for each row execute function note(); alter table t6 enable always trigger n',
    'insert into t6 values (1)',
  ],
  [
    'a partition key',
    'create table t7 (id int) partition by range (harmless(id)); create table t7_1 partition of t7 for values from (0) to (9)',
    'insert into t7 values (1)',
  ],
  [
    'a row type’s domain',
    'create domain d8 as int check (evil(value)); create type r8 as (v d8); create table t8 (id int primary key, r r8)',
    'insert into t8 values (1, row(1))',
  ],
  [
    'a policy',
    'create table t9 (id int primary key); create policy p on t9 using (evil(id)) with check (evil(id)); alter table t9 enable row level security; alter table t9 force row level security',
    'insert into t9 values (1)',
  ],
  [
    'a rule',
    'create table t10 (id int primary key); create rule r as on insert to t10 do also select evil(1); alter table t10 enable always rule r',
    'insert into t10 values (1)',
  ],
  [
    'a cast of the table’s own',
    "create table t11 (id int primary key, v text); create function say(t11) returns text language plpgsql immutable as $$ begin perform tenant_a.evil(1); return 'same'; end $$; create cast (t11 as text) with function say(t11)",
    "insert into t11 values (1, 'x')",
  ],
  [
    'an operator',
    'create table t12 (id int, v int); alter table t12 replica identity full; create function same(int, int) returns boolean language sql as $$ select tenant_a.evil(1) $$; create operator tenant_a.= (leftarg = int, rightarg = int, function = same)',
    'insert into t12 values (1, 2); update t12 set v = 3; delete from t12',
  ],
  [
    'a default that a change of the schema computes',
    'create table t13 (id int primary key); insert into t13 values (1)',
    'alter table t13 add column d boolean default evil(1)',
  ],
  [
    'a rewrite',
    'create table t14 (id int primary key); insert into t14 values (1)',
    'alter table t14 alter id type bigint using harmless(id)',
  ],
  [
    'an index that is built',
    'create table t15 (id int primary key); insert into t15 values (1)',
    'create index on t15 (harmless(id))',
  ],
  [
    'a table that is made of a query',
    'create table t16 (id int primary key)',
    'create table t16b as select evil(1)',
  ],
  [
    'a materialized view',
    'create materialized view m17 as select evil(1) as e',
    'refresh materialized view m17',
  ],
  [
    'a constraint that is validated',
    'create table t18 (id int primary key); insert into t18 values (1)',
    'alter table t18 add check (evil(id))',
  ],
  [
    'a cursor that is held over the commit',
    'create table t19 (id int primary key); create function hold() returns int language plpgsql as $$ begin if session_user like $x$holdfast%$x$ then execute $x$declare c cursor with hold for select tenant_a.evil(1)$x$; end if; return 1; end $$',
    'create table t19b as select hold()',
  ],
  [
    'a function in the middle that changes its role',
    'create table t21 (id int primary key); create function middle(int) returns boolean language sql security definer as $$ select tenant_a.evil($1) $$',
    'alter table t21 add check (middle(id)); insert into t21 values (1)',
  ],
  [
    'names that are ours, in front',
    'create table progress (one boolean, state jsonb); create function set_config(text, text, boolean) returns text language sql as $$ select tenant_a.evil(1)::text $$; create table t22 (id int primary key check (evil(id)))',
    'insert into t22 values (1)',
  ],
]

test('code of a tenant’s gets nothing and reaches nothing, wherever it hangs', async () => {
  const rights = await rightsOf(rig.lab.primary)
  for (const [, before] of HOOKS) await as(rig, 'tenant_a', `set search_path = tenant_a; ${before}`)
  const { copy, applied } = await rollOver(rig, async () => {
    for (const [, , after] of HOOKS) await as(rig, 'tenant_a', `set search_path = tenant_a; ${after}`)
  })
  expect(applied.checks).toMatchObject([{ name: 'roll-forward.applied', verdict: 'pass' }])
  expect(await rightsOf(copy)).toEqual(rights)
  expect(await copy.one('select card from tenant_b.secret')).toEqual({ card: '4111-1111-1111-1111' })
  // It did run, more than once for each but what rests: triggers, rules, policies and casts.
  const { calls } = await copy.one<{ calls: number }>('select last_value::int as calls from tenant_a.calls')
  expect(calls).toBeGreaterThan(HOOKS.length - 4)
}, 240_000)

test('a trigger that waits for the end of a change gets nothing either', async () => {
  const rights = await rightsOf(rig.lab.primary)
  await as(
    rig,
    'tenant_a',
    `set search_path = tenant_a; create table waits (id int primary key);
    create constraint trigger n after insert on waits deferrable initially deferred for each row execute function note();
    create function later() returns int language plpgsql as $$ begin
      if session_user like 'holdfast%' then
        alter table tenant_a.waits enable always trigger n; insert into tenant_a.waits values (7);
      end if; return 1; end $$`,
  )
  const { copy, applied } = await rollOver(rig, () =>
    as(rig, 'tenant_a', 'create table tenant_a.waited as select tenant_a.later()'),
  )
  expect(applied.checks).toMatchObject([{ name: 'roll-forward.applied', verdict: 'pass' }])
  expect(await rightsOf(copy)).toEqual(rights)
}, 120_000)

describe('what such code leaves behind stops the roll-forward:', () => {
  const LEAVES: readonly (readonly [what: string, deed: string])[] = [
    ['rows of another tenant', "update tenant_b.secret set card = 'theirs now'"],
    ['rows taken from another tenant', 'insert into tenant_a.loot select card from tenant_b.secret'],
    ['more rows in its own table', 'insert into tenant_a.own select id + 100, 1 from tenant_b.secret'],
    ['the notes of the roll-forward', "insert into holdfast_roll_forward.progress values (true, '{}')"],
    ['a recorded change', `insert into holdfast.schema_change (record) values ('{}')`],
    ['a table of its session', 'create temp table stash as select * from tenant_b.secret'],
    ['a large object', "select lo_from_bytea(0, 'x')"],
    ['a right that it gave', 'grant select on tenant_b.secret to tenant_a'],
    ['a cursor held over the commit', 'declare c cursor with hold for select 1'],
    ['a prepared statement', 'prepare r0 as select 1'],
    ['another role', 'set role pg_write_all_data'],
  ]

  test.each(LEAVES)(
    '%s',
    async (_, deed) => {
      await as(
        rig,
        'tenant_a',
        `set search_path = tenant_a; drop table if exists own, loot; create table loot (card text); create table own (id int primary key, n int);
      create or replace function does(n int) returns boolean language plpgsql as $$ begin
        if session_user = 'holdfast_roll_forward' and n = 2 then execute ${`$x$${deed}$x$`}; end if; return true; end $$;
      grant execute on function does(int) to public;
      alter table own add check (does(n))`,
      )
      const { copy, applied } = await rollOver(rig, () =>
        as(rig, 'tenant_a', 'insert into tenant_a.own values (1, 2)'),
      )
      expect(applied.checks).toMatchObject([
        {
          name: 'roll-forward.applied',
          verdict: 'fail',
          detail: expect.stringMatching(/database’s users|SQLSTATE 42501/),
        },
      ])
      expect(await copy.one('select card from tenant_b.secret')).toEqual({ card: '4111-1111-1111-1111' })
      expect(await copy.one('select count(*)::int as n from tenant_a.loot')).toEqual({ n: 0 })
    },
    120_000,
  )
})

test('settings that such code leaves change nothing that is written after it', async () => {
  await as(
    rig,
    'tenant_a',
    `set search_path = tenant_a; create function meddle(id int) returns boolean language plpgsql as $$ begin
      perform set_config('intervalstyle', 'sql_standard', false), set_config('search_path', 'tenant_a', false),
        set_config('datestyle', 'SQL, DMY', false), set_config('timezone', 'Asia/Tokyo', false); return true; end $$;
    grant execute on function meddle(int) to public; create table meddled (id int primary key check (meddle(id)))`,
  )
  await as(
    rig,
    'tenant_b',
    'create table tenant_b.zone (id int primary key, i interval, at timestamptz, d date)',
  )
  const { applied, compared } = await rollOver(rig, async () => {
    for (let n = 1; n <= 3; n++) {
      await as(rig, 'tenant_a', `insert into tenant_a.meddled values (${n})`)
      await as(
        rig,
        'tenant_b',
        `insert into tenant_b.zone values (${n}, '-1 year 2 mons -3 days', '2026-02-03 04:05:06+00', '2026-02-03')`,
      )
    }
  })
  expect(verdicts(applied)).toEqual({ 'roll-forward.applied': 'pass' })
  expect(compared.checks).toMatchObject([{ verdict: 'pass' }])
}, 120_000)
