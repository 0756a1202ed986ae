import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { compareAll, task } from '../../../bench/examination.ts'
import { contentsOf } from '../../../lambdas/restore-drill/contents.ts'
import { tablesOf } from '../../../lambdas/restore-drill/evidence/tables.ts'
import type { TableResult } from '../../../lambdas/runtime/table-result.ts'
import { openRig, type Rig } from '../archiver/rig.ts'
import type { Server } from '../examine/lab.ts'

const TABLES = ['intact', 'missing']

const fill = (name: string) => `
create table public.${name} (id int primary key, n int);
insert into public.${name} select g, g from generate_series(1, 500) g;`

/** As pg_repack does it: a new table is filled, and the two swap their files. */
const repack = (name: string) => `
begin;
create table aside.${name} (id int, n int);
insert into aside.${name} select * from public.${name};
update pg_class a set relfilenode = b.relfilenode
from pg_class b
where (a.oid, b.oid) in (
  ('public.${name}'::regclass, 'aside.${name}'::regclass), ('aside.${name}'::regclass, 'public.${name}'::regclass));
commit;
reindex table public.${name};`

describe('tables whose files were replaced on the primary since the cut', () => {
  let rig: Rig
  let compared: TableResult[]
  let identical: readonly string[]

  beforeAll(async () => {
    rig = await openRig()
    const { lab } = rig
    await lab.primary.run('create schema aside')
    for (const name of TABLES) await rig.sql(fill(name))
    await rig.run()
    const backup = await lab.backup()
    await lab.beat()
    const copy: Server = await lab.restore(backup)
    const { boundary } = await task({ task: 'open', copy: copy.endpoint }, undefined, copy)
    const disasterAt = new Date().toISOString()
    const { cut } = await task({ task: 'cut', copy: copy.endpoint, disasterAt }, undefined, copy)
    if (!cut) throw new Error('the copy has no heartbeat')
    // A row that never arrived.
    await copy.run('delete from public.missing where id = 250')
    // What was written before the swap bears the date of the swap.
    for (const name of TABLES) {
      await rig.sql(`update public.${name} set n = 0 where id <= 10`)
      await lab.primary.run(`set allow_system_table_mods = on; ${repack(name)}`)
    }
    await rig.sql('insert into public.intact values (501, 501)')
    await lab.beat()
    compared = await compareAll(lab.primary, copy, { boundary, cut })
    await rig.run()
    const wanted = await rig.fingerprint()
    await rig.apply(copy)
    identical = (await rig.compare(copy, wanted)).identical
  }, 240_000)
  afterAll(() => rig.close())

  const verdictOf = (name: string, names: readonly string[] | null) => {
    const rolled = names && {
      ...{ transactions: 1, rows: 1, schemaChanges: 0, identicalRows: '1', loss: null },
      identicalTables: names,
    }
    // Whatever changed was proven: what is asked here is what came of the rows that nothing dates.
    const contents = contentsOf(compared, []).map(one => ({ ...one, witness: one.unproven, unproven: 0 }))
    return tablesOf({
      compared: { tables: compared, coverage: 1, bytes: 1, notCompared: [], others: [] },
      contents,
      rolled,
    }).find(table => table.name === `public.${name}`)?.verdict
  }

  test('are unknown by the comparison alone', () => {
    const found = (name: string) => compared.find(({ table }) => table === `public.${name}`)
    expect(found('intact')).toMatchObject({ equal: 490, undated: 10, lost: 0 })
    expect(found('missing')).toMatchObject({ equal: 489, undated: 11, lost: 0 })
    expect(verdictOf('intact', null)).toBe('unknown')
    expect(verdictOf('missing', null)).toBe('unknown')
  })

  test('are explained where the archive leads from the copy to the primary', () => {
    expect(verdictOf('intact', identical)).toBe('explained')
  })

  // Naive: taking rows that nothing dates for new ones.
  test('are not explained where a row is missing', () => {
    expect(verdictOf('missing', identical)).toBe('unknown')
  })
})
