import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { damageBefore } from '../../../bin/rehearsal/scenario/damage.ts'
import { loadDump } from '../../../bin/rehearsal/scenario/dump/load.ts'
import { ask, type Lab, openLab } from './lab.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())

/** A table that can be emptied, smaller than all others. */
const SMALL = 'create table small (id int primary key); insert into small select generate_series(1, 5);'
const BIG =
  'create table big (id int primary key, v text); insert into big select i from generate_series(1, 100) i;'

test.each<[string, string]>([
  ['that others refer to', `${BIG} create table r (id int references big); insert into r values (1);`],
  [
    'that others refer to and restrict',
    `${BIG} create table r (id int references big on delete restrict); insert into r values (1);`,
  ],
  [
    'whose children would lose what they need',
    `${BIG} create table r (id int not null references big on delete set null); insert into r values (1);`,
  ],
  [
    'whose children complain at the end',
    `${BIG} create table r (id int references big deferrable initially deferred); insert into r values (1);`,
  ],
  [
    'with a trigger that raises',
    `${BIG} create function no() returns trigger language plpgsql as $$begin raise exception 'append only'; end$$;
     create trigger t before delete on big for each row execute function no();`,
  ],
  [
    'with a trigger that marks rows in place of deleting them',
    `${BIG} create function no() returns trigger language plpgsql as $$begin update big set v = 'gone' where id = old.id; return null; end$$;
     create trigger t before delete on big for each row execute function no();`,
  ],
  ['with a rule against it', `${BIG} create rule keep as on delete to big do instead nothing;`],
  [
    'that has no identity and publishes deletes',
    `create table big (id int); insert into big select generate_series(1, 100); create publication p for table big;`,
  ],
  ['that is unlogged', BIG.replace('table', 'unlogged table')],
  [
    'of which a partition is unlogged',
    `create table big (id int) partition by list (id); create unlogged table b1 partition of big default;
     insert into big select generate_series(1, 100);`,
  ],
  [
    'of which a partition is elsewhere',
    `create extension postgres_fdw; create table big (id int) partition by range (id);
     create table b1 partition of big for values from (1) to (1000); insert into big select generate_series(1, 100);
     create server far foreign data wrapper postgres_fdw options (host 'db.invalid');
     create foreign table b2 partition of big for values from (1000) to (2000) server far; analyze b1;`,
  ],
])('passes over a table %s', async (_, sql) => {
  const connection = await lab.database()
  await lab.cluster.query(
    `${sql} ${SMALL} ${sql.includes('foreign') ? 'analyze small' : 'analyze'}`,
    [],
    connection.database,
  )
  // What each of them holds after the attempt is what it held before.
  const damage = await damageBefore(connection)
  expect(damage).toMatchObject({ statement: 'delete from public.small', rows: 5, tables: ['public.small'] })
  expect(await ask(connection, 'select count(*)::int from only small')).toEqual([[0]])
})

test('leaves a table as it was where a trigger did something else', async () => {
  const connection = await lab.database()
  await lab.cluster.query(
    `${BIG} create function no() returns trigger language plpgsql as $$begin update big set v = 'gone' where id = old.id; return null; end$$;
     create trigger t before delete on big for each row execute function no(); ${SMALL} analyze`,
    [],
    connection.database,
  )
  await damageBefore(connection)
  expect(await ask(connection, `select count(*)::int from big where v is null`)).toEqual([[100]])
})

test('tries every table that there is', async () => {
  const connection = await lab.database()
  const pairs = Array.from(
    { length: 25 },
    (_, n) => `create table t${n} (id int primary key);
    insert into t${n} select generate_series(1, 50); create table r${n} (id int references t${n} on delete restrict);
    insert into r${n} values (1), (2), (3), (4), (5), (6), (7);`,
  )
  await lab.cluster.query(`${pairs.join('')} ${SMALL} analyze`, [], connection.database)
  expect((await damageBefore(connection)).statement).toMatch(/^delete from public\.r\d+$/)
})

test('empties a partitioned table and names the partitions that held its rows', async () => {
  const connection = await lab.database()
  await lab.cluster.query(
    `create table events (id int) partition by list (id); create table "E 1" partition of events for values in (1);
     create table e2 partition of events for values in (2); create table e3 partition of events default;
     insert into events select 1 + i % 2 from generate_series(1, 100) i; analyze`,
    [],
    connection.database,
  )
  expect(await damageBefore(connection)).toMatchObject({
    statement: 'delete from public.events',
    rows: 100,
    tables: ['public."E 1"', 'public.e2'],
  })
})

test('damages only what was loaded', async () => {
  const connection = await lab.database()
  await lab.cluster.query(`${BIG} analyze`, [], connection.database)
  const { relations } = await loadDump(connection, lab.dump(SMALL), () => {})
  expect((await damageBefore(connection, relations)).statement).toBe('delete from public.small')
  await expect(damageBefore(connection, relations)).rejects.toThrow(
    'no table could be emptied: public.small (its rows are still there after the delete)\nHINT:',
  )
})

test('counts the rows of the second that it names, whoever writes meanwhile', async () => {
  const connection = await lab.database()
  await lab.cluster.query(
    `create table big (id bigint generated always as identity primary key, at timestamptz default clock_timestamp());
     insert into big select from generate_series(1, 1000); analyze`,
    [],
    connection.database,
  )
  const writer = new pg.Client(connection)
  await writer.connect()
  let isWriting = true
  const writing = (async () => {
    while (isWriting) await writer.query('insert into big default values').then(() => sleep(1))
  })()
  const damage = await damageBefore(connection)
  isWriting = false
  await writing
  await writer.end()
  // Numbers are given in order: those up to the last deleted one were all there at that second.
  const [[first]] = (await ask(connection, `select min(id)::int from big`)) as [[number | null]]
  if (first !== null) expect(damage.rows).toBe(first - 1)
  const later = await ask(connection, `select count(*)::int from big where at <= '${damage.before}'`)
  expect(later).toEqual([[0]])
})
