import { describe, expect, test } from '@jest/globals'
import { loadEnvironment } from '../../config/environments.ts'
import type { EnvironmentConfig } from '../../config/schema.ts'
import { planDrills } from '../../lib/drill-plan.ts'

const prod = loadEnvironment('prod')
const DAY = 86_400

function expressionFor(
  every: number,
  at: 'before-backup-window' | 'any',
  window = '03:30-04:30',
): string | undefined {
  const config: EnvironmentConfig = {
    ...prod,
    database: { ...prod.database, backup: { ...prod.database.backup, window } },
    drills: { 'bad-write': { every, at, coverageFloor: 0.99 } },
  }
  return planDrills(config, 'home')[0]?.expression
}

describe('a drill before the backup window', () => {
  // One hour before, when the newest backup is as old as it gets.
  test.each([
    [DAY, 'cron(30 2 * * ? *)'],
    [7 * DAY, 'cron(30 2 ? * WED *)'],
    [30 * DAY, 'cron(30 2 ? * WED *)'],
    [31 * DAY, 'cron(30 2 1 * ? *)'],
  ])('every %i seconds runs by %s', (every, expression) => {
    expect(expressionFor(every, 'before-backup-window')).toBe(expression)
  })

  test('that begins after midnight runs on the evening before', () => {
    expect(expressionFor(DAY, 'before-backup-window', '00:15-01:15')).toBe('cron(15 23 * * ? *)')
  })
})

test('a drill at any time runs at ten, and never by a rate, which would start it at the deployment', () => {
  expect(expressionFor(DAY, 'any')).toBe('cron(0 10 * * ? *)')
  expect(expressionFor(7 * DAY, 'any')).toBe('cron(0 10 ? * WED *)')
})

test('the loss of a region is rehearsed in the other region, and without negative controls', () => {
  const config: EnvironmentConfig = {
    ...prod,
    drills: { 'region-loss': { every: 30 * DAY, at: 'any', coverageFloor: 0.9 } },
  }
  expect(planDrills(config, 'home')).toEqual([])
  expect(planDrills(config, 'standby')).toEqual([
    {
      id: 'RegionLoss',
      expression: 'cron(0 10 ? * WED *)',
      request: {
        mode: 'region-loss',
        target: { kind: 'random' },
        region: 'standby',
        objective: { rpoSeconds: 60, rtoSeconds: 900 },
        coverageFloor: 0.9,
        assertions: [],
        requestedBy: 'schedule region-loss',
      },
    },
  ])
})
