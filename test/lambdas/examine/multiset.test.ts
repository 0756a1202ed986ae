import { expect, test } from '@jest/globals'
import { slices } from '../../../lambdas/examine/multiset.ts'

const side = (...counts: number[]) =>
  new Map(counts.map((count, bucket) => [bucket, { count: BigInt(count) }]))

test('rows that differ are held in slices, so that memory does not grow with a table that changed throughout', () => {
  const sides = [side(3, 3, 9, 1, 1), side(3, 4, 9, 1)]
  expect([...slices([0, 1, 2, 3, 4], sides, 10)]).toEqual([[0], [1], [2], [3, 4]])
  expect([...slices([0, 1, 3], sides, 100)]).toEqual([[0, 1, 3]])
  expect([...slices([], sides, 10)]).toEqual([])
})
