import { expect, test } from '@jest/globals'
import { openRig } from '../../archiver/rig.ts'
import { proveContents, restoreDamaged } from './lab.ts'

// Naive: taking a table that is in any publication of ours for one whose every change is told.
test('rows of a table whose inserts alone are archived are proven by none of them', async () => {
  const rig = await openRig({ settings: { autovacuum: 'off' } })
  try {
    await rig.sql('create table noted (id int primary key, note text)')
    await rig.sql('alter table noted replica identity nothing')
    await rig.run()
    await rig.sql(`insert into noted select g, 'as inserted' from generate_series(1, 20) g`)
    await rig.sql(`update noted set note = 'as it stood at the end' where id <= 10`)
    await rig.run()
    const restored = await restoreDamaged(rig)
    await rig.sql('delete from noted')
    const { of } = await proveContents(rig, restored)
    expect(of('public.noted')).toMatchObject({ rows: 20, image: 0, witness: 0, corrupt: 0, unproven: 20 })
  } finally {
    await rig.close()
  }
}, 120_000)
