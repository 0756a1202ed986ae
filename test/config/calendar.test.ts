import { describe, expect, test } from '@jest/globals'
import { calendarOf, cronOf, overdueAfter } from '../../config/calendar.ts'
import { estimateCost } from '../../config/cost.ts'
import { loadEnvironment } from '../../config/environments.ts'
import { rowsOf } from '../../lib/alarms/catalogue.ts'
import { parseExpression } from '../../twin/services/scheduler/expression.ts'

const DAY = 86_400
const DAY_MS = DAY * 1_000

/** When the schedule really runs, over four common years. Milliseconds. */
function runsOf(every: number): number[] {
  const next = parseExpression(cronOf(every, 210), 'UTC')
  const runs: number[] = []
  const end = Date.parse('2031-01-01T00:00:00Z')
  for (
    let at = next(Date.parse('2027-01-01T00:00:00Z') - 1, 0);
    at !== undefined && at < end;
    at = next(at, 0)
  )
    runs.push(at)
  return runs
}

describe.each(Array.from({ length: 31 }, (_, index) => index + 1))('a drill every %i days', days => {
  const runs = runsOf(days * DAY)

  test('runs at least so often', () => {
    const gaps = runs.slice(1).map((at, index) => (at - (runs[index] ?? 0)) / DAY_MS)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(days)
    expect(Math.max(...gaps)).toBe(calendarOf(days * DAY).days)
  })

  test('is billed as often as it runs', () => {
    expect(Math.abs(calendarOf(days * DAY).aMonth - runs.length / 48)).toBeLessThan(0.03)
  })

  test('is overdue half a round after it was due', () => {
    expect(overdueAfter(days * DAY)).toBe(1.5 * days * DAY)
  })
})

test('six days are six days on the bill and in the alarm as in the schedule', () => {
  const prod = loadEnvironment('prod')
  const config = {
    ...prod,
    drills: { 'bad-write': { every: 6 * DAY, at: 'any', coverageFloor: 0.99 } },
  } as const
  const billed = estimateCost(config).lines.find(({ what }) => what === 'bad-write drills')
  expect(billed?.quantity).toBeCloseTo(67 / 12, 5)
  expect(rowsOf(config, 'home').find(({ id }) => id === 'drill-overdue-bad-write')?.threshold).toBe(9 * DAY)
})
