import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { measure } from '../../../lambdas/archiver/measure.ts'
import type { ArchiverAnswer } from '../../../lambdas/archiver/request.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({
    settings: {
      max_slot_wal_keep_size: '64MB',
      logical_decoding_work_mem: '64kB',
      max_prepared_transactions: 5,
    },
  })
  await rig.sql('create table item (id bigint generated always as identity primary key, v text)')
  await rig.run()
})

afterAll(() => rig.close())

/** The metrics as the function would publish them after a run that answered so. */
async function measured(answer: ArchiverAnswer): Promise<Record<string, number>> {
  const control = await rig.lab.primary.connect('holdfast_archiver')
  try {
    return Object.fromEntries(
      (await measure(control, answer)).metrics.map(({ name, value }) => [name, value]),
    )
  } finally {
    await control.end()
  }
}

test('an archive that has caught up is nothing behind', async () => {
  await rig.sql("insert into item (v) values ('a')")
  const { lastCommit } = await rig.run()
  // Nothing is committed meanwhile, but the server writes its log.
  await rig.lab.primary.run(
    "select pg_sleep(2); checkpoint; select pg_logical_emit_message(false, 'noise', 'x')",
  )
  const found = await measured(await rig.run())
  expect(found).toMatchObject({ ArchiveSlotHealthy: 1, ArchiveGaps: 0 })
  const { now } = await rig.lab.primary.one<{ now: Date }>('select clock_timestamp() as now')
  const age = (now.getTime() - Date.parse(lastCommit ?? '')) / 1_000
  expect(found.ArchiveSecondsBehind).toBeLessThan(age - 1.9)
})

test('what was committed since counts, in seconds and in bytes', async () => {
  const answer = await rig.run()
  await rig.sql("insert into item (v) select repeat('x', 100) from generate_series(1, 20000)")
  const { now } = await rig.lab.primary.one<{ now: Date }>(
    'select clock_timestamp() as now from pg_sleep(1.1)',
  )
  const age = (now.getTime() - Date.parse(answer.caughtUpAt ?? '')) / 1_000
  const found = await measured(answer)
  expect(found.ArchiveSecondsBehind).toBeGreaterThanOrEqual(age)
  expect(found.ArchiveSecondsBehind).toBeLessThan(age + 30)
  expect(found.ArchiveBytesBehindConfirmed).toBeGreaterThan(2_000_000)
  expect(found.ArchiveBytesBehindRestart).toBeGreaterThanOrEqual(found.ArchiveBytesBehindConfirmed ?? 0)
})

test('a transaction beyond the decoding memory shows as spilled', async () => {
  const found = await measured(await rig.run())
  expect(found.ArchiveSpillBytes).toBeGreaterThan(1_000_000)
})

test('the distance to where the server gives the slot up shrinks with the log that it keeps', async () => {
  const answer = await rig.run()
  const before = (await measured(answer)).ArchiveSlotHeadroomPercent ?? 0
  await rig.sql("insert into item (v) select repeat('x', 1000) from generate_series(1, 20000)")
  const after = (await measured(answer)).ArchiveSlotHeadroomPercent ?? 0
  expect(before).toBeLessThanOrEqual(100)
  expect(before - after).toBeGreaterThan(20)
})

test('a gap is counted, the beginning of an archive is none', async () => {
  await rig.run()
  await rig.lab.primary.run("select pg_drop_replication_slot('holdfast_archive')")
  const answer = await rig.run()
  expect(answer.gaps).toMatchObject([{ cause: 'slot-missing' }])
  expect((await measured(answer)).ArchiveGaps).toBe(1)
  const began = { ...answer, gaps: [{ cause: 'archive-began', start: '0/1', end: '0/1' }] }
  expect((await measured(began)).ArchiveGaps).toBe(0)
})

test('a table of the patterns that is in no publication is counted until it joins one', async () => {
  await rig.sql('create table away (id int primary key)')
  const answer = await rig.run()
  expect((await measured(answer)).UnpublishedTables).toBe(0)
  await rig.lab.primary.run('alter publication holdfast_archive drop table away')
  expect((await measured(answer)).UnpublishedTables).toBe(1)
  expect((await measured(await rig.run())).UnpublishedTables).toBe(0)
})

test('a table whose owner the archive may not act for stays counted', async () => {
  await rig.lab.primary.run('create table foreign_owner (a int)')
  expect((await measured(await rig.run())).UnpublishedTables).toBe(1)
  await rig.lab.primary.run('drop table foreign_owner')
})

test('a prepared transaction is archived when it is committed, and not before', async () => {
  const rows = async () =>
    (await rig.changes()).filter(({ change }) => change.kind === 'insert' && change.row[1] === 'prepared')
      .length
  await rig.sql("begin; insert into item (v) values ('prepared'); prepare transaction 'later'")
  await rig.sql("begin; insert into item (v) values ('prepared'); prepare transaction 'never'")
  await rig.sql("insert into item (v) values ('meanwhile')")
  expect(await rig.run()).toMatchObject({ rows: 1, gaps: [] })
  expect(await rows()).toBe(0)
  await rig.sql("commit prepared 'later'")
  await rig.sql("rollback prepared 'never'")
  expect(await rig.run()).toMatchObject({ rows: 1, gaps: [] })
  expect(await rows()).toBe(1)
})
