import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { openRig, type Rig } from '../../archiver/rig.ts'
import { proveContents, restoreDamaged, takeWitness } from './lab.ts'

const fill = (name: string) => `
create table ${name} (id int primary key, note text);
insert into ${name} select g, '${name}-' || lpad(g::text, 4, '0') from generate_series(1, 20) g;`

/** A table in the archive, and two of which nothing carries the deletions. */
const TABLES = ['public.followed', 'aside.gone', 'aside.kept']

describe('rows that were deleted before the copy’s end and live again in it', () => {
  let rig: Rig
  let found: Awaited<ReturnType<typeof proveContents>>

  beforeAll(async () => {
    rig = await openRig({ settings: { autovacuum: 'off' } })
    await rig.sql('create schema aside')
    for (const name of TABLES) await rig.sql(fill(name))
    await rig.lab.primary.run('grant usage on schema aside to holdfast_examine')
    await rig.run()
    await rig.lab.beat()
    await takeWitness(rig)
    for (const name of TABLES) await rig.sql(`delete from ${name} where id = 7`)
    await rig.run()
    const restored = await restoreDamaged(rig, {}, TABLES)
    await rig.sql('delete from public.followed; delete from aside.gone')
    await rig.lab.beat()
    await takeWitness(rig)
    await rig.sql('delete from aside.kept')
    found = await proveContents(rig, restored)
  }, 240_000)
  afterAll(() => rig.close())

  test('are found where the archive tells of the deletion', () => {
    expect(found.of('public.followed')).toMatchObject({ rows: 20, witness: 19, corrupt: 1, unproven: 0 })
    expect(found.of('public.followed').why).toEqual([
      'corrupt: the archive says that it was gone before the copy’s end',
    ])
  })

  // Naive: taking what a row held for a proof that it was there.
  test('are unproven, with all others of a table whose deletions nothing carries', () => {
    expect(found.of('aside.gone')).toMatchObject({ rows: 20, witness: 0, unproven: 20 })
    expect(found.of('aside.gone').why[0]).toMatch(
      /^unproven: it was seen before the copy’s end, and nothing says that it was not deleted in between$/,
    )
  })

  test('are told from those that the witness saw after the copy’s end', () => {
    expect(found.of('aside.kept')).toMatchObject({ rows: 20, witness: 19, corrupt: 0, unproven: 1 })
  })
})
