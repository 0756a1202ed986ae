import { describe, expect, test } from '@jest/globals'
import type { HashedRow } from '../../../lambdas/examine/digest.ts'
import { historyOf } from '../../../lambdas/examine/history.ts'
import { judgeRows } from '../../../lambdas/examine/rows.ts'
import { fullXid, isFinished, parseSnapshot } from '../../../lambdas/examine/xid.ts'

const EPOCH = 4_294_967_296

test('a snapshot says what was finished', () => {
  const snapshot = parseSnapshot('10:20:12,15')
  expect([9, 12, 13, 15, 19, 20].map(xid => isFinished(xid, snapshot))).toEqual([
    true,
    false,
    true,
    false,
    true,
    false,
  ])
  expect(parseSnapshot('7:7:')).toEqual({ xmin: 7, xmax: 7, running: new Set() })
  expect(() => parseSnapshot('7;7')).toThrow('"7;7" is not a snapshot')
})

// Naive: `xmin::text::xid8`, which is right in the first epoch only.
test("a row's 32-bit id gets the epoch in which it was given out", () => {
  expect(fullXid(1000, 5000)).toBe(1000)
  expect(fullXid(1000, EPOCH + 5000)).toBe(EPOCH + 1000)
  expect(fullXid(4_000_000_000, EPOCH + 5000)).toBe(4_000_000_000)
  expect(fullXid(4_000_000_000, 2 * EPOCH + 5000)).toBe(EPOCH + 4_000_000_000)
  expect(fullXid(2, EPOCH + 5000)).toBe(2)
})

test('after a wraparound rows of before and after the cut are still told apart', () => {
  const history = historyOf({
    nextPrimary: EPOCH + 2000,
    nextCopy: EPOCH + 1000,
    boundary: { nextXid: String(EPOCH + 900), exact: true, timeline: 2 },
    snapshot: parseSnapshot(`${EPOCH + 890}:${EPOCH + 890}:`),
  })
  const mayBe = (xmin: number) => history.mayBeInCopy(history.onPrimary(xmin))
  expect(mayBe(4_294_967_000)).toBe(true)
  expect(mayBe(899)).toBe(true)
  expect(mayBe(901)).toBe(false)
  expect(mayBe(1999)).toBe(false)
  // Naive: a margin for ids that are given out while the comparison runs: a quarter of all frozen rows looks new.
  expect([2001, 1_000_000_000, 3_500_000_000].map(mayBe)).toEqual([true, true, true])
  expect(history.isForeign(history.onCopy(950))).toBe(true)
  expect(history.isForeign(history.onCopy(4_294_967_000))).toBe(false)
})

test('an id that the primary gave out while the comparison ran is new once its next id was read again', async () => {
  const history = historyOf({
    nextPrimary: EPOCH + 2000,
    nextCopy: EPOCH + 1000,
    boundary: { nextXid: String(EPOCH + 900), exact: true, timeline: 2 },
    snapshot: parseSnapshot(`${EPOCH + 890}:${EPOCH + 890}:`),
  })
  await history.keepUp({ query: async () => ({ rows: [{ next: String(EPOCH + 3000) }] }) } as never)
  expect(history.mayBeInCopy(history.onPrimary(2500))).toBe(false)
})

describe('in a database of more than four thousand million transactions', () => {
  const history = historyOf({
    nextPrimary: EPOCH + 5000,
    nextCopy: EPOCH + 1000,
    boundary: { nextXid: String(EPOCH + 900), exact: true, timeline: 2 },
    snapshot: parseSnapshot(`${EPOCH + 890}:${EPOCH + 890}:`),
  })
  /** A side whose map calls these blocks frozen, and whose log calls every transaction this. */
  const side = (frozen: readonly number[], status = 'committed') => ({
    query: async (sql: string, [list]: string[][] = []) => {
      if (sql.includes('pg_extension')) return { rows: [{ inside: 'holdfast' }] }
      if (sql.includes('pg_visibility_map'))
        return { rows: frozen.filter(block => list!.map(Number).includes(block)).map(block => ({ block })) }
      return { rows: list!.map(x => ({ x, status })) }
    },
  })
  const table = { primary: 'public.t', copy: 'public.t' }
  const judge = (primary: unknown, copy: unknown, theirs: HashedRow[], mine: HashedRow[]) =>
    judgeRows({ primary, copy } as never, history, theirs, mine, table)
  const row = (block: number, xmin: number, hash = 'h'): HashedRow => [
    `(${block},1)`,
    String(xmin),
    hash,
    hash,
  ]

  test('a row that only the primary has is undated where its block was frozen on both sides, else new', async () => {
    const found = await judge(side([7, 8]), side([7, 9]), [row(7, 3000), row(8, 3000), row(9, 3000)], [])
    expect(found).toMatchObject({
      undated: 1,
      newSince: 2,
      lost: 0,
      faults: [{ ctid: '(7,1)', kind: 'undated' }],
    })
  })

  test('a row in its place under its id is corrupt, though the id could be one since the cut', async () => {
    const found = await judge(side([]), side([]), [row(7, 3000)], [row(7, 3000, 'other')])
    expect(found).toMatchObject({ corrupt: 1, newSince: 0 })
  })

  // Naive: the copy's own ids, and what the log says of them, without a thought of rows that are older than both.
  test('a frozen row that was deleted since is neither the copy’s own nor undone', async () => {
    const aborting = side([], 'aborted')
    const found = await judge(aborting, side([7]), [], [row(7, 950), row(8, 500)])
    expect(found).toMatchObject({ foreign: 0, corrupt: 0, changedSince: 2 })
    expect(await judge(aborting, side([]), [], [row(7, 950)])).toMatchObject({ foreign: 1 })
  })
})

test("without an exact boundary only the snapshot's transactions are judged", () => {
  const history = historyOf({
    nextPrimary: 5000,
    nextCopy: 1100,
    boundary: { nextXid: '1050', exact: false, timeline: 2 },
    snapshot: parseSnapshot('1000:1000:'),
  })
  expect([999, 1000, 1049].map(history.mayBeInCopy)).toEqual([true, false, false])
})
