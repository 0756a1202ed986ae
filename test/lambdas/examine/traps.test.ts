import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import { type Examination, examineCopy, marked, task } from '../../../bench/examination.ts'
import { type Lab, openLab, type Server } from '../../../bench/lab.ts'
import type { MarkAnswer } from '../../../lambdas/examine/request.ts'

/** Tables made before the backup, with rows. Each is named after what it is a trap for. */
const BEFORE = `
create extension citext;
create extension hstore;
create extension postgres_fdw;
create schema trap;
create table trap.plain (id int primary key, word text);
insert into trap.plain select g, 'word ' || g from generate_series(1, 5000) g;
create table trap.subtransactions (id int);
create table trap.in_flight (id int);
create table trap.aborted (id int);
create table trap.locked (id int primary key, word text);
insert into trap.locked select g, 'x' from generate_series(1, 100) g;
create table trap.vacuumed (id int, word text);
insert into trap.vacuumed select g, 'x' || g from generate_series(1, 3000) g;
create table trap.clustered (id int primary key, word text);
insert into trap.clustered select g, 'x' || g from generate_series(3000, 1, -1) g;
create table trap.retyped (id int primary key, n int, word text);
insert into trap.retyped select g, g, 'x' || g from generate_series(1, 3000) g;
create table trap.rewritten (id int primary key, word text);
insert into trap.rewritten select g, 'x' || g from generate_series(1, 3000) g;
create table trap.widened (id int primary key);
insert into trap.widened select g from generate_series(1, 1000) g;
create table trap.narrowed (id int primary key, gone text, kept text);
insert into trap.narrowed select g, 'gone', 'kept' || g from generate_series(1, 1000) g;
create table trap.replaced (id int primary key, n text);
insert into trap.replaced select g, 'x' from generate_series(1, 100) g;
create table trap.renamed (id int primary key, old_name text);
insert into trap.renamed select g, 'x' from generate_series(1, 100) g;
create schema moving;
create table moving.moved (id int primary key);
insert into moving.moved select g from generate_series(1, 100) g;
create type trap.colour as enum ('red', 'green');
create table trap.enums (id int, c trap.colour, many trap.colour[]);
insert into trap.enums select g, 'red', '{red,green}' from generate_series(1, 100) g;
create type trap.tinted as (c trap.colour, j json);
create table trap.enum_in_text (id int, t trap.tinted);
insert into trap.enum_in_text select g, row('red', '{}')::trap.tinted from generate_series(1, 100) g;
create table trap.truncated (id int);
insert into trap.truncated select g from generate_series(1, 500) g;
create table trap.reloaded (id int, word text);
insert into trap.reloaded select g from generate_series(1, 500) g;
create table trap.emptied (id int, word text);
insert into trap.emptied select g, 'x' from generate_series(1, 5000) g;
create table trap.dropped (id int);
insert into trap.dropped select g from generate_series(1, 50) g;
create table trap.made_unlogged (id int);
insert into trap.made_unlogged select g from generate_series(1, 50) g;
create domain trap.document as json;
create type trap.pair as (a int, b json);
create table trap.unhashable (
  id int, j json, js json[], x xml, v tsvector, q tsquery, p point, l line, s lseg, b box, h path, y polygon, c circle,
  bits bit(3), vb varbit, m money, sn pg_snapshot, jp jsonpath, d trap.document, pr trap.pair, prs trap.pair[], ci citext, hs hstore,
  a aclitem, r int4range, mr int4multirange, nr numrange, jb jsonb, i interval, f float8, n numeric, u uuid, net inet, by bytea
);
insert into trap.unhashable
select g, '{"a": 1}', array['{"b":2}'::json], '<a>1</a>', 'a b'::tsvector, 'a & b'::tsquery, '(1,2)', '{1,2,3}', '[(1,2),(3,4)]',
  '(1,2),(3,4)', '[(1,2),(3,4)]', '((1,2),(3,4))', '<(1,2),3>', '101', '10', '12.34', '10:20:10,14,15', '$.a', '{"d":1}',
  row(1, '{}')::trap.pair, array[row(1, '{}')::trap.pair], 'Abc', 'a=>1', null, '[1,5)', '{[1,5)}', '[1.0,2.5)', '{"a": 1.0}',
  '1 mon', 1.5, 1.00, gen_random_uuid(), '10.0.0.1/8', '\\x01'
from generate_series(1, 200) g;
create table trap.no_key (a int, b text);
insert into trap.no_key select 1, 'same' from generate_series(1, 400);
create table trap.parent (id int, at date) partition by range (at);
create table trap.parent_2025 partition of trap.parent for values from ('2025-01-01') to ('2026-01-01');
create table trap.parent_2026 partition of trap.parent for values from ('2026-01-01') to ('2027-01-01');
insert into trap.parent select g, date '2025-01-01' + g from generate_series(1, 600) g;
create table trap.ancestor (id int);
create table trap.heir (more text) inherits (trap.ancestor);
insert into trap.ancestor select g from generate_series(1, 50) g;
insert into trap.heir select g, 'x' from generate_series(1, 70) g;
create table trap.toasted (id int primary key, big text, n int);
alter table trap.toasted alter big set storage external;
insert into trap.toasted select g, repeat(md5(g::text), 200), 0 from generate_series(1, 200) g;
create table trap.policed (id int, owner text);
insert into trap.policed select g, 'nobody' from generate_series(1, 80) g;
alter table trap.policed enable row level security;
alter table trap.policed force row level security;
create policy nobody on trap.policed using (false);
create unlogged table trap.unlogged (id int);
insert into trap.unlogged select g from generate_series(1, 50) g;
create table trap.zero ();
insert into trap.zero default values;
insert into trap.zero default values;
create table trap."Größe ""x"".y" ("id'1" int, "ключ" text);
insert into trap."Größe ""x"".y" select g, 'x' from generate_series(1, 60) g;
create table trap.generated (id int, twice int generated always as (id * 2) stored);
insert into trap.generated (id) select g from generate_series(1, 60) g;
create table trap.had_a_column (id int, gone text, kept text);
insert into trap.had_a_column select g, 'gone', 'kept' from generate_series(1, 60) g;
alter table trap.had_a_column drop column gone;
create materialized view trap.summary as select count(*) as rows, sum(id) from trap.plain;
create server elsewhere foreign data wrapper postgres_fdw options (host '127.0.0.1');
create foreign table trap.foreign_rows (id int) server elsewhere;
create table trap.shadowing (x int, b int, block int, number int, t int, r int, w int, rows int, at int, h0 int);
insert into trap.shadowing select g, 7, 7, 7, 7, 7, 7, 7, 7, 7 from generate_series(1, 3000) g;
create table trap.grown (id int, word text);
insert into trap.grown select g, 'x' from generate_series(1, 500) g;
select lo_from_bytea(0, 'a large object'), lo_from_bytea(0, repeat('x', 9000)::bytea);
create table trap.numbered (id int generated always as identity primary key, legacy serial);
insert into trap.numbered select from generate_series(1, 40);
do $wide$
begin
  execute (select 'create table trap.wide (' || string_agg(format('c%s int', g), ', ') || ')' from generate_series(1, 700) g);
  execute 'insert into trap.wide (c1, c700) select g, g from generate_series(1, 20) g';
end
$wide$;
do $many$
begin
  for n in 1..1000 loop
    execute format('create table many_%s (id int, word text)', n);
    execute format('insert into many_%s values (1, %L), (2, null)', n, n);
  end loop;
end
$many$;
`

/** What happens on the primary after the copy's end. None of it may raise an alarm. */
const AFTER = `
update trap.plain set word = 'changed' where id <= 10;
delete from trap.plain where id between 11 and 13;
update trap.shadowing set b = 8 where x <= 10;
insert into trap.plain values (9001, 'new');
select * from trap.locked for update;
vacuum full trap.vacuumed;
cluster trap.clustered using clustered_pkey;
alter table trap.retyped alter n type bigint;
alter table trap.rewritten add column stamp timestamptz default clock_timestamp();
alter table trap.widened add column extra text default 'everywhere';
alter table trap.narrowed drop column gone;
alter table trap.replaced drop column n;
alter table trap.replaced add column n text default 'other';
alter table trap.renamed rename old_name to new_name;
alter table trap.renamed rename to has_new_name;
alter schema moving rename to has_moved;
alter type trap.colour rename value 'red' to 'scarlet';
truncate trap.truncated;
begin; truncate trap.reloaded; insert into trap.reloaded select g from generate_series(1, 510) g; commit;
delete from trap.emptied;
drop table trap.dropped;
alter table trap.made_unlogged set unlogged;
update trap.toasted set n = n + 1 where id <= 20;
refresh materialized view trap.summary;
insert into trap.grown select g, 'y' from generate_series(1, 20000) g;
create table trap.born_after (id int);
create index on trap.plain (word);
grant select on trap.plain to holdfast_heartbeat;
vacuum freeze trap.plain;
vacuum trap.parent_2025;
alter table trap.has_new_name enable row level security;
`

async function statements(server: Server, sql: string): Promise<void> {
  const client = await server.connect()
  try {
    for (const line of sql.split(/;\n/).filter(text => text.trim() !== '')) await client.query(line)
  } finally {
    await client.end()
  }
}

describe.each([18, 17] as const)('a copy of a busy primary on PostgreSQL %i', version => {
  let lab: Lab
  let copy: Server
  let mark: MarkAnswer
  let found: Examination
  let loose: Examination
  const inFlight: pg.Client[] = []

  beforeAll(async () => {
    lab = await openLab(version, { max_prepared_transactions: 5 })
    const { primary } = lab
    await primary.run(BEFORE)
    if (version === 18) {
      await primary.run('create table trap.virtual (id int, twice int generated always as (id * 2) virtual)')
      await primary.run('insert into trap.virtual (id) select g from generate_series(1, 60) g')
    }
    const backup = await lab.backup()
    const open = await primary.connect()
    inFlight.push(open)
    await open.query('begin')
    await open.query('insert into trap.in_flight select g from generate_series(1, 7) g')
    for (let round = 0; round < 5; round += 1) {
      await open.query('savepoint s')
      await open.query('insert into trap.subtransactions select 1 from generate_series(1, 10)')
      await open.query('release s')
    }
    await primary.run('begin; insert into trap.aborted values (1); rollback')
    await primary.run(
      `do $$ begin insert into trap.aborted values (1/0); exception when others then null; end $$`,
    )
    await primary.run(`begin; insert into trap.in_flight values (100); prepare transaction 'waiting'`)
    await primary.run('update trap.toasted set n = 5 where id > 190')
    for (let beat = 0; beat < 3; beat += 1) await lab.beat()
    mark = await marked(primary)
    copy = await lab.restore(backup, undefined, { max_prepared_transactions: 5 })
    await open.query('commit')
    await primary.run(`commit prepared 'waiting'`)
    // Background work of the platform: the copy gives out ids that the primary gives to other transactions.
    // It is done where nobody's rows are: a table of the copy's own in a user's database would be a fault.
    await copy.cluster.query('create table beside (n int)', [], 'template1')
    for (let n = 0; n < 40; n += 1)
      await copy.cluster.query(`insert into beside values (${n})`, [], 'template1')
    await statements(primary, AFTER)
    found = await examineCopy(primary, copy, { marked: mark })
    // Once more, when a later checkpoint has made the copy forget where its own history began.
    await copy.run('checkpoint')
    loose = await examineCopy(primary, copy, { marked: mark, dataOnly: true })
  }, 240_000)
  afterAll(async () => {
    for (const client of inFlight) await client.end()
    await lab?.close()
  })

  test('nothing in it is lost, corrupt, foreign or undated', () => {
    const bad = [...found.tables, ...loose.tables].filter(one => one.lost + one.corrupt + one.foreign > 0)
    expect(bad).toEqual([])
  })

  test('and no check is red', () => {
    expect(found.red).toEqual([])
  })

  // Naive: judging by the heartbeat's snapshot alone (`return isFinished(xid, snapshot)` without committedInCopy).
  test('subtransactions of a transaction that was open at the cut are new, though the snapshot does not list them', () => {
    expect(found.table('trap.subtransactions')).toMatchObject({
      rowsPrimary: 50,
      rowsCopy: 0,
      newSince: 50,
      lost: 0,
    })
  })

  test('rows of a transaction that was open or prepared at the cut are new', () => {
    expect(found.table('trap.in_flight')).toMatchObject({ rowsPrimary: 8, rowsCopy: 0, newSince: 8 })
    expect(found.table('trap.aborted')).toMatchObject({ rowsPrimary: 0, rowsCopy: 0 })
  })

  // Naive: asking pg_xact_status for every id (`xid < nextXid` without `exact`): the copy's own commits answer.
  test("ids that the copy gave out again do not stand for the primary's", () => {
    const [boundary] = found.checks.filter(check => check.name === 'open.boundary')
    const [late] = loose.checks.filter(check => check.name === 'open.boundary')
    expect(boundary?.detail).toContain('exactly')
    expect(late?.detail).toContain('at the latest')
    expect(loose.table('trap.plain')).toMatchObject({ lost: 0, corrupt: 0, newSince: 11 })
  })

  test('updates, deletes and inserts since the cut are counted and accuse nobody', () => {
    expect(found.table('trap.plain')).toMatchObject({
      rowsPrimary: 4998,
      rowsCopy: 5000,
      equal: 4987,
      changedSince: 13,
      newSince: 11,
      strategy: 'tid',
    })
  })

  // Naive: a bare name in the SQL that reads a block: it is the table's own column where there is one.
  test('columns called like the names in our own SQL change nothing', () => {
    expect(found.table('trap.shadowing')).toMatchObject({
      ...{ strategy: 'tid', rowsPrimary: 3000, rowsCopy: 3000, equal: 2990, changedSince: 10, newSince: 10 },
      notCompared: undefined,
    })
  })

  test('row locks and freezing change nothing', () => {
    expect(found.table('trap.locked')).toMatchObject({ equal: 100, changedSince: 0 })
  })

  // Naive: comparing by place without a look at pg_relation_filenode: each row would be lost.
  test.each([
    ['trap.vacuumed', 3000],
    ['trap.clustered', 3000],
  ])('%s, whose file was rewritten, is matched row by content', (table, rows) => {
    expect(found.table(table)).toMatchObject({
      strategy: 'multiset',
      equal: rows,
      changedSince: 0,
      newSince: 0,
    })
  })

  // Naive: taking the column list from the primary.
  test('an ALTER that rewrote every row leaves them equal on the columns that did not change', () => {
    expect(found.table('trap.rewritten')).toMatchObject({ strategy: 'multiset', equal: 3000, undated: 0 })
    expect(found.table('trap.retyped')).toMatchObject({
      equal: 3000,
      notCompared: expect.stringMatching(/"n": its type/),
    })
  })

  test('a column added with a default, dropped, replaced or renamed since is no difference', () => {
    expect(found.table('trap.widened')).toMatchObject({ strategy: 'tid', equal: 1000 })
    expect(found.table('trap.narrowed')).toMatchObject({
      equal: 1000,
      notCompared: expect.stringMatching(/"gone": dropped/),
    })
    // Naive: pairing columns by name instead of number.
    expect(found.table('trap.replaced')).toMatchObject({
      equal: 100,
      notCompared: expect.stringMatching(/"n": dropped/),
    })
    expect(found.table('trap.renamed')).toMatchObject({ equal: 100 })
    expect(found.table('moving.moved')).toMatchObject({ equal: 100 })
  })

  // Naive: hashing `t::text`.
  test('a renamed enum value changes no row', () => {
    expect(found.table('trap.enums')).toMatchObject({ equal: 100, notCompared: undefined })
    expect(found.table('trap.enum_in_text')).toMatchObject({ equal: 100, notCompared: undefined })
  })

  test('tables that were truncated, reloaded, emptied or dropped since have their rows counted', () => {
    expect(found.table('trap.truncated')).toMatchObject({ rowsCopy: 500, changedSince: 500 })
    expect(found.table('trap.reloaded')).toMatchObject({
      rowsCopy: 500,
      equal: 500,
      newSince: 10,
      undated: 0,
    })
    expect(found.table('trap.emptied')).toMatchObject({ rowsCopy: 5000, changedSince: 5000 })
    expect(found.table('trap.dropped')).toMatchObject({ rowsCopy: 50, changedSince: 50 })
    expect(found.table('trap.made_unlogged')).toMatchObject({ rowsCopy: 50, equal: 50 })
  })

  // Naive: `hash_record_extended(t, 0)` raises "could not identify an extended hash function for type json".
  test('types without a hash are compared as text', () => {
    expect(found.table('trap.unhashable')).toMatchObject({ equal: 200, notCompared: undefined })
  })

  test.each([
    ['trap.no_key', 400],
    ['trap.parent_2025', 364],
    ['trap.parent_2026', 236],
    ['trap.zero', 2],
    ['trap."Größe ""x"".y"', 60],
    ['trap.generated', 60],
    ['trap.had_a_column', 60],
    ['trap.wide', 20],
    ['many_777', 2],
  ])('%s is equal in all its %i rows', (table, rows) => {
    const name = table.startsWith('many') ? `public.${table}` : table
    expect(found.table(name)).toMatchObject({ rowsPrimary: rows, rowsCopy: rows, equal: rows })
  })

  // Naive: `from t` without ONLY counts an heir's rows twice.
  test('inherited rows belong to the table that stores them', () => {
    expect(found.table('trap.ancestor')).toMatchObject({ rowsCopy: 50, equal: 50 })
    expect(found.table('trap.heir')).toMatchObject({ rowsCopy: 70, equal: 70 })
  })

  test('values outside the row are read', () => {
    expect(found.table('trap.toasted')).toMatchObject({ equal: 180, changedSince: 20, newSince: 20 })
  })

  // Naive: leaving row_security on: both sides hide every row and agree on nothing.
  test('rows behind a policy are compared', () => {
    expect(found.table('trap.policed')).toMatchObject({ rowsCopy: 80, equal: 80 })
  })

  test('large objects are compared by their pages', () => {
    expect(found.table('pg_catalog.pg_largeobject')).toMatchObject({ rowsCopy: 6, equal: 6 })
    expect(found.table('pg_catalog.pg_largeobject_metadata')).toMatchObject({ rowsCopy: 2, equal: 2 })
  })

  test('a table that grew by many blocks since is told apart from a copy that lacks them', () => {
    expect(found.table('trap.grown')).toMatchObject({ rowsCopy: 500, equal: 500, newSince: 20_000 })
  })

  test('unlogged and foreign tables are skipped with their reason', () => {
    const skipped = found.checks
      .filter(check => check.name.startsWith('compare.skip.'))
      .map(check => check.detail)
    expect(skipped).toEqual([
      expect.stringMatching(/trap\.unlogged: an unlogged table: it is empty after every recovery/),
      expect.stringMatching(/trap\.foreign_rows: a foreign table/),
    ])
  })

  test('DDL since the cut is noted with what it changed, and is no fault', () => {
    const [schema] = found.checks.filter(check => check.name === 'structure.schema')
    const [since] = found.checks.filter(check => check.name === 'structure.schema.since')
    expect(schema?.verdict).toBe('pass')
    expect(since?.detail).toMatch(/^\d+ catalog rows were changed by DDL on the primary since the cut: pg_/)
  })

  test('a sequence that recovery left ahead of its column is sound', () => {
    const [sequences] = found.checks.filter(check => check.name === 'structure.sequences')
    expect(sequences).toMatchObject({
      verdict: 'pass',
      detail: expect.stringMatching(/^\d+ sequences are at or past their column$/),
    })
  })

  test('a thousand small tables are compared, in batches whose answers fit into a checkpoint', async () => {
    expect(found.tables.filter(table => table.table.startsWith('public.many_'))).toHaveLength(1000)
    const both = { primary: lab.primary.endpoint, copy: copy.endpoint }
    const { boundary } = await task({ task: 'open', copy: copy.endpoint }, undefined, copy)
    const { cut } = await task({ task: 'cut', copy: copy.endpoint, disasterAt: mark.now }, undefined, copy)
    const planned = await task({ task: 'plan', ...both, boundary, cut: cut! }, lab.primary, copy)
    expect(JSON.stringify(planned).length).toBeLessThan(200_000)
    for (const batch of planned.batches) expect(batch.length).toBeLessThanOrEqual(100)
    const [batch] = planned.batches.filter(one => one.length === 100)
    const answer = await task(
      { task: 'compare', ...both, boundary, cut: cut!, batch: batch! },
      lab.primary,
      copy,
    )
    expect(JSON.stringify(answer).length).toBeLessThan(100_000)
  })
})
