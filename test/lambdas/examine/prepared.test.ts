import { expect, test } from '@jest/globals'
import { examineCopy, marked } from '../../../bench/examination.ts'
import { openLab } from '../../../bench/lab.ts'

// Naive: asking for the size of every table, and waiting for locks that nobody will let go of.
test.each([18, 17] as const)(
  'a prepared transaction that was open at the cut accuses nobody on PostgreSQL %i',
  async version => {
    const prepared = { max_prepared_transactions: 5 }
    const lab = await openLab(version, { autovacuum: 'off', ...prepared })
    try {
      const { primary } = lab
      await primary.run(`
      create table public.held (id serial primary key);
      insert into public.held default values;
      create table public.written (id int primary key);
      insert into public.written values (1);
      create table public.free (id int primary key);
      insert into public.free values (1)`)
      const backup = await lab.backup()
      await primary.run(
        `begin; alter table public.held add column extra int; insert into public.held values (2); prepare transaction 'ddl'`,
      )
      await primary.run(`begin; insert into public.written values (2); prepare transaction 'rows'`)
      await lab.beat()
      const mark = await marked(primary)
      const copy = await lab.restore(backup, undefined, prepared)
      await primary.run(`commit prepared 'ddl'`)
      await primary.run(`commit prepared 'rows'`)
      await lab.beat()
      const found = await examineCopy(primary, copy, { marked: mark })
      expect(found.red).toEqual([])
      expect(found.checks.find(check => check.name === 'compare.skip.public.held')).toMatchObject({
        verdict: 'skipped',
        detail: 'public.held: a prepared transaction that was open at the cut holds it: nobody can read it',
      })
      expect(found.table('public.written')).toMatchObject({ equal: 1, newSince: 1 })
      expect(found.table('public.free')).toMatchObject({ equal: 1 })
    } finally {
      await lab.close()
    }
  },
  120_000,
)
