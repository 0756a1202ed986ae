import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openRig, type Rig } from '../archiver/rig.ts'

/** What an application may ask for all its sessions. */
const LIMITS = ["idle_in_transaction_session_timeout = '1ms'", 'default_transaction_read_only = on']

let rig: Rig
beforeAll(async () => {
  rig = await openRig()
}, 120_000)
afterAll(() => rig.close())

// Naive: sessions as the database makes them: a transaction that waits for S3 is ended, and a copy takes no write.
test('limits that the database sets for its application end no roll-forward', async () => {
  await rig.sql('create table item (id int primary key, v text)')
  await rig.run()
  await rig.lab.beat()
  const copy = await rig.lab.restore(await rig.lab.backup())
  await rig.sql("insert into item select g, 'x' from generate_series(1, 100) g")
  await rig.lab.beat()
  await rig.run()
  for (const user of ['holdfast_examine', 'holdfast_roll_forward'])
    for (const limit of LIMITS) {
      await rig.lab.primary.run(`alter role ${user} set ${limit}`)
      await copy.run(`alter role ${user} set ${limit}`)
    }
  const wanted = await rig.fingerprint()
  await rig.lab.beat()
  await rig.run()
  const applied = await rig.apply(copy, { kind: 'snapshot', snapshot: wanted.snapshot, lsn: wanted.lsn })
  expect(applied).toMatchObject({ done: true, checks: [{ name: 'roll-forward.applied', verdict: 'pass' }] })
  expect((await rig.compare(copy, wanted)).checks).toMatchObject([
    { name: 'roll-forward.identical', verdict: 'pass' },
  ])
}, 120_000)
