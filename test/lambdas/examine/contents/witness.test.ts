import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { listRuns, readIndex, readPart } from '../../../../lambdas/runtime/witness/store.ts'
import { openRig, type Rig } from '../../archiver/rig.ts'
import { proveContents, restoreDamaged, takeWitness } from './lab.ts'

/** Counts of a table of which everything is proven by the witness. */
const proven = (table: string, rows: number) => ({
  ...{ table: `public.${table}`, rows, witness: rows, image: 0, oldRow: 0, corrupt: 0, unproven: 0, why: [] },
})

const damaged = (table: string, rows: number) => ({
  ...proven(table, rows),
  ...{ witness: rows - 1, corrupt: 1 },
  why: ['corrupt: it is not what the witness saw under its place and transaction'],
})

const UNSEEN = 'unproven: neither a witness nor the archive ever saw it'

const TABLES = ['seen', 'seen_right', 'emptied', 'dropped', 'repacked', 'moved', 'stale', 'young', 'reshaped']

const fill = (name: string) => `
create table public.${name} (id int primary key, amount int, note text);
insert into public.${name} select g, g, '${name}-' || lpad(g::text, 4, '0') from generate_series(1, 20) g;`

describe('an archive that began after the rows were written', () => {
  let rig: Rig
  let found: Awaited<ReturnType<typeof proveContents>>

  beforeAll(async () => {
    rig = await openRig()
    await rig.sql(TABLES.map(fill).join('\n'))
    await rig.sql(`create table public.wide as select g as id, ${Array.from({ length: 40 }, (_, at) => `g + ${at} as c${at}`).join(', ')} from generate_series(1, 5000) g;
      alter table public.wide add primary key (id)`)
    await rig.run()
    await rig.lab.beat()
    await takeWitness(rig)
    await rig.sql(`
      alter table public.moved rename to moved_before;
      alter table public.moved_before rename column note to remark;
      insert into public.young select g, g, 'late-' || lpad(g::text, 4, '0') from generate_series(21, 30) g;
      update public.stale set note = 'other-' || lpad(id::text, 4, '0') where id = 7;
      alter table public.reshaped alter amount type bigint`)
    await rig.run()
    const damage = (name: string) => ({ [`public.${name}`]: { [`${name}-0005`]: `${name}-WRNG` } })
    const restored = await restoreDamaged(rig, {
      ...damage('seen'),
      ...damage('emptied'),
      ...damage('dropped'),
      ...damage('repacked'),
      'public.moved_before': { 'moved-0005': 'moved-WRNG' },
      'public.young': { 'late-0025': 'late-WRNG' },
    })
    await rig.sql(`delete from public.seen; delete from public.seen_right;
      truncate public.emptied; drop table public.dropped;
      delete from public.moved_before; delete from public.stale; delete from public.young; delete from public.reshaped`)
    // Where rows lie elsewhere now, what changed is known by content alone.
    await rig.sql('update public.repacked set amount = 0 where id <= 10')
    await rig.lab.primary.run('vacuum full public.repacked')
    found = await proveContents(rig, restored)
  }, 240_000)
  afterAll(() => rig.close())

  test('proves rows that no image tells of by what was seen of them', () => {
    expect(found.of('public.seen_right')).toEqual(proven('seen_right', 20))
  })

  test.each(['seen', 'emptied', 'dropped'])('finds the one damaged row among them: %s', table => {
    expect(found.of(`public.${table}`)).toEqual(damaged(table, 20))
  })

  test('knows a table by what it is, whatever it and its columns are called since', () => {
    expect(found.of('public.moved_before')).toEqual(damaged('moved_before', 20))
  })

  test('knows the copy’s rows by their place in a table that the primary rewrote since', () => {
    expect(found.of('public.repacked')).toMatchObject({ corrupt: 1, unproven: 0 })
  })

  test('takes rows that are younger than the witness from the archive', () => {
    expect(found.of('public.young')).toMatchObject({
      rows: 30,
      witness: 20,
      image: 9,
      corrupt: 1,
      unproven: 0,
    })
  })

  test('takes a row that was updated after it was seen from the archive, too', () => {
    expect(found.of('public.stale')).toMatchObject({ rows: 20, witness: 19, image: 1 })
  })

  test('says nothing of rows that a change of the schema wrote anew after they were seen', () => {
    expect(found.of('public.reshaped')).toMatchObject({ rows: 20, witness: 0, unproven: 20 })
    expect(found.of('public.reshaped').why[0]).toBe(UNSEEN)
  })

  test('takes at most ten bytes a row', async () => {
    const [folder] = await listRuns(rig.destination, ...(await history(rig)))
    const index = await readIndex(rig.destination, folder ?? '')
    const { oid } = await rig.lab.primary.one<{ oid: number }>(
      `select 'public.wide'::regclass::oid::int as oid`,
    )
    const part = index?.parts.find(each => each.oid === oid)
    expect(part?.rows).toBe(5_000)
    expect((part?.bytes ?? 0) / 5_000).toBeLessThan(10)
  })

  test('believes no part that is not what its index names', async () => {
    const [folder] = await listRuns(rig.destination, ...(await history(rig)))
    const index = await readIndex(rig.destination, folder ?? '')
    const [part] = index?.parts ?? []
    if (!part) throw new Error('the witness saw nothing')
    await expect(readPart(rig.destination, { ...part, sha256: '0'.repeat(64) })).rejects.toThrow(
      'is not what its index names',
    )
  })

  test('chains its readings', async () => {
    await takeWitness(rig)
    const folders = await listRuns(rig.destination, ...(await history(rig)))
    const [first, second] = await Promise.all(folders.map(folder => readIndex(rig.destination, folder)))
    expect(first?.previous).toBeNull()
    expect(second?.previous).toEqual({ key: first?.key, sha256: first?.sha256 })
  })
})

async function history(rig: Rig): Promise<[string, number]> {
  const { id } = await rig.lab.primary.one<{ id: string }>(
    'select system_identifier::text as id from pg_control_system()',
  )
  return [id, 1]
}
