import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { MIGRATIONS } from '../../../sql/migrations.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab()
  for (const file of ['0103.do.archive-triggers.sql', '0312.do.schema-change-triggers.sql'])
    await lab.primary.run(readFileSync(`${MIGRATIONS}${file}`, 'utf8'))
}, 120_000)
afterAll(() => lab?.close())

test.each([
  ['disabled', 'alter event trigger holdfast_0_actor disable'],
  ['not always on', 'alter event trigger holdfast_0_actor_drop enable'],
  ['missing', 'drop event trigger holdfast_1_record_drop'],
])('where a trigger is %s, the archive says that changes are not recorded', async (_, deed) => {
  const STATE = `select holdfast.archive_state()->'schemaChangesRecorded' as recorded`
  const client = await lab.primary.connect('rdsadmin')
  try {
    expect((await client.query(STATE)).rows).toEqual([{ recorded: true }])
    await client.query(`begin; ${deed}`)
    expect((await client.query(STATE)).rows).toEqual([{ recorded: false }])
  } finally {
    await client.end()
  }
})
