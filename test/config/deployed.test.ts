import { expect, test } from '@jest/globals'
import { deployedEnvironment } from '../../config/environments.ts'
import { InvalidEnvironment } from '../../config/fault.ts'
import { readDeployed } from '../../config/parse.ts'
import { draft } from './draft.ts'

test('a budget that is exceeded keeps nobody from a recovery: it is told beside the configuration', () => {
  const { config, faults } = readDeployed(draft({ budget: { monthlyUsd: 1 } }))
  expect(config.name).toBe('shop-prod')
  expect(config.region).toBe('us-east-1')
  expect(faults.map(fault => fault.path)).toEqual(['budget.monthlyUsd'])
})

test('a misspelt key and a value of the wrong kind leave the rest to be read', () => {
  const { config, faults } = readDeployed(draft({ budgett: 5, cache: { nodes: 'three' } }))
  expect([config.name, config.standbyRegion, config.database.name]).toEqual(['shop-prod', 'us-west-2', 'app'])
  expect(faults.map(fault => fault.path)).toEqual(['cache.nodes', 'budgett'])
})

test('the part that has no shape is never answered with a value that nobody wrote', () => {
  const { config } = readDeployed(draft({ objectives: { 'bad-write': { rpo: 'soon', rto: '1h' } } }))
  expect(config.region).toBe('us-east-1')
  expect(() => JSON.stringify(config.objectives)).toThrow(InvalidEnvironment)
})

test('without a region or a name of the right shape there is nothing to act on', () => {
  expect(() => readDeployed(draft({ region: 7 })).config.region).toThrow(/region = 7/)
  expect(() => readDeployed(draft({ app: '' })).config.name).toThrow(/app = ""/)
  expect(() => readDeployed(null)).toThrow(InvalidEnvironment)
})

test('an unknown environment is refused as everywhere', () => {
  expect(() => deployedEnvironment('prd')).toThrow(/no environment has this name/)
})
