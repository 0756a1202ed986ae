import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import { examineCopy, marked, task } from '../../../bench/examination.ts'
import { type Lab, openLab, type Server, until } from '../../../bench/lab.ts'
import type { MarkAnswer } from '../../../lambdas/examine/request.ts'

const BEFORE = `
create schema types;
create extension citext schema types;
create schema app;
create function app.distance(int, int) returns int immutable language sql return $1 - $2;
create operator app.<~> (leftarg = int, rightarg = int, function = app.distance);
create aggregate app.total(int) (sfunc = int4pl, stype = int);
create role reader;
create table public.orders (id int primary key, word text);
insert into public.orders select g, 'word ' || g from generate_series(1, 1000) g;
grant select on public.orders to reader;
grant update (word) on public.orders to reader;
select lo_from_bytea(4711, 'x');
grant select on large object 4711 to reader;
create table public.rights (list aclitem[]);
insert into public.rights select relacl from pg_class where oid = 'public.orders'::regclass;
alter table public.orders add constraint positive check (id > 0) not valid;
create table public.indexed (id int);
create table public.locked (id int);
insert into public.locked values (1);
create materialized view public.void as select count(*) from public.orders with no data;
create materialized view public.counted as select count(*) from public.orders;`

/** What hangs on a session's own table and has no other mark of it: a copy's autovacuum drops all of it. */
const TEMPORARY = `
create temporary table draft (id int primary key, words int);
create function app.noted() returns trigger language plpgsql as 'begin return new; end';
create trigger noted before insert on draft for each row execute function app.noted();
create temporary view seen as select d.id, o.word from draft d join public.orders o using (id);
alter table draft enable row level security;
create policy everybody on draft using (true);
create statistics pg_temp.together on id, words from draft;`

describe.each([18, 17] as const)('what happened on the primary since the cut, on PostgreSQL %i', version => {
  let lab: Lab
  let copy: Server
  let mark: MarkAnswer
  let session: pg.Client

  beforeAll(async () => {
    lab = await openLab(version)
    const { primary } = lab
    await primary.run(BEFORE)
    session = await primary.connect()
    await session.query(TEMPORARY)
    // The copy ends while an index is being built: whoever builds it waits for this transaction.
    const writer = await primary.connect()
    const builder = await primary.connect()
    try {
      await writer.query('begin; insert into public.indexed values (1)')
      const built = builder.query('create index concurrently indexed_id on public.indexed (id)')
      await until(
        'an index that is not valid yet',
        async () =>
          Number((await primary.one('select count(*)::int as n from pg_index where not indisvalid')).n) === 1,
      )
      const backup = await lab.backup()
      await lab.beat()
      mark = await marked(primary)
      copy = await lab.restore(backup, undefined, { autovacuum_naptime: '1s' })
      await writer.query('commit')
      await built
    } finally {
      await writer.end()
      await builder.end()
    }
    await copy.run('analyze public.orders')
    await until(
      'autovacuum',
      async () =>
        Number(
          (
            await copy.one(
              `select count(*)::int as left from pg_class where relpersistence = 't' and relkind = 'r'`,
            )
          ).left,
        ) === 0,
    )
  }, 180_000)
  afterAll(async () => {
    await session?.end()
    await lab?.close()
  })

  // Naive: comparing catalogs by their text, in which names stand; validity and settings without asking since when.
  test.each([
    ['nothing but an index that is now built and a session with tables of its own', 'select 1'],
    ['a constraint that was validated', 'alter table public.orders validate constraint positive'],
    ['a renamed role with rights', 'alter role reader rename to viewer'],
    [
      'renamed schemas of types, operators and aggregates',
      'alter schema types rename to kinds; alter schema app rename to program',
    ],
    [
      'settings of the database',
      `alter database shop set default_text_search_config = 'german'; alter database shop set array_nulls = off`,
    ],
    ['a view that was emptied', 'refresh materialized view public.counted with no data'],
    [
      'a mark of cluster and a target for statistics',
      'cluster public.orders using orders_pkey; alter table public.orders alter word set statistics 7',
    ],
  ])('%s accuses nobody', async (_what, change) => {
    await lab.primary.run(change)
    const found = await examineCopy(lab.primary, copy, { marked: mark })
    expect(found.red).toEqual([])
    expect(found.table('pg_catalog.pg_largeobject_metadata')).toMatchObject({ equal: 1 })
    expect(found.table('public.rights')).toMatchObject({ equal: 1 })
  })

  // Naive: asking for every table's size on the primary, which waits for its lock.
  test('a table that is locked on the primary keeps no other from being compared', async () => {
    const holder = await lab.primary.connect()
    try {
      await holder.query('begin; lock table public.locked in access exclusive mode')
      const both = { primary: lab.primary.endpoint, copy: copy.endpoint }
      const { boundary } = await task({ task: 'open', copy: copy.endpoint }, undefined, copy)
      const { cut } = await task({ task: 'cut', copy: copy.endpoint, disasterAt: mark.now }, undefined, copy)
      const where = { ...both, boundary, cut: cut! }
      const planned = await task({ task: 'plan', ...where }, lab.primary, copy)
      const { oid } = await copy.one<{ oid: number }>(`select 'public.locked'::regclass::oid::int as oid`)
      const batch = planned.batches.flat()
      const ask = (ranges: typeof batch) =>
        task({ task: 'compare', ...where, batch: ranges }, lab.primary, copy)
      const answer = await ask(batch)
      expect(answer.rest).toEqual([[oid, 0, null]])
      expect(answer.tables.find(table => table.table === 'public.rights')).toMatchObject({ equal: 1 })
      await holder.query('rollback')
      const rest = await ask([...answer.rest])
      expect(rest).toMatchObject({ rest: [], tables: [{ table: 'public.locked', equal: 1 }] })
    } finally {
      await holder.end()
    }
  })
})
