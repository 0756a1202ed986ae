import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import {
  type DrillOptions,
  type Examination,
  examineCopy,
  marked,
  planted,
  task,
} from '../../../bench/examination.ts'
import { abortInLog, blank, claimVisible, flipByte, writeOver } from '../../../bench/flip-byte.ts'
import { type Lab, openLab, type Server, until } from '../../../bench/lab.ts'
import type { MarkAnswer } from '../../../lambdas/examine/request.ts'
import type { BaseBackup } from '../../../twin/postgres/base-backup.ts'

/** Pairs of rows in one block each, whose texts can be told apart in the file. */
const PAIRS = 12
const name = (pair: number, side: string) => `pair-${String(pair).padStart(3, '0')}-${side}`

describe('damage that looks like something else', () => {
  let lab: Lab
  let backup: BaseBackup
  let mark: MarkAnswer
  let target: string
  /** The transaction whose rows nobody has read yet: no hint in them says that it committed. */
  let unread: number

  beforeAll(async () => {
    lab = await openLab(18)
    await lab.primary.run(`
      create table public.pairs (id int primary key, name text not null, padding text storage plain not null);
      insert into public.pairs
      select 2 * p + s, 'pair-' || lpad(p::text, 3, '0') || '-' || case s when 0 then 'left' else 'rite' end, repeat('p', 3900)
      from generate_series(0, ${PAIRS - 1}) p, generate_series(0, 1) s
      order by 1;
      create table public.unread (id int primary key);
      create table public.prices (id int primary key, price numeric(10, 2));
      insert into public.prices select g, g from generate_series(1, 100) g;
      create table public.shouted (id int primary key, word text);
      insert into public.shouted select g, 'word ' || g from generate_series(1, 100) g;
      create table public.reloaded (id int primary key, word text);
      insert into public.reloaded select g, 'word ' || g from generate_series(1, 100) g;
      create collation public.folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      create type public.label as (word text collate public.folding);
      create type public.span as range (subtype = text, collation = public.folding);
      create type public.tag as (word text, weight numeric);
      create function public.one_for_all(public.tag) returns text immutable language sql return 'tag';
      create cast (public.tag as text) with function public.one_for_all(public.tag);
      create table public.folded (words text[] collate public.folding, label public.label, span public.span, tag public.tag);
      insert into public.folded values (array['array-word'], row('label-word'), '[span-word,span-zzzz]', row('tag-word', 1.5));
      create table public.padded (code bpchar);
      insert into public.padded values ('code  ');
      create table public.places (at point, range int4range, n int, ip inet, s text);
      insert into public.places select point(g, g), int4range(g, g + 1), g, '10.0.0.1', 's' || g from generate_series(1, 5000) g;
      create index places_gist on public.places using gist (at);
      create index places_spgist on public.places using spgist (range);
      create index places_hash on public.places using hash (n);
      create index places_brin on public.places using brin (n);
      create sequence public.order_numbers;
      create table public.numbered (n bigint primary key default nextval('public.order_numbers'));
      insert into public.numbered select from generate_series(1, 500);
      create table public.single (code text unique);
      insert into public.single values ('one'), ('two');
      create sequence public.free_numbers;
      select nextval('public.free_numbers');
      create unlogged table public.scratch (id int primary key);
      create table public.settled (id int primary key);
      insert into public.settled select g from generate_series(1, 100) g;
      comment on table public.numbered is 'numbers that were given out';
      grant set on parameter work_mem to master;`)
    await lab.primary.cluster.query('create database ledger')
    await lab.primary.run('vacuum public.settled')
    backup = await lab.backup()
    await lab.beat()
    const written = await lab.primary.one<{ xid: string }>(
      `with written as (insert into public.unread select g from generate_series(1, 50) g returning 1)
       select pg_current_xact_id()::text as xid, count(*) from written`,
    )
    unread = Number(written.xid)
    await lab.beat()
    target = (await planted(lab.primary, 'hidden')).target
    await lab.beat()
    mark = await marked(lab.primary)
  }, 300_000)
  afterAll(() => lab?.close())
  afterEach(() => lab.stopCopies())

  const restore = () => lab.restore(backup, Date.parse(target))
  const look = (copy: Server, more: Partial<DrillOptions> = {}): Promise<Examination> =>
    examineCopy(lab.primary, copy, { marked: mark, target, ...more })
  const again = (copy: Server) => lab.startAgain(copy, { ignore_checksum_failure: true })

  test('an undamaged copy is green', async () => {
    expect((await look(await restore())).red).toEqual([])
  })

  // Naive: adding up hashes that are themselves sums over the columns: what two rows exchange is not missing in the sum.
  test('values that two rows exchanged are corrupt in both', async () => {
    const copy = await restore()
    const exchange = Array.from({ length: PAIRS }, (_, pair) => [
      [name(pair, 'left'), name(pair, 'rite')],
      [name(pair, 'rite'), name(pair, 'left')],
    ]).flat()
    await writeOver(lab, copy, 'public.pairs', Object.fromEntries(exchange))
    const found = await look(await again(copy), { dataOnly: true })
    expect(found.table('public.pairs')).toMatchObject({ corrupt: 2 * PAIRS, equal: 0 })
  })

  // Naive: believing the copy's own log of transactions, which no checksum protects.
  test('rows whose transaction the copy wrongly calls rolled back are lost', async () => {
    const copy = await restore()
    await abortInLog(lab, copy, unread)
    const found = await look(await lab.startAgain(copy), { dataOnly: true })
    expect(found.table('public.unread')).toMatchObject({ lost: 50, rowsCopy: 0 })
    expect(found.red).toContain('compare.table.public.unread')
  })

  test('a table that was emptied and filled again since is no rewrite', async () => {
    const copy = await restore()
    await lab.primary.run(`truncate public.reloaded; insert into public.reloaded values (1, 'other')`)
    const found = await look(copy, { dataOnly: true })
    expect(found.table('public.reloaded')).toMatchObject({ newSince: 1, undated: 0, changedSince: 100 })
    expect(found.red).toEqual([])
  })

  // Naive: dating a rewrite by the table's last change, and noticing it by its columns' types alone.
  test.each([
    ['prices', 'alter column price type numeric(12, 4)'],
    ['shouted', 'alter column word type text using upper(word)'],
  ])('a row of %s that was lost before a rewrite to the same type cannot be dated', async (table, change) => {
    const copy = await restore()
    await copy.run(`delete from public.${table} where id = 50`)
    await lab.primary.run(`alter table public.${table} ${change}`)
    await lab.primary.run(
      `alter table public.${table} alter column id set default 0; grant select on public.${table} to master`,
    )
    await lab.primary.run(`insert into public.${table} values (1000, null)`)
    const found = await look(copy, { dataOnly: true })
    expect(found.table(`public.${table}`).undated).toBeGreaterThan(0)
    expect(found.red).toContain(`compare.table.public.${table}`)
  })

  // Naive: the column's own collation, a cast of the user's, a comparison that ignores blanks.
  test.each(['array-word', 'label-word', 'span-word', 'tag-word'])('a changed %s is corrupt', async word => {
    const copy = await restore()
    await writeOver(lab, copy, 'public.folded', { [word]: word.toUpperCase() })
    const found = await look(await again(copy), { dataOnly: true })
    expect(found.table('public.folded')).toMatchObject({ corrupt: 1, equal: 0 })
  })

  test('blanks at the end of a text without a length count', async () => {
    const copy = await restore()
    await copy.run(`update public.padded set code = 'code '`)
    await lab.primary.run('vacuum full public.padded')
    const found = await look(copy, { dataOnly: true })
    expect(found.table('public.padded')).toMatchObject({ strategy: 'multiset', lost: 1 })
  })

  test.each(['places_gist', 'places_spgist', 'places_hash', 'places_brin', 'order_numbers'])(
    'a damaged page of %s, which amcheck does not know, is found',
    async relation => {
      const copy = await restore()
      await flipByte(lab, copy, `public.${relation}`, { offset: 5000 })
      const found = await look(await lab.startAgain(copy))
      expect(found.red).toContain(`structure.amcheck.public.${relation}`)
    },
  )

  // Naive: reading pages for their checksums: a page of zeros has none to fail.
  test('a sequence of which nothing but zeros came back is found', async () => {
    const copy = await restore()
    await blank(lab, copy, 'public.free_numbers')
    const found = await look(await lab.startAgain(copy))
    expect(found.red).toContain('structure.amcheck.public.free_numbers')
  })

  test('an unlogged index that came back without its first page is found', async () => {
    const copy = await restore()
    await blank(lab, copy, 'public.scratch_pkey')
    const found = await look(await lab.startAgain(copy))
    expect(found.red).toContain('structure.amcheck.public.scratch_pkey')
  })

  // Naive: reading heaps and indexes, and not the map that lets an index answer without the heap.
  test('a map that calls rows visible which are deleted is found', async () => {
    const copy = await restore()
    await copy.run('delete from public.settled where id = 7')
    await claimVisible(lab, copy, 'public.settled')
    const found = await look(await again(copy))
    expect(found.red).toContain('structure.amcheck.public.settled')
    const detail = found.checks.find(check => check.name === 'structure.amcheck.public.settled')?.detail
    expect(detail).toMatch(/row \(0,7\) is marked as visible to everybody, which it is not/)
  })

  test('two rows under one unique key are found', async () => {
    const copy = await restore()
    const found = await look(copy, {
      between: () =>
        copy.run(`
          update pg_index set indisunique = false where indexrelid = 'public.single_code_key'::regclass;
          insert into public.single values ('one');
          update pg_index set indisunique = true where indexrelid = 'public.single_code_key'::regclass;`),
    })
    expect(found.red).toContain('structure.amcheck.public.single_code_key')
  })

  test('a sequence that feeds a column without belonging to it may not lie behind', async () => {
    const copy = await restore()
    const found = await look(copy, { between: () => copy.run(`select setval('public.order_numbers', 1)`) })
    expect(found.red).toContain('structure.sequences')
  })

  test.each([
    ['a database', 'postgres', 'drop database ledger', /ledger/],
    ['a comment', 'shop', 'comment on table public.numbered is null', /pg_description/],
    ['a grant on a setting', 'shop', 'revoke set on parameter work_mem from master', /pg_parameter_acl/],
    [
      'who owns what',
      'shop',
      `delete from pg_depend where objid = 'public.single_code_key'::regclass`,
      /pg_depend/,
    ],
  ])('%s that is missing in the copy is a fault of the schema', async (_, database, damage, says) => {
    const copy = await restore()
    const between = async () => {
      await copy.cluster.query(damage, undefined, database)
    }
    const found = await look(copy, { between })
    expect(found.red).toContain('structure.schema')
    expect(found.checks.find(check => check.name === 'structure.schema')?.detail).toMatch(says)
  })

  test('settings of the database change nothing in what is seen', async () => {
    const settings = ['quote_all_identifiers = on', `default_transaction_isolation = 'serializable'`]
    for (const setting of settings) await lab.primary.run(`alter database shop set ${setting}`)
    try {
      const copy = await restore()
      for (const setting of settings) await copy.run(`alter database shop set ${setting}`)
      const found = await look(copy, { between: () => copy.run('drop index public.places_gist') })
      expect(found.checks.find(check => check.name === 'structure.schema')?.detail).toMatch(
        /places_gist \(missing/,
      )
    } finally {
      await lab.primary.run('alter database shop reset all')
    }
  })

  // Naive: looking at every row of a catalog. A copy has no session that owns them, so its autovacuum drops them.
  test('temporary tables that the copy has dropped are no fault of the schema', async () => {
    const session = await lab.primary.connect('master')
    try {
      await session.query(`
        create temporary table draft (id serial primary key, word text default 'none' check (word <> ''), long text);
        create index on draft (word);
        comment on table draft is 'gone with its session'`)
      const fresh = await lab.backup()
      await lab.beat()
      const copy = await lab.restore(fresh, undefined, { autovacuum_naptime: '1s' })
      const left = `select count(*)::int as left from pg_class where relpersistence = 't'`
      await copy.run('analyze public.pairs')
      await until('autovacuum', async () => Number((await copy.one(left)).left) === 0)
      const found = await look(copy, { target: undefined })
      expect(found.checks.find(check => check.name === 'structure.schema')).toMatchObject({ verdict: 'pass' })
    } finally {
      await session.end()
    }
  })

  test('a copy that ends after the disaster holds what it should save from', async () => {
    const copy = await restore()
    const disasterAt = new Date(Date.parse(target) - 60_000).toISOString()
    const { checks } = await task({ task: 'cut', copy: copy.endpoint, disasterAt }, undefined, copy)
    expect(checks.filter(check => check.verdict === 'fail').map(check => check.name)).toEqual([
      'cut.heartbeat',
    ])
  })
})
