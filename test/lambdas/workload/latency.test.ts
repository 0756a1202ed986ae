import { expect, test } from '@jest/globals'
import { between, type Counters, meanOf, quantile } from '../../../lambdas/workload/latency.ts'

const counters = (times: readonly number[]): Counters => {
  const total = times.reduce((sum, time) => sum + time, 0)
  const mean = total / times.length
  return {
    query: 'q',
    calls: times.length,
    total,
    sumOfSquares: times.reduce((sum, time) => sum + (time - mean) ** 2, 0),
  }
}

test('takes the interval out of two readings, mean and spread alike', () => {
  const early = [5, 7, 9]
  const late = [100, 104, 108, 112]
  const [statement] = between(
    new Map([['a', counters(early)]]),
    new Map([['a', counters([...early, ...late])]]),
  )
  expect(statement?.calls).toBe(4)
  expect(statement?.mean).toBeCloseTo(106, 9)
  expect(statement?.deviation).toBeCloseTo(Math.sqrt(20), 9)
})

test('a statement whose counters were reset counts from zero, one that did not run is left out', () => {
  const before = new Map([
    ['reset', counters([9, 9, 9])],
    ['idle', counters([1])],
  ])
  const after = new Map([
    ['reset', counters([2, 4])],
    ['idle', counters([1])],
  ])
  expect(between(before, after)).toMatchObject([{ calls: 2, mean: 3, deviation: 1 }])
})

test('an interval without calls has no latency', () => {
  expect([meanOf([]), quantile([], 0.95)]).toEqual([0, 0])
})

test('estimates the quantiles of a mixture within a few percent of the truth', () => {
  // Nine tenths quick (1 ms), one tenth slow: the p50 is the quick one, the p99 lies among the slow.
  const statements = [
    { query: 'quick', calls: 900, mean: 1, deviation: 0 },
    { query: 'slow', calls: 100, mean: 1_000, deviation: 0 },
  ]
  expect(quantile(statements, 0.5)).toBeCloseTo(1, 6)
  expect(quantile(statements, 0.89)).toBeCloseTo(1, 6)
  expect(quantile(statements, 0.99)).toBeCloseTo(1_000, 6)
  expect(meanOf(statements)).toBeCloseTo(100.9, 9)
  // Log-normal with mean 100 and deviation 50: p95 = exp(ln 89.443 + 1.64485 × 0.47238) = 194.5.
  expect(quantile([{ query: 'q', calls: 10, mean: 100, deviation: 50 }], 0.95)).toBeCloseTo(194.5, 0)
})
