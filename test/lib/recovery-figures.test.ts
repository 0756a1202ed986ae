import { expect, test } from '@jest/globals'
import { loadEnvironment } from '../../config/environments.ts'
import { MECHANISMS, mechanismsOf } from '../../config/recovery.ts'
import { type EnvironmentConfig, MODES } from '../../config/schema.ts'
import { rowsOf } from '../../lib/alarms/catalogue.ts'
import { figureOf } from '../../lib/recovery-figures.ts'

const ENVIRONMENTS = ['dev', 'staging', 'prod'].map(loadEnvironment)

test.each(ENVIRONMENTS.map(config => [config.name, config] as const))(
  'every alarm that denies a way back of %s is one of its alarms, in the region that it names',
  (_, config) => {
    const known = (['home', 'standby'] as const).flatMap(region => rowsOf(config, region)).map(({ id }) => id)
    for (const way of MODES.flatMap(mode => mechanismsOf(config, mode)))
      for (const alarm of way.alarms)
        expect({ way: way.name, alarm, known }).toMatchObject({ known: expect.arrayContaining([alarm]) })
  },
)

test('every way back says how far behind it is, but for the copies of the vault', () => {
  const [prod] = ENVIRONMENTS.slice(-1)
  const silent = MECHANISMS.filter(way => prod && figureOf(prod, way) === undefined).map(({ name }) => name)
  expect(silent).toEqual(["the vault's copies"])
})

test('each way back is worse than the one before it for the same failure, in loss or in time', () => {
  for (const mode of MODES) {
    const ways = MECHANISMS.filter(way => way.mode === mode)
    for (const [index, way] of ways.slice(1).entries()) {
      const better = ways[index]
      expect([way.name, way.rpo > (better?.rpo ?? 0)]).toEqual([way.name, true])
      expect(way.rto).toBeGreaterThanOrEqual(better?.rto ?? 0)
    }
  }
})

test('nothing is claimed to survive the account', () => {
  expect(MECHANISMS.map(({ mode }) => mode)).not.toContain('account-loss')
})

test.each(ENVIRONMENTS.map(config => [config.name, config] as const))(
  'each figure of %s that grows is watched by an alarm that denies its way back, where it is published',
  (_, config) => {
    for (const way of MODES.flatMap(mode => mechanismsOf(config, mode))) {
      const figure = figureOf(config, way)
      if (figure === undefined || way.synchronous) continue
      const watching = rowsOf(config, way.seenFrom).filter(
        ({ id, signal, severity }) =>
          way.alarms.includes(id) &&
          severity === 'page' &&
          signal.kind === 'metric' &&
          equal(signal.metric, figure),
      )
      expect([way.name, watching.length]).toEqual([way.name, 1])
    }
  },
)

const equal = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

const [DEV, STAGING, PROD] = ENVIRONMENTS as [EnvironmentConfig, EnvironmentConfig, EnvironmentConfig]

function boundsOf(config: EnvironmentConfig, objectives: EnvironmentConfig['objectives']) {
  const changed = { ...config, objectives: { ...config.objectives, ...objectives } }
  const rows = [...rowsOf(changed, 'home'), ...rowsOf(changed, 'standby')]
  return (id: string) => rows.find(row => row.id === id)?.threshold
}

test.each([
  // Two minutes to be bad and one for the figure to come: it rings before the objective is missed.
  ['archive-behind', PROD, { 'bad-write': { rpo: 300, rto: 3_600 } }, 120],
  ['archive-behind', PROD, { 'bad-write': { rpo: 900, rto: 3_600 } }, 720],
  ['archive-behind', PROD, { 'bad-write': { rpo: 60, rto: 3_600 } }, 60],
  ['archive-stale', PROD, { 'bad-write': { rpo: 900, rto: 3_600 } }, 900],
  ['archive-stale', PROD, { 'bad-write': { rpo: 60, rto: 3_600 } }, 300],
  // What the way can promise is the least, or it would ring while it works.
  ['restorable-age', PROD, { 'bad-write': { rpo: 60, rto: 3_600 } }, 420],
  ['restorable-age', PROD, { 'bad-write': { rpo: 3_600, rto: 3_600 } }, 2_400],
  ['restorable-age', DEV, { 'instance-loss': { rpo: 1_800, rto: 7_200 } }, 420],
  [
    'restorable-age',
    DEV,
    { 'instance-loss': { rpo: 1_800, rto: 7_200 }, 'bad-write': { rpo: 3_600, rto: 3_600 } },
    600,
  ],
  ['restorable-age-standby', STAGING, { 'region-loss': { rpo: 1_800, rto: 28_800 } }, 1_920],
  ['restorable-age-standby', STAGING, { 'region-loss': { rpo: 14_400, rto: 28_800 } }, 13_200],
  ['replica-lag-standby', PROD, { 'region-loss': { rpo: 5, rto: 900 } }, 5],
] as const)(
  'the bound of %s follows the objective and what the way back can promise (%#)',
  (id, config, objectives, seconds) => {
    expect(boundsOf(config, objectives)(id)).toBe(seconds)
  },
)
