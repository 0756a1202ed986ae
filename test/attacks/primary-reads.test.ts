import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type pg from 'pg'
import { marked, task } from '../../bench/examination.ts'
import { type Lab, openLab, type Server, sidesOf } from '../../bench/lab.ts'
import { withSession } from '../../lambdas/examine/session.ts'
import { digestTable, prepareReading } from '../../lambdas/roll-forward/digest.ts'
import { fingerprint } from '../../lambdas/roll-forward/fingerprint.ts'

/** What a tenant made, whose every function tells who ran it. The reader of production must never be heard. */
const TRAPS = `
create role tenant login;
create schema tenant authorization tenant;
set role tenant;
create function tenant.tell(where_ text) returns text language plpgsql as $$
begin
  perform pg_catalog.pg_notify('heard', current_user || ' in ' || where_);
  if current_user like 'holdfast%' then
    raise exception '% ran in %', current_user, where_;
  end if;
  return where_;
end $$;

-- A row type, an enum and a composite type that are cast by a function.
create table tenant.cast_rows (id int primary key, said text);
create function tenant.row_text(tenant.cast_rows) returns text language sql as $$ select tenant.tell('row cast') $$;
create cast (tenant.cast_rows as text) with function tenant.row_text(tenant.cast_rows) as assignment;
insert into tenant.cast_rows values (1, 'a');

create type tenant.level as enum ('low', 'high');
create function tenant.level_number(tenant.level) returns bigint language sql
  as $$ select pg_catalog.length(tenant.tell('enum cast'))::bigint $$;
create cast (tenant.level as bigint) with function tenant.level_number(tenant.level);
create function tenant.level_text(tenant.level) returns text language sql as $$ select tenant.tell('enum text') $$;
create cast (tenant.level as text) with function tenant.level_text(tenant.level) as assignment;
create type tenant.pair as (a int, b json);
create function tenant.pair_text(tenant.pair) returns text language sql as $$ select tenant.tell('pair text') $$;
create cast (tenant.pair as text) with function tenant.pair_text(tenant.pair) as assignment;
create domain tenant.checked as int check (value > 0 and tenant.tell('domain') is not null);
create table tenant.levels (at tenant.level, several tenant.level[], pair tenant.pair, ranked tenant.checked);
insert into tenant.levels values ('high', '{low}', '(1,"{}")', 7);
create sequence tenant.numbers owned by tenant.levels.at;

-- Operators and functions that are better matches than the system's own, wherever a search path finds them.
create function tenant.equal(text, text) returns boolean language sql as $$ select tenant.tell('operator') is null $$;
create operator tenant.= (leftarg = text, rightarg = text, function = tenant.equal);
create function public.md5(text) returns text language sql as $$ select tenant.tell('md5') $$;
create function public.count(int) returns bigint language sql as $$ select 1::bigint $$;

-- Checks, generated columns, expression indexes, rules, triggers and policies of a table that is read.
create function tenant.fixed(text) returns text language plpgsql immutable
  as $$ begin return tenant.tell('expression'); end $$;
create table tenant.busy (
  id int primary key,
  said text check (tenant.tell('check') is not null),
  made text generated always as (tenant.fixed(said)) stored
);
create index on tenant.busy (tenant.fixed(said)) where tenant.fixed(said) <> '';
create policy p on tenant.busy using (tenant.tell('policy') is not null);
alter table tenant.busy enable row level security;
insert into tenant.busy values (1, 'a');
create table tenant.parted (id int primary key, said text) partition by hash (id);
create table tenant.parted_1 partition of tenant.parted for values with (modulus 1, remainder 0);
create view tenant.seen as select tenant.tell('view') as said;
create materialized view tenant.kept as select tenant.tell('materialized view') as said;
reset role`

let lab: Lab
let copy: Server
let ear: pg.Client
let heard: string[] = []
beforeAll(async () => {
  lab = await openLab(18)
  await lab.primary.run('grant create on schema public to public')
  await lab.primary.run(TRAPS)
  await lab.primary.run('analyze')
  await lab.beat()
  const backup = await lab.backup()
  await lab.beat()
  copy = await lab.restore(backup)
  ear = await lab.primary.connect('rdsadmin')
  ear.on('notification', ({ payload = '' }) => heard.push(payload))
  await ear.query('listen heard')
}, 120_000)
afterAll(async () => {
  await ear?.end()
  await lab?.close()
})

async function listen(): Promise<string[]> {
  await ear.query('select 1')
  return heard.splice(0)
}

test('the ear hears whoever runs a trap', async () => {
  heard = []
  await lab.primary.run(`set role tenant; select tenant.tell('here')`)
  expect(await listen()).toEqual(['tenant in here'])
})

test('no task of the examination runs a word of a user on the primary', async () => {
  const both = { primary: lab.primary.endpoint, copy: copy.endpoint }
  const now = await marked(lab.primary)
  const { boundary } = await task({ task: 'open', copy: copy.endpoint }, undefined, copy)
  const { cut } = await task({ task: 'cut', ...both, disasterAt: now.now }, lab.primary, copy)
  const structure = await task({ task: 'structure', ...both, boundary }, lab.primary, copy)
  expect(structure.checks.filter(check => check.verdict === 'unknown')).toEqual([])
  const work = await task({ task: 'plan', ...both, boundary, cut: cut! }, lab.primary, copy)
  for (const batch of work.batches) {
    const { tables } = await task({ task: 'compare', ...both, boundary, cut: cut!, batch }, lab.primary, copy)
    expect(tables.filter(({ table }) => table.startsWith('tenant.')).map(({ skipped }) => skipped)).toContain(
      undefined,
    )
    expect(tables.filter(({ skipped }) => skipped).map(({ table }) => table)).toEqual([])
  }
  await task({ task: 'canaries', primary: lab.primary.endpoint, drill: 'a' }, lab.primary)
  await task({ task: 'fault', ...both, kind: 'row-deleted' }, lab.primary, copy)
  expect((await listen()).filter(line => line.startsWith('holdfast'))).toEqual([])
}, 60_000)

test('a whole row is written out by no cast of its table', async () => {
  const client = await lab.primary.connect('holdfast_examine')
  try {
    await fingerprint(client)
    await prepareReading(client)
    for (const table of ['cast_rows', 'levels', 'busy', 'kept'])
      expect(await digestTable(client, `tenant.${table}`)).toMatchObject({ rows: '1' })
  } finally {
    await client.end()
  }
  expect((await listen()).filter(line => line.startsWith('holdfast'))).toEqual([])
})

test('a view that took a table’s name since it was looked at is not read', async () => {
  const { primary } = sidesOf(lab.primary, undefined)
  await expect(
    withSession(primary!, client => client.query('select * from tenant.seen')),
  ).rejects.toMatchObject({ message: expect.stringContaining('restricted') })
  const client = await lab.primary.connect('holdfast_examine')
  try {
    await prepareReading(client)
    await expect(digestTable(client, 'tenant.seen')).rejects.toMatchObject({
      message: expect.stringContaining('restricted'),
    })
  } finally {
    await client.end()
  }
  expect((await listen()).filter(line => line.startsWith('holdfast'))).toEqual([])
})
