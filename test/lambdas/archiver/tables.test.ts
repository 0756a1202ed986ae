import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ tables: ['public.*', 'other.named'] })
})

afterAll(() => rig.close())

const publicationOf = async (table: string) =>
  (
    await rig.lab.primary.one<{ p: string[] | null }>(
      'select array_agg(pubname::text order by 1) as p from pg_publication_tables where schemaname || $$.$$ || tablename = $1',
      [table],
    )
  ).p

test('archives a new table from its first row, in the transaction that makes it', async () => {
  await rig.sql('create table fresh (id int primary key); insert into fresh values (1)')
  expect(await publicationOf('public.fresh')).toEqual(['holdfast_archive'])
})

test('never blocks a write to a table without a key', async () => {
  await rig.sql('create table keyless (a int, j json); insert into keyless values (1)')
  await rig.sql('update keyless set a = 2')
  await rig.sql('delete from keyless')
  expect(await publicationOf('public.keyless')).toEqual(['holdfast_archive'])
})

describe('a table that had no key when it was made', () => {
  const identityOf = async (table: string) =>
    (
      await rig.lab.primary.one<{ i: string }>(
        'select relreplident as i from pg_class where oid = $1::regclass',
        [table],
      )
    ).i

  test('is identified by its key as soon as it has one', async () => {
    await rig.sql('create table grown (a int, b int); insert into grown values (1, 1)')
    expect(await identityOf('grown')).toBe('f')
    await rig.sql('alter table grown add primary key (a)')
    expect(await identityOf('grown')).toBe('d')
    await rig.sql('alter table grown drop constraint grown_pkey; update grown set b = 2')
    expect(await identityOf('grown')).toBe('f')
    await rig.sql('create unique index grown_key on grown (a)')
    expect(await identityOf('grown')).toBe('f')
    await rig.sql('alter table grown alter a set not null, add primary key using index grown_key')
    expect(await identityOf('grown')).toBe('d')
    expect(await publicationOf('public.grown')).toEqual(['holdfast_archive'])
  })

  test('keeps its whole row while its key is deferrable', async () => {
    await rig.sql('create table deferred (a int); alter table deferred add primary key (a) deferrable')
    expect(await identityOf('deferred')).toBe('f')
  })

  test('keeps its whole row where somebody else asked for it', async () => {
    await rig.sql('create table chosen (a int primary key); alter table chosen replica identity full')
    await rig.sql('alter table chosen add column b int')
    expect(await identityOf('chosen')).toBe('f')
    await rig.sql('create table chosen_later (a int); alter table chosen_later replica identity full')
    await rig.sql('alter table chosen_later add primary key (a)')
    expect(await identityOf('chosen_later')).toBe('f')
    await rig.sql(`create table chosen_within (a int);
      do $$ begin execute 'alter table chosen_within replica identity full'; end $$;
      alter table chosen_within add primary key (a)`)
    expect(await identityOf('chosen_within')).toBe('f')
  })
})

test('never blocks a write to a table that loses its key', async () => {
  await rig.sql('create table loser (a int primary key, b int); insert into loser values (1)')
  await rig.sql('alter table loser drop constraint loser_pkey')
  await rig.sql('update loser set b = 1')
  await rig.sql('create table indexed (a int not null, b int); create unique index one on indexed (a)')
  await rig.sql(
    'alter table indexed replica identity using index one; drop index one; insert into indexed values (1)',
  )
  await rig.sql('update indexed set b = 1')
})

test('archives only the inserts where someone wants no identity at all, and says so', async () => {
  await rig.sql(
    'create table shy (a int); alter table shy replica identity nothing; insert into shy values (1)',
  )
  await rig.sql('update shy set a = 2')
  expect(await publicationOf('public.shy')).toEqual(['holdfast_archive_inserts'])
  await rig.run()
  expect((await rig.segments()).at(-1)!.header.insertsOnly).toEqual(['public.shy'])
})

test('never blocks a write to a deferrable key, which is none', async () => {
  await rig.sql('create table later (a int primary key deferrable, b int); insert into later values (1)')
  await rig.sql('update later set b = 2')
})

test('follows each partition and never the root', async () => {
  await rig.sql(
    'create table parts (a int) partition by list (a); create table part_1 partition of parts for values in (1)',
  )
  await rig.sql('insert into parts values (1); update parts set a = 1')
  expect(await publicationOf('public.part_1')).toEqual(['holdfast_archive'])
  expect(
    await rig.lab.primary.one(
      'select count(*)::int as n from pg_publication_rel r join pg_class c on c.oid = r.prrelid where relkind = $$p$$',
    ),
  ).toEqual({ n: 0 })
})

test('follows names, and lets go of what moves out of them', async () => {
  await rig.sql(
    'create schema other; create table other.named (id int primary key); create table other.unnamed (id int primary key)',
  )
  expect(await publicationOf('other.named')).toEqual(['holdfast_archive'])
  expect(await publicationOf('other.unnamed')).toBeNull()
  await rig.sql('create table mover (id int primary key); alter table mover set schema other')
  expect(await publicationOf('other.mover')).toBeNull()
})

test('leaves temporary and unlogged tables alone', async () => {
  await rig.sql(
    'create temp table mine (a int); create unlogged table forgetful (a int); insert into forgetful values (1); update forgetful set a = 2',
  )
  expect(await publicationOf('public.forgetful')).toBeNull()
})

test('tells of a table whose owner it may not follow, and blocks nothing', async () => {
  await rig.lab.primary.run(
    'create table foreign_owner (a int); insert into foreign_owner values (1); update foreign_owner set a = 2',
  )
  await rig.run()
  expect((await rig.segments()).at(-1)!.header.unpublished).toEqual(['public.foreign_owner'])
})

test('follows every schema but the system’s when asked for all', async () => {
  await rig.sql('create schema shop; create table shop.before (id int primary key)')
  expect(await publicationOf('shop.before')).toBeNull()
  await rig.sql(`select from holdfast.set_archive_tables(array['*.*'])`)
  await rig.sql('create table shop.after (id int primary key)')
  expect(await publicationOf('shop.before')).toEqual(['holdfast_archive'])
  expect(await publicationOf('shop.after')).toEqual(['holdfast_archive'])
  expect(await publicationOf('holdfast.archive_pattern')).toBeNull()
})
