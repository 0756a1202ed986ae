import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import {
  type DrillOptions,
  type Examination,
  examineCopy,
  marked,
  planted,
  task,
} from '../../../bench/examination.ts'
import { flipByte } from '../../../bench/flip-byte.ts'
import { type Lab, openLab, type Server } from '../../../bench/lab.ts'
import type { CanariesAnswer, FaultKind, MarkAnswer } from '../../../lambdas/examine/request.ts'
import type { BaseBackup } from '../../../twin/postgres/base-backup.ts'
import type { Settings } from '../../../twin/postgres/settings.ts'

/** An autovacuum takes ids of its own, at any moment. */
const STILL = { autovacuum: false }

/** Takes ids on the server that is behind until both give out the same next one. */
async function inStep(one: Server, other: Server): Promise<void> {
  const taken = async (server: Server) =>
    BigInt(String((await server.one('select pg_current_xact_id()::text as id')).id))
  let [first, second] = [await taken(one), await taken(other)]
  while (first !== second)
    if (first < second) first = await taken(one)
    else second = await taken(other)
}

describe.each([18, 17] as const)('a damaged copy on PostgreSQL %i', version => {
  let lab: Lab
  let backup: BaseBackup
  let mark: MarkAnswer
  let sentinels: CanariesAnswer

  beforeAll(async () => {
    lab = await openLab(version, STILL)
    await lab.primary.run(`
      create table public.orders (id bigint generated always as identity primary key, customer int, total numeric, note text);
      insert into public.orders (customer, total, note) select g % 100, g / 7.0, repeat('n', 100) || g from generate_series(1, 20000) g;
      create index orders_customer on public.orders (customer);
      create table public.retyped (id int primary key, n int);
      insert into public.retyped select g, g from generate_series(1, 100) g;
      create table public.documents (id int primary key, body jsonb);
      insert into public.documents select g, '{"price": 1.0}' from generate_series(1, 100) g;
      create role reader;
      alter table public.orders owner to master;
      alter table public.retyped owner to master;
      grant select on public.orders to reader;`)
    await lab.primary.run('vacuum public.orders')
    backup = await lab.backup()
    await lab.beat()
    sentinels = await planted(lab.primary, 'control')
    await lab.beat()
    mark = await marked(lab.primary)
  }, 300_000)
  afterAll(() => lab?.close())
  afterEach(() => lab.stopCopies())

  const restore = (time = Date.parse(sentinels.target), settings: Settings = {}) =>
    lab.restore(backup, time, settings)
  const look = (copy: Server, more: Partial<DrillOptions> = {}): Promise<Examination> =>
    examineCopy(lab.primary, copy, {
      marked: mark,
      target: sentinels.target,
      canaries: sentinels.canaries,
      ...more,
    })
  const detailOf = (found: Examination, name: string) =>
    found.checks.find(check => check.name === name)?.detail

  async function damaged(
    kind: FaultKind,
    more: { table?: string; dataOnly?: boolean } = {},
  ): Promise<Examination> {
    const copy = await restore()
    const { primary } = lab
    return look(copy, {
      dataOnly: more.dataOnly,
      async between() {
        const done = await task(
          { task: 'fault', primary: primary.endpoint, copy: copy.endpoint, kind, table: more.table },
          primary,
          copy,
        )
        expect(done).toMatchObject({ done: true })
      },
    })
  }

  test('an undamaged one is green', async () => {
    expect((await look(await restore())).red).toEqual([])
  })

  test('a deleted row is lost', async () => {
    const found = await damaged('row-deleted', { dataOnly: true })
    expect(found.red).toEqual(['compare.own-writes', 'compare.table.public.orders'])
    expect(detailOf(found, 'compare.own-writes')).toMatch(/: 1 in public\.orders$/)
    expect(found.table('public.orders')).toMatchObject({ lost: 1, corrupt: 0, foreign: 0, equal: 19_999 })
  })

  test("a changed row is lost, and its new version is the copy's own", async () => {
    const found = await damaged('row-changed', { dataOnly: true })
    expect(found.red).toEqual(['compare.own-writes', 'compare.table.public.orders'])
    expect(found.table('public.orders')).toMatchObject({ lost: 1, foreign: 1, equal: 19_999 })
  })

  test('a row that the copy wrote itself is foreign', async () => {
    const found = await damaged('row-added', { dataOnly: true })
    expect(found.red).toEqual(['compare.own-writes', 'compare.table.holdfast.canary'])
    expect(found.table('holdfast.canary')).toMatchObject({ foreign: 1, lost: 0 })
  })

  // Naive: comparing rows only. Both servers give out the same next id, and the row lands in the same place.
  test('a row that the copy wrote as the primary did, under the same id, is found all the same', async () => {
    const copy = await lab.restore(backup, undefined, STILL)
    const write = `insert into public.orders (customer, total, note) overriding user value values (1, 1, 'same') returning ctid, xmin`
    await inStep(copy, lab.primary)
    const place = await copy.one(write)
    try {
      expect(await lab.primary.one(write)).toEqual(place)
      const found = await look(copy, { dataOnly: true, canaries: undefined, target: undefined })
      expect(found.table('public.orders')).toMatchObject({ foreign: 0, equal: 20_001 })
      expect(found.red).toEqual(['compare.own-writes'])
    } finally {
      await lab.primary.run(`delete from public.orders where note = 'same'`)
    }
  })

  // Naive: counters that came with the disk of a server that was shut down in order are the primary's.
  test('counters from before the end of the copy accuse nobody', async () => {
    const copy = await restore()
    await copy.run('insert into public.documents values (-1)')
    const { cut } = await task({ task: 'cut', copy: copy.endpoint, disasterAt: mark.now }, undefined, copy)
    const { boundary } = await task({ task: 'open', copy: copy.endpoint }, undefined, copy)
    const both = { primary: lab.primary.endpoint, copy: copy.endpoint, boundary }
    const checkAt = async (at: string) => {
      const planned = await task({ task: 'plan', ...both, cut: { ...cut!, at } }, lab.primary, copy)
      return planned.checks.find(check => check.name === 'compare.own-writes')?.verdict
    }
    expect(await checkAt(cut!.at)).toBe('fail')
    expect(await checkAt(new Date(Date.now() + 60_000).toISOString())).toBe('skipped')
  })

  test('a dropped index is missing in the copy', async () => {
    const found = await damaged('index-dropped', { table: 'public.orders' })
    expect(found.red).toEqual(['structure.schema'])
    expect(detailOf(found, 'structure.schema')).toMatch(/orders_customer \(missing in the copy\)/)
  })

  test('a lost grant is a difference without DDL', async () => {
    const found = await damaged('grant-lost', { table: 'public.orders' })
    expect(found.red).toEqual(['structure.schema'])
    expect(detailOf(found, 'structure.schema')).toMatch(/table public\.orders \(different\)/)
  })

  test('a sequence behind its column is named', async () => {
    const found = await damaged('sequence-behind', { table: 'public.orders' })
    expect(found.red).toContain('structure.sequences')
    expect(detailOf(found, 'structure.sequences')).toBe('sequences behind their column: public.orders_id_seq')
  })

  test('a table that is missing altogether is a fault of the schema', async () => {
    const copy = await restore()
    const found = await look(copy, { between: () => copy.run('drop table public.retyped') })
    expect(found.red).toEqual(['structure.schema'])
    expect(detailOf(found, 'structure.schema')).toMatch(/table public\.retyped \(missing in the copy\)/)
  })

  test('a changed role attribute is a fault of the schema', async () => {
    const copy = await restore()
    const found = await look(copy, { between: () => copy.run('alter role reader login') })
    expect(found.red).toEqual(['structure.schema'])
    expect(detailOf(found, 'structure.schema')).toMatch(/role reader \(different\)/)
  })

  test("a byte flipped in a heap file fails its checksum, and the block's rows are corrupt", async () => {
    let copy = await restore()
    await flipByte(lab, copy, 'public.orders', { text: 'nnnnnnnnnnnnnnnnn' })
    copy = await lab.startAgain(copy)
    const found = await look(copy)
    expect(found.red).toEqual(
      expect.arrayContaining(['structure.amcheck', 'structure.checksums', 'compare.table.public.orders']),
    )
    const orders = found.table('public.orders')
    expect(orders.corrupt).toBeGreaterThan(10)
    expect(orders.corrupt + orders.equal).toBe(20_000)
    expect(orders.notCompared).toMatch(/block 0: SQLSTATE XX001: the data is corrupted/)
  })

  // Naive: trusting checksums: here nothing but the comparison can see the byte.
  test("a byte flipped behind the checksum's back is one corrupt row", async () => {
    let copy = await restore()
    await flipByte(lab, copy, 'public.orders', { text: 'nnnnnnnnnnnnnnnnn' })
    copy = await lab.startAgain(copy, { ignore_checksum_failure: true })
    const found = await look(copy, { dataOnly: true })
    expect(found.table('public.orders')).toMatchObject({ corrupt: 1, lost: 0, equal: 19_999 })
    expect(found.red).toContain('compare.table.public.orders')
  })

  // Naive: comparing rows only: an index is no row.
  test('a byte flipped in an index file is found by amcheck', async () => {
    let copy = await restore()
    // Block 1 is a leaf; the end of a page holds its first tuples, whose last bytes are keys.
    await flipByte(lab, copy, 'public.orders_customer', { offset: 8192 + 8192 - 16 - 8 })
    copy = await lab.startAgain(copy, { ignore_checksum_failure: true })
    const found = await look(copy)
    expect(found.red).toContain('structure.amcheck.public.orders_customer')
    expect(found.table('public.orders')).toMatchObject({ equal: 20_000 })
  })

  test('a copy of another time is red by its sentinels and by its heartbeat', async () => {
    const late = await look(await restore(Date.parse(sentinels.target) + 1500), { dataOnly: true })
    expect(late.red).toEqual(['identify.canaries'])
    expect(detailOf(late, 'identify.canaries')).toMatch(/too late: it holds the sentinels at \+1 s/)
    await lab.stopCopies()
    const early = await look(await restore(Date.parse(sentinels.target) - 1500), { dataOnly: true })
    expect(detailOf(early, 'identify.canaries')).toMatch(/too early: it lacks the sentinels at -1 s/)
  })

  test('the latest copy is not one of the asked time', async () => {
    const found = await look(await lab.restore(backup), { dataOnly: true, canaries: undefined })
    expect(found.red).toEqual(['identify.asked-time'])
  })

  test('another database altogether is red by its identifier', async () => {
    const other = await openLab(version)
    try {
      await other.beat()
      const base = await other.backup()
      await other.beat()
      const copy = await other.restore(base)
      const { boundary } = await task({ task: 'open', copy: copy.endpoint }, undefined, copy)
      const { checks } = await task(
        {
          task: 'identify',
          copy: copy.endpoint,
          boundary,
          expected: { ...mark, instances: ['shop-prod'] },
          mode: 'time',
          target: sentinels.target,
        },
        undefined,
        copy,
      )
      expect(checks.filter(check => check.verdict === 'fail').map(check => check.name)).toContain(
        'identify.system-identifier',
      )
    } finally {
      await other.close()
    }
  }, 300_000)

  // Naive: trusting jsonb's hash, for which 1.0 and 1.00 are the same number.
  test('a number in jsonb that lost its scale is found, by its place and where the table was rewritten', async () => {
    const damage = `update public.documents set body = '{"price": 1.00}' where id = 7`
    const placed = await restore()
    await placed.run(damage)
    expect((await look(placed, { dataOnly: true })).table('public.documents')).toMatchObject({
      strategy: 'tid',
      lost: 1,
    })
    await lab.stopCopies()
    await lab.primary.run('vacuum full public.documents')
    const rewritten = await restore()
    await rewritten.run(damage)
    const found = await look(rewritten, { dataOnly: true })
    expect(found.table('public.documents')).toMatchObject({ strategy: 'multiset', equal: 99, lost: 1 })
  })

  test('a row lost in a table that DDL rewrote since cannot be dated, so the table is unknown and not green', async () => {
    const copy = await restore()
    await copy.run('delete from public.retyped where id = 50')
    await lab.primary.run('alter table public.retyped alter n type bigint')
    const found = await look(copy, { dataOnly: true })
    expect(found.table('public.retyped')).toMatchObject({ undated: 1, equal: 99, lost: 0 })
    expect(found.checks.find(check => check.name === 'compare.table.public.retyped')?.verdict).toBe('unknown')
  })
})
