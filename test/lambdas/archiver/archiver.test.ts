import { PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { formatLsn } from '../../../lambdas/runtime/segment/lsn.ts'
import { openWire, type Stall, startArchiver, untilAlone } from './crash.ts'
import { openRig, type Rig } from './rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await openRig({ settings: { max_slot_wal_keep_size: '2GB' } })
  await rig.sql('create table item (id bigint generated always as identity primary key, v text)')
  await rig.run()
})

afterAll(() => rig.close())

const confirmed = async () =>
  (await rig.lab.primary.one<{ lsn: string }>(
    "select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = 'holdfast_archive'",
  ))!.lsn

/** The ids of all archived inserts into `item`, in the order of the archive. */
const archivedItems = async () =>
  (await rig.changes()).flatMap(({ change, relations }) =>
    change.kind === 'insert' && relations[0]?.name === 'item' ? [Number(change.row[0])] : [],
  )

const wantedItems = async () =>
  (await rig.lab.primary.one<{ ids: number[] }>('select array_agg(id::int order by id) as ids from item')).ids

test('begins an archive with a record of where it began', async () => {
  const [first] = await rig.segments()
  expect(first?.header.kind).toBe('gap')
  expect(first?.header.gap?.cause).toBe('archive-began')
  expect(first?.header.previous).toBeNull()
})

test('archives whole transactions in commit order and moves the slot to their end', async () => {
  await rig.sql(
    "begin; insert into item (v) values ('a'), ('b'); savepoint s; insert into item (v) values ('c'); rollback to s; insert into item (v) values ('d'); commit",
  )
  await rig.lab.beat()
  const answer = await rig.run()
  expect(answer).toMatchObject({ state: 'archived', segments: 1, transactions: 2, rows: 4, gaps: [] })
  expect(await confirmed()).toBe(answer.end)
  expect(await archivedItems()).toEqual([1, 2, 4])
  const last = (await rig.segments()).at(-1)!
  expect(last.header.heartbeats).toEqual({ first: '1', last: '1' })
  expect(last.header.sequences).toContainEqual({ schema: 'public', name: 'item_id_seq', last: '4' })
  expect(last.header.schemaChangesRecorded).toBe(true)
})

test('writes no segment while nothing happens', async () => {
  await rig.run()
  const before = (await rig.segments()).length
  expect((await rig.run()).segments).toBe(0)
  expect((await rig.segments()).length).toBe(before)
})

test('lets a quiet database forget its log', async () => {
  const before = await confirmed()
  await rig.sql('create temp table noise as select generate_series(1, 10)')
  await rig.lab.primary.run(
    "select pg_logical_emit_message(false, 'noise', repeat('x', 2000000)) from generate_series(1, 2)",
  )
  const answer = await rig.run()
  expect(answer.segments).toBe(1)
  expect(await confirmed()).not.toBe(before)
  expect(await confirmed()).toBe(answer.end)
})

test('leaves the slot to the archiver that is already at work', async () => {
  const other = await rig.lab.primary.connect('holdfast_archiver')
  await other.query(`set application_name = 'holdfast-archiver at work'`)
  try {
    expect(await rig.run()).toMatchObject({ state: 'busy', segments: 0 })
  } finally {
    await other.end()
  }
})

test('stands aside for no other login, whatever it calls itself and locks', async () => {
  const other = await rig.lab.primary.connect('master')
  await other.query(
    `set application_name = 'holdfast-archiver at work'; select pg_advisory_lock(7310868735423870319)`,
  )
  try {
    expect(await rig.run()).toMatchObject({ state: 'archived' })
  } finally {
    await other.end()
  }
})

test('yields to another that wrote the same position while it was cut off from the server', async () => {
  await rig.run()
  await rig.sql("insert into item (v) values ('both')")
  const { s3 } = rig.destination
  let isFirst = true
  const late = new Proxy(s3, {
    get: (target, name) =>
      name !== 'send'
        ? Reflect.get(target, name)
        : async (command: Parameters<typeof s3.send>[0]) => {
            if (command instanceof PutObjectCommand && isFirst) {
              isFirst = false
              await rig.lab.primary.run(
                "select pg_terminate_backend(pid, 30000) from pg_stat_activity where usename = 'holdfast_archiver'",
              )
              await rig.sql("insert into item (v) values ('the other only')")
              expect(await rig.run()).toMatchObject({ state: 'archived', segments: 1, rows: 2, gaps: [] })
            }
            return s3.send(command)
          },
  })
  await expect(rig.run({ destination: { ...rig.destination, s3: late } })).rejects.toThrow(
    expect.objectContaining({ name: 'SegmentExists' }),
  )
  expect(await rig.run()).toMatchObject({ state: 'archived', segments: 0, gaps: [] })
  expect(await archivedItems()).toEqual(await wantedItems())
})

test('archives ten thousand small transactions', async () => {
  const before = (await archivedItems()).length
  await rig.sql(`create or replace procedure load(n int) language plpgsql as $$
    begin for i in 1..n loop insert into item (v) values (i); commit; end loop; end $$`)
  await rig.sql('call load(10000)')
  const answer = await rig.run()
  expect(answer.transactions).toBeGreaterThanOrEqual(10_000)
  expect((await archivedItems()).length - before).toBe(10_000)
})

test('archives a transaction of 120,000 rows in one segment of several parts, in bounded memory', async () => {
  await rig.sql(`insert into item (v)
    select (select string_agg(md5(random()::text || g || part), '') from generate_series(1, 8) part) from generate_series(1, 120000) g`)
  const before = process.memoryUsage.rss()
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss() - before)
  }, 5)
  const answer = await rig.run()
  clearInterval(watch)
  expect(answer).toMatchObject({ segments: 1, rows: 120_000 })
  const last = (await rig.segments()).at(-1)!
  expect(last.header.contentBytes).toBeGreaterThan(30_000_000)
  expect(last.objectBytes).toBeGreaterThan(16_000_000)
  // The twin's S3 lives in this process too and holds parts of its own.
  expect(most).toBeLessThan(400_000_000)
  expect(await archivedItems()).toEqual(await wantedItems())
}, 180_000)

describe('killed in the middle', () => {
  const segment = /\.segment/
  const stalls: [string, Stall][] = [
    ['before it asks where the archive ends', { method: 'GET', path: /list-type=2/, what: 'request' }],
    ['before the put', { method: 'PUT', path: segment, what: 'request' }],
    ['in the middle of the put', { method: 'PUT', path: segment, what: 'half' }],
    ['after the put, before its answer', { method: 'PUT', path: segment, what: 'answer' }],
    ['before it reads back', { method: 'GET', path: segment, what: 'request' }],
    ['after it read back, before the advance', { method: 'GET', path: segment, what: 'answer' }],
  ]
  test.each(stalls)('%s, it loses nothing and repeats nothing', async (_, stall) => {
    await rig.sql("insert into item (v) select 'crash' from generate_series(1, 50)")
    // The newest segment's header is read before a run begins: the wire counts from the next one.
    const wire = await openWire(rig.url, stall)
    const child = await startArchiver(rig, wire.url)
    expect(await child.line()).toBe('started')
    await wire.reached
    await child.kill()
    await wire.close()
    await untilAlone(rig)
    await rig.sql("insert into item (v) values ('after the crash')")
    await rig.run()
    expect(await archivedItems()).toEqual(await wantedItems())
    expect(await confirmed()).toBe((await rig.segments()).at(-1)!.header.end)
  })

  test('right after the advance, it loses nothing and repeats nothing', async () => {
    await rig.sql("insert into item (v) select 'crash' from generate_series(1, 50)")
    const child = await startArchiver(rig, rig.url)
    await child.line()
    expect(JSON.parse(await child.line())).toMatchObject({ state: 'archived', segments: 1 })
    await child.kill()
    await untilAlone(rig)
    await rig.run()
    expect(await archivedItems()).toEqual(await wantedItems())
  })
})

describe('a gap is written down and never jumped', () => {
  test('when the slot is gone', async () => {
    await rig.run()
    const end = (await rig.segments()).at(-1)!.header.end
    await rig.lab.primary.run("select pg_drop_replication_slot('holdfast_archive')")
    await rig.sql("insert into item (v) values ('nobody saw this')")
    const answer = await rig.run()
    expect(answer.gaps).toEqual([{ cause: 'slot-missing', start: end, end: expect.any(String) }])
    await rig.sql("insert into item (v) values ('seen again')")
    expect(await rig.run()).toMatchObject({ gaps: [], rows: 1 })
  })

  test('when a thief of its own login moved the slot', async () => {
    await rig.run()
    const end = (await rig.segments()).at(-1)!.header.end
    await rig.sql("insert into item (v) values ('jumped')")
    const thief = await rig.lab.primary.connect('holdfast_archiver')
    await thief.query("select pg_replication_slot_advance('holdfast_archive', pg_current_wal_flush_lsn())")
    await thief.end()
    const moved = await confirmed()
    expect((await rig.run()).gaps).toEqual([{ cause: 'slot-ahead', start: end, end: moved }])
  })

  test('when the publications were dropped, which it makes again', async () => {
    await rig.run()
    const end = (await rig.segments()).at(-1)!.header.end
    await rig.sql('drop publication holdfast_archive')
    await rig.sql("insert into item (v) values ('unpublished')")
    const answer = await rig.run()
    expect(answer.gaps).toEqual([{ cause: 'publication-missing', start: end, end: expect.any(String) }])
    await rig.sql("insert into item (v) values ('published again')")
    expect(await rig.run()).toMatchObject({ gaps: [], rows: 1 })
  })

  test('when the server invalidated the slot', async () => {
    await rig.run()
    const { cluster } = rig.lab.primary
    await cluster.query("alter system set max_slot_wal_keep_size = '1MB'")
    await cluster.query('alter system set wal_keep_size = 0')
    await cluster.query('select pg_reload_conf()')
    for (let round = 0; round < 4; round++) {
      await rig.lab.primary.run(
        "select pg_logical_emit_message(false, 'noise', repeat('x', 1000000)) from generate_series(1, 4)",
      )
      await rig.lab.primary.run('select pg_switch_wal()')
      await rig.lab.primary.run('checkpoint')
    }
    const status = await rig.lab.primary.one<{ wal_status: string }>(
      "select wal_status from pg_replication_slots where slot_name = 'holdfast_archive'",
    )
    expect(status.wal_status).toBe('lost')
    await cluster.query('alter system reset all')
    await cluster.query('select pg_reload_conf()')
    expect((await rig.run()).gaps).toMatchObject([{ cause: 'slot-invalidated' }])
    await rig.sql("insert into item (v) values ('seen again')")
    expect(await rig.run()).toMatchObject({ gaps: [], rows: 1 })
  })
})

test('writes times by the server’s clock, whatever its own says', async () => {
  await rig.run()
  const real = Date.now
  await rig.sql("insert into item (v) values ('skewed')")
  const { at } = await rig.lab.primary.one<{ at: Date }>('select clock_timestamp() as at')
  Date.now = () => real() - 600_000
  try {
    await rig.run()
  } finally {
    Date.now = real
  }
  const { header } = (await rig.segments()).at(-1)!
  expect(Math.abs(Date.parse(header.lastCommit!) - at.getTime())).toBeLessThan(5_000)
  expect(formatLsn(0x1a2b3c4d50n)).toBe('1A/2B3C4D50')
})
