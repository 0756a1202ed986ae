import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { judgeBounds } from '../../../../lambdas/examine/contents/sequences.ts'
import type { Place } from '../../../../lambdas/examine/sequences/places.ts'
import { openRig, type Rig } from '../../archiver/rig.ts'
import { proveContents, type Restored, restoreDamaged } from './lab.ts'

/** Numbers of orders that are printed and kept elsewhere: these sequences feed no column. */
const NAMES = ['intact', 'behind', 'ahead']

const take = (name: string, count: number) =>
  `select nextval('public.${name}') from generate_series(1, ${count})`

describe('sequences that feed no column', () => {
  let rig: Rig
  let restored: Restored

  beforeAll(async () => {
    rig = await openRig()
    for (const name of NAMES) await rig.sql(`create sequence public.${name}; ${take(name, 100)}`)
    await rig.sql('create table public.orders (id int); insert into public.orders values (1)')
    await rig.lab.beat()
    await rig.run()
    await rig.lab.beat()
    const found = await restoreDamaged(rig)
    // A seal counts as older than the cut when it is by a minute.
    const at = new Date(Date.parse(found.cut.at) + 120_000).toISOString()
    restored = { ...found, cut: { ...found.cut, at } }
    await rig.lab.beat()
    await rig.run()
    // Since then the primary has gone on, so that its own place says nothing any more.
    for (const name of NAMES) await rig.sql(take(name, 5_000))
  }, 240_000)
  afterAll(() => rig.close())

  async function look() {
    const { answer } = await proveContents(rig, restored)
    return answer.checks.find(({ name }) => name === 'contents.sequences')
  }

  test('stand between where the archive saw them before and after the copy’s end', async () => {
    const found = await look()
    expect(found).toMatchObject({ verdict: 'pass' })
    expect(found?.detail).toMatch(/between where the archive saw them before and after the copy’s end$/)
  }, 60_000)

  test('are red where they stand further back or further on', async () => {
    await restored.copy.run(`select setval('public.behind', 99); select setval('public.ahead', 134)`)
    expect(await look()).toMatchObject({
      verdict: 'unknown',
      answer: [
        'public.behind at 99, at 100 before the copy’s end',
        'public.ahead at 134, at 100 after the copy’s end',
      ],
    })
  }, 60_000)
})

const PLACE: Place = {
  ...{ oid: 1, title: 'public.falling', filenode: 1, last: -50n, isCalled: true },
  ...{ increment: -5n, cache: 1n, cycles: false },
}
const at = (value: bigint) => new Map([['public.falling', value]])
const verdictOf = (last: bigint, before: bigint | undefined, after: bigint, truncated = false) =>
  judgeBounds([{ ...PLACE, last }], {
    before: before === undefined ? undefined : at(before),
    ...{ after: at(after), truncated },
  }).verdict

test('a falling sequence is bounded the other way round', () => {
  expect(verdictOf(-50n, -50n, -100n)).toBe('pass')
  expect(verdictOf(-45n, -50n, -100n)).toBe('unknown')
  expect(verdictOf(-265n, -50n, -100n)).toBe('pass')
  expect(verdictOf(-270n, -50n, -100n)).toBe('unknown')
})

test('one that was set back around the copy’s end accuses nobody', () => {
  // The seal behind the copy's end is behind the one before it as well.
  expect(verdictOf(-5n, -500n, -20n)).toBe('pass')
  expect(verdictOf(-45n, -50n, -100n, true)).toBe('skipped')
  expect(verdictOf(-45n, undefined, -100n)).toBe('pass')
})
