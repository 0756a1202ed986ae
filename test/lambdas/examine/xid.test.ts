import { expect, test } from '@jest/globals'
import { historyOf } from '../../../lambdas/examine/history.ts'
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
  // Written on the primary while the comparison runs: an id above the one that it read at its start.
  expect(mayBe(2500)).toBe(false)
  expect(history.isForeign(history.onCopy(950))).toBe(true)
  expect(history.isForeign(history.onCopy(4_294_967_000))).toBe(false)
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
