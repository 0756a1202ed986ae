import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openRig, type Rig } from '../../lambdas/archiver/rig.ts'
import { as, on, rightsOf, rollOver, TENANTS } from './tenants.ts'

/** Looks for the key where PostgreSQL tells the parameters of a statement, and uses it at the commit, as the session itself. */
const THIEF = `
create unlogged table tenant_a.loot (key text);
create function tenant_a.spend() returns trigger language plpgsql as $f$
begin
  perform holdfast.repeat_on_copy(new.key, 'master', 'public', 'DO', 'do $x$ begin execute ''grant tenant_b to tenant_a''; end $x$');
  return null;
exception when others then return null;
end $f$;
create constraint trigger spend after insert on tenant_a.loot deferrable initially deferred for each row execute function tenant_a.spend();
alter table tenant_a.loot enable always trigger spend;
create function tenant_a.find() returns integer language plpgsql as $f$
declare
  stack text;
begin
  get diagnostics stack = pg_context;
  if session_user = 'holdfast_schema' then
    insert into tenant_a.loot select substring(stack from '''([0-9a-f]{64})''') where stack ~ '[0-9a-f]{64}';
  end if;
  return 1;
end $f$;
grant execute on all functions in schema tenant_a to public; grant usage on schema tenant_a to public`

let rig: Rig
beforeAll(async () => {
  // Before 18 a deferred trigger runs as whoever commits.
  rig = await openRig({ version: 17, tables: ['*.*'] })
  await rig.sql(TENANTS)
  await as(rig, 'tenant_a', THIEF)
  await rig.run()
}, 120_000)
afterAll(() => rig?.close())

test('no code in the session reads its key, even where errors are to tell the parameters of statements', async () => {
  await rig.lab.primary.run('alter database shop set log_parameter_max_length_on_error = -1')
  const before = await rightsOf(rig.lab.primary)
  const { copy } = await rollOver(rig, () =>
    as(rig, 'tenant_a', 'create table tenant_a.made as select tenant_a.find() as n'),
  )
  expect(await rightsOf(copy)).toEqual(before)
  expect(await on(copy, 'rdsadmin', "select to_regclass('tenant_a.made')::text as made")).toEqual([
    { made: 'tenant_a.made' },
  ])
  expect(await on(copy, 'rdsadmin', 'select from tenant_a.loot')).toEqual([])
}, 120_000)

test('what a tenant leaves for the commit of a repeated change runs as the tenant', async () => {
  const { copy } = await rollOver(rig, () =>
    as(
      rig,
      'tenant_a',
      `create table tenant_a.who (name text);
      create unlogged table tenant_a.later (id int);
      create function tenant_a.say() returns trigger language plpgsql security invoker as $f$
      begin
        execute format('create role said_%s', current_user);
        return null;
      exception when others then
        if session_user = current_user and session_user like 'holdfast%' then raise exception 'ran as the session'; end if;
        return null;
      end $f$;
      create constraint trigger say after insert on tenant_a.later deferrable initially deferred for each row execute function tenant_a.say();
      alter table tenant_a.later enable always trigger say;
      create function tenant_a.queue() returns integer language sql as 'insert into tenant_a.later values (1); select 1';
      grant execute on all functions in schema tenant_a to public`,
      'create table tenant_a.made_later as select tenant_a.queue() as n',
    ),
  )
  expect(await on(copy, 'rdsadmin', "select to_regclass('tenant_a.made_later')::text as made")).toEqual([
    { made: 'tenant_a.made_later' },
  ])
}, 120_000)
