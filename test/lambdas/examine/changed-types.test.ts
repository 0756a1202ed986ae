import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Examination, examineCopy, marked } from '../../../bench/examination.ts'
import { writeOver } from '../../../bench/flip-byte.ts'
import { type Lab, openLab } from '../../../bench/lab.ts'

const BEFORE = `
create table public.plain (id int primary key);
create role clerk;
create type public.address as (street text, zip int);
create type public.mixed as (street text, n numeric, doc json);
create type public.shrunk as (a text, b int);
create type public.stage as enum ('open', 'shut');
create type public.staged as (s public.stage, doc json);
create type public.named as (t regclass, doc json, a aclitem);
create domain public.word as text;
create type public.span as range (subtype = public.address);
create table public.homes (id int, one public.address, many public.address[]);
insert into public.homes select g, row('street-' || g, g)::public.address, array[row('alley-' || g, g)::public.address, null, row(null, null)::public.address] from generate_series(101, 300) g;
create table public.mixes (id int, one public.mixed, many public.mixed[]);
insert into public.mixes select g, row('mixed-' || g, g * 1.5, '{}')::public.mixed, array[row('blend-' || g, g, '[]')::public.mixed] from generate_series(101, 300) g;
create table public.shrinks (id int, one public.shrunk);
insert into public.shrinks select g, row('shrunk-' || g, g)::public.shrunk from generate_series(101, 300) g;
create table public.orders (id int, total numeric, word text);
insert into public.orders select g, g, 'order-' || g from generate_series(101, 300) g;
create table public.audit (id int, old_row public.orders, rows public.orders[]);
insert into public.audit select id, row(id, total, 'audit-' || id)::public.orders, array[o] from public.orders o;
create table public.stages (id int, one public.staged);
insert into public.stages select g, row('open', '{"stage": "' || g || '"}')::public.staged from generate_series(101, 300) g;
create table public.names (id int, one public.named, a aclitem, list aclitem[], classes regclass[]);
insert into public.names select g, row('public.plain', '"named-' || g || '"', 'clerk=r/rdsadmin')::public.named, 'clerk=r/rdsadmin', '{clerk=r/rdsadmin}', '{public.plain}' from generate_series(101, 300) g;
create table public.words (id int, short varchar(40), plain text, tame public.word, bits bit(3), wide varchar(40));
insert into public.words select g, 'short-' || g, 'plain-' || g, 'tame-' || g, '101', 'wide-' || g from generate_series(101, 300) g;
create table public.lists (id int, many varchar(10)[]);
insert into public.lists select g, array['array-' || g] from generate_series(101, 300) g;
create table public.spans (id int, s public.span);
insert into public.spans select g, public.span(row('from-' || g, 1)::public.address, null) from generate_series(101, 120) g;
create table public.numbers (id int, n int);
insert into public.numbers select g, g from generate_series(101, 300) g`

const AFTER = `
alter type public.address add attribute country text;
alter type public.address rename attribute street to road;
alter type public.mixed add attribute more int, drop attribute n;
alter type public.shrunk drop attribute b;
alter table public.orders add column note text, drop column total;
alter table public.orders rename to purchases;
alter type public.stage add value 'later';
alter type public.stage rename value 'open' to 'wide open';
alter table public.plain rename to plainer;
alter role clerk rename to cashier;
alter table public.words alter short type text, alter plain type varchar, alter tame type text, alter bits type varbit, alter wide type public.word;
alter table public.lists alter many type text[];
alter table public.numbers alter n type bigint`

/** Texts in the copy's files, and the table whose row must be called corrupt for it. */
const DAMAGE: readonly (readonly [table: string, text: string])[] = [
  ['homes', 'street-222'],
  ['homes', 'alley-233'],
  ['mixes', 'mixed-222'],
  ['mixes', 'blend-233'],
  ['shrinks', 'shrunk-222'],
  ['audit', 'audit-222'],
  ['audit', 'order-233'],
  ['stages', '"stage": "222'],
  ['names', 'named-222'],
  ['words', 'short-222'],
  ['words', 'plain-234'],
  ['words', 'tame-235'],
  ['words', 'wide-236'],
]

const TABLES = [...new Set(DAMAGE.map(([table]) => table))]

describe.each([18, 17] as const)('types that were changed since the cut, on PostgreSQL %i', version => {
  let lab: Lab
  let right: Examination
  let wrong: Examination

  beforeAll(async () => {
    lab = await openLab(version, { autovacuum: 'off' })
    const { primary } = lab
    await primary.run(BEFORE)
    const backup = await lab.backup()
    await lab.beat()
    const mark = await marked(primary)
    let copy = await lab.restore(backup)
    for (const change of AFTER.split(';\n')) await primary.run(change)
    right = await examineCopy(primary, copy, { marked: mark, dataOnly: true })
    for (const table of TABLES) {
      const texts = DAMAGE.filter(([other]) => other === table).map(([, text]) => text)
      await writeOver(
        lab,
        copy,
        `public.${table}`,
        Object.fromEntries(texts.map(text => [text, `${text.slice(0, -1)}9`])),
      )
      copy = await lab.startAgain(copy, { ignore_checksum_failure: true })
    }
    wrong = await examineCopy(primary, copy, { marked: mark, dataOnly: true })
  }, 300_000)
  afterAll(() => lab?.close())

  // Naive: hashing a composite as it is, or as its text: both change with the type.
  test('accuse no row of a right copy', () => {
    expect(right.red).toEqual([])
    for (const table of right.tables) expect(table).toMatchObject({ changedSince: 0, equal: table.rowsCopy })
  })

  test.each([
    [
      'mixes',
      /^column "one", attribute "n": dropped .*; column "many", its elements, attribute "n": dropped/,
    ],
    ['audit', /^column "old_row", attribute "total": dropped/],
    ['spans', /^column "s": what its type is made of was changed/],
    ['numbers', /^column "n": its type was changed/],
  ])('and %s says what of it could not be compared', (table, says) => {
    expect(right.table(`public.${table}`).notCompared).toMatch(says)
  })

  test.each(['homes', 'names', 'stages', 'words', 'lists'])(
    'while %s is compared in all its columns',
    table => {
      expect(right.table(`public.${table}`).notCompared).toBeUndefined()
    },
  )

  test.each(TABLES)('a value of %s that the copy has otherwise is corrupt', table => {
    const count = DAMAGE.filter(([other]) => other === table).length
    expect(wrong.table(`public.${table}`)).toMatchObject({ corrupt: count, lost: 0 })
  })
})
