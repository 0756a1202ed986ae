import { expect, test } from '@jest/globals'
import { parseLsn } from '../../../lambdas/runtime/segment/lsn.ts'
import { openRig } from './rig.ts'

test('a gap right behind the beginning of an archive is written down, and the archive goes on', async () => {
  const rig = await openRig()
  try {
    await rig.run()
    const [began] = await rig.segments()
    await rig.sql('create table item (id int primary key); insert into item values (1)')
    await rig.lab.primary.run(
      "select pg_catalog.pg_replication_slot_advance('holdfast_archive', pg_catalog.pg_current_wal_flush_lsn())",
    )
    expect((await rig.run()).gaps).toMatchObject([{ cause: 'slot-ahead', start: began?.header.end }])
    await rig.sql('insert into item values (2)')
    expect(await rig.run()).toMatchObject({ gaps: [], rows: 1 })
    // No record begins in the byte that the beginning says nothing about.
    expect(parseLsn(began?.header.end ?? '') - parseLsn(began?.header.start ?? '')).toBe(1n)
  } finally {
    await rig.close()
  }
})
