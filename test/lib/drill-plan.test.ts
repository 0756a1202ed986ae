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
  // As it begins: the moment before it is a minute ago.
  test.each([
    [DAY, 'cron(30 3 * * ? *)'],
    [36 * 3_600, 'cron(30 3 * * ? *)'],
    [6 * DAY, 'cron(30 3 1/6 * ? *)'],
    [7 * DAY, 'cron(30 3 ? * WED *)'],
    [30 * DAY, 'cron(30 3 1/30 * ? *)'],
    [31 * DAY, 'cron(30 3 1 * ? *)'],
  ])('every %i seconds runs by %s', (every, expression) => {
    expect(expressionFor(every, 'before-backup-window')).toBe(expression)
  })

  test('restores to the moment before it, and its controls to any', () => {
    const [drill, ...controls] = planDrills(prod, 'home')
    expect(drill?.request.target).toEqual({ kind: 'before-backup-window', window: '03:30-04:30' })
    expect(controls.map(({ request }) => request.target)).toEqual(Array(5).fill({ kind: 'random' }))
  })

  test('runs an hour later in the other region, where the log arrives late', () => {
    const config: EnvironmentConfig = {
      ...prod,
      database: { ...prod.database, backup: { ...prod.database.backup, window: '23:15-00:15' } },
      drills: { 'region-loss': { every: DAY, at: 'before-backup-window', coverageFloor: 0.9 } },
    }
    expect(planDrills(config, 'standby')[0]?.expression).toBe('cron(15 0 * * ? *)')
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
      expression: 'cron(0 10 1/30 * ? *)',
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
