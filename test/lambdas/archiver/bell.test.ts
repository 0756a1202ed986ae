import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { until } from '../examine/lab.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig()
  await rig.sql('create table item (id int primary key)')
  await rig.run()
})

afterAll(() => rig.close())

test('an archiver that pauses writes at once when a fingerprint waits for the archive', async () => {
  await rig.sql('insert into item values (1)')
  const before = (await rig.segments()).length
  // Left alone it looks again after five minutes, which is more than this test has; that look is its last.
  const run = rig.run({ seconds: 301, pause: 300_000 })
  let isOver = false
  void run.finally(() => {
    isOver = true
  })
  await until('the first segment', async () => (await rig.segments()).length > before)
  await rig.sql('insert into item values (2)')
  // Its last look is the first after a second has passed.
  await until('the last look', async () => {
    if (!isOver) await rig.fingerprint()
    return isOver
  })
  expect(await run).toMatchObject({ transactions: 2 })
}, 200_000)
