import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { task } from '../../bench/examination.ts'
import { type Lab, openLab, type Server } from '../../bench/lab.ts'

let lab: Lab
let copy: Server
beforeAll(async () => {
  lab = await openLab(18)
  await lab.primary.run(`
    create schema tenant;
    create table tenant.ran (who text);
    create function tenant.act() returns boolean language plpgsql volatile as $$
    begin
      insert into tenant.ran values (current_user);
      return true;
    end $$;
    create function tenant.still(x int) returns int language plpgsql immutable as $$
    begin
      perform tenant.act();
      return x;
    end $$;
    create function tenant.fire() returns trigger language plpgsql as $$
    begin
      perform tenant.act();
      return null;
    end $$;
    create table tenant.plain (id int primary key, n int check (n > 0));
    create table tenant.checked (id int primary key, n int check (tenant.act()));
    create table tenant.made (id int primary key, n int, m int generated always as (tenant.still(n)) stored);
    create table tenant.indexed (id int primary key, n int);
    create index on tenant.indexed (tenant.still(n));
    create table tenant.partial (id int primary key, n int);
    create index on tenant.partial (n) where tenant.still(id) > 0;
    create table tenant.triggered (id int primary key, n int);
    create trigger always after insert or update or delete on tenant.triggered execute function tenant.fire();
    alter table tenant.triggered enable always trigger always;
    create table tenant.ruled (id int primary key, n int);
    create rule r as on delete to tenant.ruled do also select tenant.act();
    alter table tenant.ruled enable always rule r;
    create table tenant.parted (id int, n int) partition by range (tenant.still(id));
    create table tenant.parted_1 partition of tenant.parted for values from (0) to (100);
    create table tenant.policed (id int primary key, n int);
    create policy p on tenant.policed using (tenant.act());
    alter table tenant.policed enable row level security, force row level security`)
  for (const name of [...TABLES, 'tenant.plain', 'tenant.policed'])
    await lab.primary.run(`insert into ${name} (id, n) values (1, 1), (2, 2)`)
  await lab.primary.run('truncate tenant.ran')
  await lab.beat()
  const backup = await lab.backup()
  await lab.beat()
  copy = await lab.restore(backup)
}, 120_000)
afterAll(() => lab?.close())

const TABLES = ['checked', 'made', 'indexed', 'partial', 'triggered', 'ruled', 'parted_1'].map(
  name => `tenant.${name}`,
)

test.each(TABLES)(
  'no row of %s is damaged, since what it brings would run with the rights of the master',
  async table => {
    for (const kind of ['row-deleted', 'row-changed', 'row-added'] as const) {
      const both = { primary: lab.primary.endpoint, copy: copy.endpoint }
      const { done } = await task({ task: 'fault', ...both, kind, table }, lab.primary, copy)
      expect([kind, done]).toEqual([kind, false])
    }
    expect(await copy.one('select count(*)::int4 as rows from tenant.ran')).toEqual({ rows: 0 })
    expect(await copy.one(`select count(*)::int4 as rows from ${table}`)).toEqual({ rows: 2 })
  },
)

test.each(['tenant.plain', 'tenant.policed'])('%s is damaged, and no policy is asked', async table => {
  const both = { primary: lab.primary.endpoint, copy: copy.endpoint }
  const { done } = await task({ task: 'fault', ...both, kind: 'row-deleted', table }, lab.primary, copy)
  expect(done).toBe(true)
  expect(await copy.one('select count(*)::int4 as rows from tenant.ran')).toEqual({ rows: 0 })
})

test('the damage itself cannot be asked for without the question before it', async () => {
  const { may } = await copy.one<{ may: boolean }>(
    `select has_function_privilege('holdfast_examine', 'holdfast.damage_as_asked(text, regclass, tid)', 'execute') as may`,
  )
  expect(may).toBe(false)
})
