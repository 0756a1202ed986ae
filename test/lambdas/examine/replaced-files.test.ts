import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { examineCopy, marked } from '../../../bench/examination.ts'
import { type Lab, openLab, type Server } from '../../../bench/lab.ts'
import type { MarkAnswer } from '../../../lambdas/examine/request.ts'

const TABLES = ['relogged', 'swapped', 'replaced', 'emptied', 'keyless'] as const

/** What pg_repack does: fills another table, then exchanges the files in the catalog. */
const SWAP = `
set allow_system_table_mods = on;
begin;
create table public.beside (like public.swapped);
insert into public.beside select * from public.swapped;
update pg_class a set relfilenode = b.relfilenode, reltoastrelid = b.reltoastrelid from pg_class b
where (a.relname, b.relname) in (('swapped', 'beside'), ('beside', 'swapped'));
commit;
drop table public.beside`

async function statements(server: Server, sql: string): Promise<void> {
  const client = await server.connect()
  try {
    for (const line of sql.split(';\n')) await client.query(line)
  } finally {
    await client.end()
  }
}

describe.each([18, 17] as const)(
  'tables whose file was replaced since the cut, on PostgreSQL %i',
  version => {
    let lab: Lab
    let copy: Server
    let mark: MarkAnswer

    beforeAll(async () => {
      lab = await openLab(version, { autovacuum: 'off' })
      const { primary } = lab
      for (const table of TABLES)
        await primary.run(
          `create table public.${table} (id int, word text); insert into public.${table} select g, 'word ' || g from generate_series(1, 500) g`,
        )
      await primary.run(`
      create table public.numbers (n int);
      insert into public.numbers select g from generate_series(1, 500) g;
      create materialized view public.counted as select count(*) from public.numbers`)
      const backup = await lab.backup()
      await lab.beat()
      mark = await marked(primary)
      copy = await lab.restore(backup)
      for (const table of TABLES) await copy.run(`delete from public.${table} where id = 50`)
      await statements(
        primary,
        `alter table public.relogged set unlogged;
alter table public.relogged set logged;
${SWAP};
alter table public.replaced add column stamp uuid default gen_random_uuid();
alter table public.replaced drop column stamp;
alter table public.keyless add primary key (id);
alter table public.keyless alter id type bigint;
truncate public.emptied;
insert into public.emptied values (1, 'another');
insert into public.emptied values (2, 'another');
insert into public.numbers values (501);
refresh materialized view public.counted`,
      )
      await primary.run('begin; truncate public.numbers; insert into public.numbers values (0); commit')
      for (const table of TABLES) await primary.run(`insert into public.${table} values (1000, 'new')`)
    }, 180_000)
    afterAll(() => lab?.close())

    // Naive: asking whether a column was changed since: SET LOGGED and pg_repack change none.
    test.each(['relogged', 'swapped', 'replaced', 'keyless'])(
      'the row that %s lost before cannot be dated, and what came later is new',
      async table => {
        const found = await examineCopy(lab.primary, copy, { marked: mark, dataOnly: true })
        expect(found.table(`public.${table}`)).toMatchObject({
          ...{ strategy: 'multiset', equal: 499, undated: 1, newSince: 1, lost: 0 },
        })
        expect(found.checks.find(check => check.name === `compare.table.public.${table}`)?.verdict).toBe(
          'unknown',
        )
      },
    )

    test('a table that was emptied and filled anew is told from one whose rows were carried over', async () => {
      const found = await examineCopy(lab.primary, copy, { marked: mark, dataOnly: true })
      expect(found.table('public.emptied')).toMatchObject({ undated: 0, newSince: 3, changedSince: 499 })
      expect(found.red).not.toContain('compare.table.public.emptied')
    })

    test('one without TOAST that was emptied and loaded in one transaction bears no mark of it', async () => {
      const found = await examineCopy(lab.primary, copy, { marked: mark, dataOnly: true })
      expect(found.table('public.numbers')).toMatchObject({ undated: 1, changedSince: 500 })
      expect(found.red).toContain('compare.table.public.numbers')
    })

    test('a view that was refreshed says nothing of its past, and its result says so', async () => {
      const found = await examineCopy(lab.primary, copy, { marked: mark, dataOnly: true })
      expect(found.table('public.counted')).toMatchObject({
        ...{ undated: 0, newSince: 1, changedSince: 1 },
        notCompared: 'refreshed on the primary since: what it held at the cut is not known there',
      })
      expect(found.red).not.toContain('compare.table.public.counted')
    })
  },
)
