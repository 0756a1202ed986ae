import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openRig, type Rig } from '../../archiver/rig.ts'
import { proveContents, restoreDamaged } from './lab.ts'

/** Counts of a table of which everything is proven by the archive's images. */
const proven = (table: string, rows: number) => ({
  ...{ table: `public.${table}`, rows, witness: 0, image: rows, oldRow: 0, corrupt: 0, unproven: 0, why: [] },
})

/** Counts of a table of whose rows one is damaged. */
const damaged = (table: string, rows: number) => ({
  ...proven(table, rows),
  ...{ image: rows - 1, corrupt: 1 },
  why: ['corrupt: the archive says that it held something else at the copy’s end'],
})

const TABLE = (name: string, rows = 20) => `
create table public.${name} (id int primary key, amount int, note text);
insert into public.${name} select g, g, '${name}-' || lpad(g::text, 4, '0') from generate_series(1, ${rows}) g;`

const FILLED = [
  ...['deleted', 'deleted_right', 'updated', 'updated_right', 'emptied', 'dropped', 'rewritten', 'renamed'],
  ...['rekeyed', 'reborn', 'replica', 'twice', 'added'],
]

/** Damaged in the copy: the fifth row of each table. */
const damage = (...names: string[]) =>
  Object.fromEntries(names.map(name => [`public.${name}`, { [`${name}-0005`]: `${name}-WRNG` }]))

describe('an archive that began before the rows were written', () => {
  let rig: Rig
  let found: Awaited<ReturnType<typeof proveContents>>

  beforeAll(async () => {
    rig = await openRig()
    await rig.run()
    await rig.sql(FILLED.map(name => TABLE(name)).join('\n'))
    await rig.sql(`
      create table public.parent (id int primary key, note text);
      create table public.child (id int primary key, parent int references public.parent on delete cascade, note text);
      insert into public.parent select g, 'parent-' || lpad(g::text, 4, '0') from generate_series(1, 20) g;
      insert into public.child select g, g, 'child-' || lpad(g::text, 4, '0') from generate_series(1, 20) g;
      create table public.part (id int, year int, note text, primary key (id, year)) partition by list (year);
      create table public.part_1 partition of public.part for values in (1);
      create table public.part_2 partition of public.part for values in (2);
      insert into public.part select g, 1, 'part-' || lpad(g::text, 4, '0') from generate_series(1, 20) g;
      create table public.toasted (id int primary key, n int, note text);
      alter table public.toasted alter note set storage external;
      insert into public.toasted select g, 0, repeat('toasted-' || lpad(g::text, 4, '0'), 300) from generate_series(1, 20) g;
      create table public.loose (a int, note text);
      insert into public.loose select g, 'loose-' || lpad(g::text, 4, '0') from generate_series(1, 20) g;
      create table public.computed (id int primary key, note text, twice text generated always as (note || note) stored);
      insert into public.computed (id, note) select g, 'computed-' || lpad(g::text, 4, '0') from generate_series(1, 20) g;`)
    await rig.run()
    // Before the copy's end, in other segments: what the archive told first is not what it says last.
    await rig.sql(`update public.toasted set n = 1;
      update public.rekeyed set id = id + 100;
      delete from public.reborn where id <= 10;
      alter table public.added add column since int default 7`)
    await rig.run()
    await rig.sql(
      `insert into public.reborn select g, g, 'reborn-' || lpad(g::text, 4, '0') from generate_series(1, 10) g`,
    )
    const { toast } = await rig.lab.primary.one<{ toast: string }>(
      `select reltoastrelid::regclass::text as toast from pg_class where oid = 'public.toasted'::regclass`,
    )
    const restored = await restoreDamaged(rig, {
      ...damage(
        'deleted',
        'updated',
        'emptied',
        'dropped',
        'rewritten',
        'renamed',
        'rekeyed',
        'reborn',
        'replica',
        'twice',
      ),
      ...damage('parent', 'child', 'loose'),
      'public.part_1': { 'part-0005': 'part-WRNG' },
      [toast]: { 'toasted-0005': 'toasted-WRNG' },
      'public.computed': { 'computed-0005computed-0005': 'computed-0005computed-WRNG' },
    })
    await rig.sql(`delete from public.deleted; delete from public.deleted_right;
      update public.updated set amount = amount + 1; update public.updated_right set amount = amount + 1;
      truncate public.emptied;
      drop table public.dropped;
      alter table public.rewritten alter amount type bigint;
      delete from public.rewritten;
      alter table public.renamed rename to renamed_since;
      delete from public.renamed_since;
      delete from public.rekeyed;
      delete from public.reborn;
      delete from public.parent;
      update public.part set year = 2;
      delete from public.toasted;
      delete from public.loose;
      delete from public.computed;
      delete from public.added`)
    await rig.lab.primary.run(
      'set session_replication_role = replica; delete from public.replica; reset session_replication_role',
    )
    await rig.sql(
      'begin; update public.twice set amount = 0; update public.twice set amount = 1; delete from public.twice where id > 10; commit',
    )
    found = await proveContents(rig, restored)
  }, 240_000)
  afterAll(() => rig.close())

  test('proves every row that the bad write took, and says so by the archive’s image of it', () => {
    expect(found.of('public.deleted_right')).toEqual(proven('deleted_right', 20))
    expect(found.of('public.updated_right')).toEqual(proven('updated_right', 20))
  })

  test.each([
    'deleted',
    'updated',
    'emptied',
    'dropped',
    'rewritten',
    'rekeyed',
    'reborn',
    'replica',
    'twice',
    'parent',
    'child',
  ])('finds the one damaged row among those that were taken: %s', table => {
    expect(found.of(`public.${table}`)).toEqual(damaged(table, 20))
  })

  test('finds it in a table that was renamed and then emptied', () => {
    expect(found.of('public.renamed')).toEqual(damaged('renamed', 20))
  })

  test('finds it in a partition whose rows moved to another one', () => {
    expect(found.of('public.part_1')).toEqual(damaged('part_1', 20))
  })

  test('finds it inside a TOAST value that the last update before the copy’s end left alone', () => {
    expect(found.of('public.toasted')).toEqual(damaged('toasted', 20))
  })

  test('finds it in a column that is generated', () => {
    expect(found.of('public.computed')).toEqual(damaged('computed', 20))
  })

  test('finds it in a table without a key', () => {
    expect(found.of('public.loose')).toMatchObject({ rows: 20, image: 19, unproven: 1 })
  })

  test('proves a row that is older than a column of its table', () => {
    expect(found.of('public.added')).toEqual(proven('added', 20))
  })

  test('names the rows by their place and their transaction, never by what they hold', () => {
    const check = found.answer.checks.find(({ name }) => name === 'contents.table.public.deleted')
    expect(check?.verdict).toBe('fail')
    expect(check?.detail).toMatch(
      /^public\.deleted: 1 of 20 rows that were changed or deleted since the cut hold in the copy what they did not hold: \(0,5\) of transaction \d+: the archive says/,
    )
    expect(JSON.stringify(found.answer)).not.toContain('WRNG')
  })
})
