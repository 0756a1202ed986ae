import { expect, test } from '@jest/globals'
import { buildRequest, parseTarget } from '../../../bin/drill/request.ts'
import { loadEnvironment } from '../../../config/environments.ts'
import { planDrills } from '../../../lib/drill-plan.ts'

test('words, times and snapshots are told apart', () => {
  expect(
    ['latest', 'now', 'random', '2026-11-20T15:03:00+01:00', 'rds:shop-prod-2026-11-20-03-30'].map(
      parseTarget,
    ),
  ).toEqual([
    { kind: 'latest' },
    { kind: 'now' },
    { kind: 'random' },
    { kind: 'time', at: '2026-11-20T14:03:00.000Z' },
    { kind: 'snapshot', identifier: 'rds:shop-prod-2026-11-20-03-30' },
  ])
})

test.each(['2026-11-20T14:03:00', '2026-11-20', '2026-13-40T00:00:00Z', '2026-02-30T00:00:00Z'])(
  '%s has no zone or is no time',
  text => {
    expect(() => parseTarget(text)).toThrow(`${text} is no time with a zone`)
  },
)

test('another database is a control only with its name', () => {
  const wishes = { to: 'latest', region: 'home', requestedBy: 'a test' } as const
  const config = loadEnvironment('prod')
  const hint = 'HINT: name the instance that is restored instead of ours'
  expect(() => buildRequest(config, { ...wishes, control: 'other-database' })).toThrow(hint)
  expect(() => buildRequest(config, { ...wishes, controlSource: 'shop-other' })).toThrow(hint)
  expect(
    buildRequest(config, { ...wishes, control: 'other-database', controlSource: 'shop-other' }),
  ).toMatchObject({ negativeControl: 'other-database', controlSource: 'shop-other' })
})

test('what is neither is refused', () => {
  expect(() => parseTarget('14:03')).toThrow('is no time and no snapshot')
})

test('before-backup-window is the same moment for a person as for the schedule', () => {
  const config = loadEnvironment('prod')
  const { target } = buildRequest(config, {
    to: 'before-backup-window',
    region: 'home',
    requestedBy: 'a test',
  })
  expect(target).toEqual({ kind: 'before-backup-window', window: config.database.backup.window })
  expect(planDrills(config, 'home')[0]?.request.target).toEqual(target)
})
