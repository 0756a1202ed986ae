import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ApplyAnswer, CompareAnswer, FingerprintAnswer } from '../../../lambdas/roll-forward/request.ts'
import { openRig, type Rig } from '../archiver/rig.ts'
import type { Server } from '../examine/lab.ts'

/** Every type that PostgreSQL brings along and can store, each with a value that is hard to get right. */
const TYPES: readonly (readonly [type: string, literal: string])[] = [
  ['smallint', "'-32768'"],
  ['integer', "'2147483647'"],
  ['bigint', "'-9223372036854775808'"],
  ['numeric', "'1.00'"],
  ['numeric(1000,500)', "'NaN'"],
  ['real', "'-0'"],
  ['double precision', "'0.1'::float8 + 0.2"],
  ['money', "'$1,234.56'"],
  ['text', "E'quote '' backslash \\\\ tab \\t line \\n 🐘'"],
  ['varchar(5)', "'abc'"],
  ['char(5)', "'ab'"],
  ['"char"', "'x'"],
  ['name', "'a name'"],
  ['bytea', "'\\x00ff5c27'"],
  ['boolean', "'t'"],
  ['date', "'infinity'"],
  ['time', "'23:59:59.999999'"],
  ['timetz', "'12:00:00+05:30'"],
  ['timestamp', "'4713-01-01 00:00:00 BC'"],
  ['timestamptz', "'2026-11-20 23:59:59.123456+14'"],
  ['interval', "'-1 year -2 mons +3 days -04:05:06.789'"],
  ['uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
  ['json', '\'{"b": 1,  "a": [null, 1.0]}\''],
  ['jsonb', '\'{"b": 1, "a": "\\u00e9"}\''],
  ['jsonpath', "'$.a[*] ? (@ > 1)'"],
  ['xml', "'<a>1</a>'"],
  ['inet', "'10.0.0.1/8'"],
  ['cidr', "'10.0.0.0/8'"],
  ['macaddr', "'08:00:2b:01:02:03'"],
  ['macaddr8', "'08:00:2b:01:02:03:04:05'"],
  ['bit(3)', "B'101'"],
  ['bit varying(5)', "B'10'"],
  ['point', "'(1.5,-2)'"],
  ['line', "'{1,2,3}'"],
  ['lseg', "'[(0,0),(1,1)]'"],
  ['box', "'(2,2),(1,1)'"],
  ['path', "'((0,0),(1,1))'"],
  ['polygon', "'((0,0),(1,1),(2,0))'"],
  ['circle', "'<(0,0),2>'"],
  ['tsvector', "'fat:1A cat:2'"],
  ['tsquery', "'fat & !cat'"],
  ['int4range', "'[1,10)'"],
  ['int8range', "'empty'"],
  ['numrange', "'(,5]'"],
  ['tsrange', "'[2026-01-01,2026-02-01)'"],
  ['tstzrange', "'[2026-01-01 00:00+00,)'"],
  ['daterange', "'[2026-01-01,2026-02-01)'"],
  ['int4multirange', "'{[1,2),[4,5)}'"],
  ['nummultirange', "'{}'"],
  ['datemultirange', "'{[2026-01-01,2026-02-01)}'"],
  ['integer[]', "'{{1,NULL},{3,4}}'"],
  ['text[]', '\'{"a,b","c\\"d",NULL}\''],
  ['oid', "'4294967295'"],
  ['regclass', "'pg_class'"],
  ['regtype', "'integer'"],
  ['xid', "'4294967295'"],
  ['xid8', "'18446744073709551615'"],
  ['cid', "'7'"],
  ['tid', "'(4294967295,1)'"],
  ['pg_lsn', "'16/B374D848'"],
  ['pg_snapshot', "'10:20:10,14'"],
  ['mood', "'ok'"],
  ['pair', "ROW(1,'x y')"],
  ['positive', "'5'"],
]

const SETUP = `
create type mood as enum ('bad', 'ok');
create type pair as (a int, b text);
create domain positive as int check (value > 0);
create table kind (id int primary key, ${TYPES.map(([type], index) => `c${index} ${type}`).join(', ')});
create table bare as select * from kind;
create table item (id int primary key, v text, big text, twice int generated always as (id * 2) stored);
alter table item alter big set storage external;
create table heap (a int, j json, c char(4));
create table measure (at date, v int, primary key (at, v)) partition by range (at);
create table measure_1 partition of measure for values from ('2026-01-01') to ('2026-02-01');
create table loose (at date not null, v int not null, primary key (at, v));
create table numbered (id bigint generated always as identity primary key, v text);
create table counted (id bigint generated always as identity, v text);
insert into numbered (v) values ('a'), ('b');
insert into counted (v) values ('a'), ('b');
create table doubled (a int, b int, twice int generated always as (b * 2) stored);
create table keyed_by_sum (a int, v text, c int generated always as (a + 1) stored primary key);
insert into doubled (a, b) values (1, 1), (1, 1), (2, 2);
insert into keyed_by_sum (a) values (1), (2), (3);
create table parent (id int primary key);
create table child (id int primary key, parent int references parent on delete cascade);
create table watched (id int primary key, v text);
create table log (what text);
create function note() returns trigger language plpgsql as $$ begin insert into log values (tg_op); return new; end $$;
create trigger noted after insert or update on watched for each row execute function note();
create table followed (id int primary key);
create trigger always_noted after insert on followed for each row execute function note();
create trigger copy_noted after insert on followed for each row execute function note();
alter table followed enable always trigger always_noted, enable replica trigger copy_noted;
insert into item (id, v, big) select g, 'base', repeat(md5(g::text), 1000) from generate_series(1, 20) g;
insert into heap select g % 3, '{"n":1}', 'ab' from generate_series(1, 9) g;
insert into measure values ('2026-01-05', 1), ('2026-01-06', 2);
insert into loose values ('2026-02-05', 3);
insert into parent select generate_series(1, 5);
insert into child select g, g from generate_series(1, 5) g;`

const KIND = `(id, ${TYPES.map((_, index) => `c${index}`).join(', ')}) values (1, ${TYPES.map(([type, literal]) => `(${literal})::${type}`).join(', ')})`

/** What happens after the cut; each line is a transaction. */
const TAIL = [
  `insert into kind ${KIND}`,
  'insert into bare select * from kind',
  'update bare set c0 = 5',
  // An identity column that is always generated: with a key, and where the whole row is the identity.
  `insert into numbered (v) values ('c')`,
  `update numbered set v = 'changed' where id = 1`,
  `insert into counted (v) values ('c')`,
  `update counted set v = 'changed' where id = 1`,
  'update counted set v = v where id = 2',
  // Generated columns: part of the whole row, or the key itself.
  'insert into doubled (a, b) values (3, 3)',
  'update doubled set b = 5 where ctid = (select min(ctid) from doubled where a = 1)',
  'delete from doubled where a = 2',
  `insert into keyed_by_sum (a, v) values (7, 'new')`,
  `update keyed_by_sum set v = 'changed' where a = 1`,
  'update keyed_by_sum set a = 9 where a = 2',
  'delete from keyed_by_sum where a = 3',
  'insert into kind (id) values (2)',
  `update kind set ${TYPES.map((_, index) => `c${index} = null`).join(', ')} where id = 1`,
  'insert into bare select * from kind',
  'delete from bare where c0 = 5',
  // TOAST: the large value stays where it is.
  "update item set v = 'touched' where id <= 5",
  "update item set big = 'short' where id = 6",
  'update item set id = id + 100 where id = 7',
  "begin; insert into item (id, v) values (50, 'a'); savepoint s; delete from item where id = 1; rollback to s; update item set v = 'b' where id = 50; release s; commit",
  'begin; insert into item (id) values (60); rollback',
  // Equal rows of a table without a key: one of three goes.
  'delete from heap where ctid = (select min(ctid) from heap where a = 1)',
  "update heap set c = 'xyz', j = null where ctid = (select max(ctid) from heap where a = 1)",
  'truncate heap',
  "insert into heap values (7, '[1, 2]', 'q')",
  "alter table item add column note text default 'none'",
  "update item set note = 'seen' where id = 3",
  'alter table item drop column v; insert into item (id, note) values (70, $$after; the drop$$)',
  'alter table item rename column note to remark',
  "do $$ begin execute 'create table made (id serial primary key, v text)'; insert into made (v) values ('in a function'); end $$",
  'create index concurrently made_v on made (v)',
  "alter type mood add value 'good'",
  "insert into kind (id, c61) values (3, 'good')",
  "alter table measure attach partition loose for values from ('2026-02-01') to ('2026-03-01')",
  "insert into measure values ('2026-02-07', 4)",
  "update measure set at = '2026-02-08' where v = 1",
  'alter table measure detach partition measure_1',
  "insert into measure_1 values ('2026-01-09', 9)",
  'delete from parent where id = 2',
  "insert into watched values (1, 'fires a trigger')",
  'update watched set id = 2',
  'insert into followed values (1)',
  'create unlogged table forgotten (a int); insert into forgotten values (1)',
  'create temp table mine (a int primary key); insert into mine values (1); drop table mine',
  'create table gone (a int); insert into gone values (1); drop table gone',
  // Nothing but a hash joins these in time.
  'create table joined as select a.v, b.v as w from (select g % 1000 as k, g as v from generate_series(1, 30000) g) a join (select g as k, g as v from generate_series(1, 30000) g) b on a.k = b.k',
  'create view seen as select id from item; drop view seen',
  'truncate parent cascade',
]

let rig: Rig
let copy: Server
let wanted: FingerprintAnswer
let applied: ApplyAnswer
let compared: CompareAnswer
let primaryRows: Record<string, string>

beforeAll(async () => {
  rig = await openRig()
  await rig.sql(SETUP)
  await rig.run()
  await rig.lab.beat()
  const backup = await rig.lab.backup()
  await rig.sql("insert into item (id, v) values (40, 'before the cut, after the heartbeat')")
  copy = await rig.lab.restore(backup)
  for (const statement of TAIL) await rig.sql(statement)
  await rig.sql(`create or replace procedure load(n int) language plpgsql as $$
    begin for i in 1..n loop insert into watched values (1000 + i, i); update watched set v = v || '!' where id = 1000 + i - 1; commit; end loop; end $$`)
  await rig.sql('call load(2000)')
  await rig.sql("insert into watched select g, 'many' from generate_series(10000, 110000) g")
  wanted = await rig.fingerprint()
  // Seen by no snapshot of the comparison, and not to be applied.
  await rig.sql("insert into item (id, remark) values (999, 'after the snapshot')")
  await rig.lab.beat()
  await rig.run()
  applied = await rig.apply(copy, { kind: 'snapshot', snapshot: wanted.snapshot, lsn: wanted.lsn })
  compared = await rig.compare(copy, wanted)
  primaryRows = await rig.lab.primary.one('select last_value::text as last from made_id_seq')
}, 300_000)

afterAll(() => rig.close())

test('applies every transaction after the cut, once each', () => {
  expect(applied.checks).toEqual([
    { name: 'roll-forward.applied', verdict: 'pass', detail: expect.stringContaining('applied once each') },
  ])
  expect(applied.done).toBe(true)
  expect(applied.transactions).toBeGreaterThan(2_030)
  expect(applied.rows).toBeGreaterThan(104_000)
})

test('makes the copy equal to the primary, in every table, row for row', () => {
  expect(compared.checks).toEqual([
    {
      name: 'roll-forward.identical',
      verdict: 'pass',
      detail: expect.stringMatching(
        /^copy \+ tail = primary: \d+ tables, \d+ rows, identical; 1 table with 1 row is outside the archive: public.forgotten$/,
      ),
    },
  ])
  expect(compared.different).toBe(0)
  expect(wanted.incomplete).toEqual([])
})

test('leaves out what was committed after the snapshot', async () => {
  expect(await copy.one('select count(*)::int as n from item where id = 999')).toEqual({ n: 0 })
})

test('fires no trigger and follows no foreign key on the copy', async () => {
  const primary = await rig.lab.primary.one('select count(*)::int as n from log')
  expect(await copy.one('select count(*)::int as n from log')).toEqual(primary)
  const triggers =
    "select string_agg(tgname || ' ' || tgenabled::text, ', ' order by tgname) as all from pg_trigger where tgrelid = 'followed'::regclass"
  expect(await copy.one(triggers)).toEqual({ all: 'always_noted A, copy_noted R' })
})

test('puts the sequences where the primary had them', async () => {
  expect(await copy.one('select last_value::text as last from made_id_seq')).toEqual(primaryRows)
})

test('changes nothing when asked again', async () => {
  const again = await rig.apply(copy, { kind: 'snapshot', snapshot: wanted.snapshot, lsn: wanted.lsn })
  expect(again).toMatchObject({ done: true, transactions: applied.transactions, rows: applied.rows })
  expect((await rig.compare(copy, wanted)).different).toBe(0)
})

test('tells a copy that differs in one value', async () => {
  await copy.run("set session_replication_role = replica; update watched set v = 'tampered' where id = 10500")
  const { checks } = await rig.compare(copy, wanted)
  expect(checks.map(check => [check.name, check.verdict])).toEqual([
    ['roll-forward.identical', 'fail'],
    ['roll-forward.table public.watched', 'fail'],
  ])
})

test('a table that left its publication is outside the archive, with its rows, whatever its pattern says', async () => {
  await rig.lab.primary.run('alter publication holdfast_archive drop table watched')
  const { outside } = await rig.fingerprint()
  expect(outside).toEqual([
    { name: 'public.forgotten', rows: '1', counted: true },
    { name: 'public.watched', rows: expect.stringMatching(/^10\d{4}$/), counted: true },
  ])
  const { checks } = await rig.compare(copy, { ...wanted, outside })
  expect(checks[0]?.detail).toMatch(
    /; 2 tables with 10\d{4} rows are outside the archive: public.forgotten, public.watched$/,
  )
  await rig.sql('select from holdfast.follow_tables()')
})

describe('refuses', () => {
  test('to write to the primary', async () => {
    const answer = await rig.apply(rig.lab.primary)
    expect(answer.checks[0]).toMatchObject({
      verdict: 'unknown',
      detail: expect.stringContaining('no restored copy'),
    })
    for (const [user, call] of [
      ['holdfast_schema', "holdfast.take_copy('key')"],
      ['holdfast_roll_forward', 'holdfast.rest_triggers()'],
    ])
      await expect(rig.lab.primary.one(`set session authorization ${user}; select ${call}`)).rejects.toThrow(
        'this database is not a drill copy',
      )
  })

  test('to go on before the archive reaches the target', async () => {
    await expect(rig.apply(copy, { kind: 'lsn', lsn: 'FFF/0' })).rejects.toMatchObject({
      name: 'ArchiveBehind',
    })
  })
})
