import { expect, test } from '@jest/globals'
import { loadEnvironment } from '../../config/environments.ts'
import { MECHANISMS, mechanismsOf } from '../../config/recovery.ts'
import { MODES } from '../../config/schema.ts'
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
