import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import { PostgresEngineVersion } from 'aws-cdk-lib/aws-rds'
import { ENVIRONMENTS, loadEnvironment } from '../../config/environments.ts'
import { InvalidEnvironment } from '../../config/fault.ts'
import { parseConfig, readConfig } from '../../config/parse.ts'
import { LOG_DAYS } from '../../config/rules/time.ts'
import { VERSIONS } from '../../config/versions.ts'
import { draft, faultsOf } from './draft.ts'

test('fills defaults, counts durations in seconds and derives the name', () => {
  const config = parseConfig(draft({ pool: undefined, standby: undefined, evidence: undefined }))
  expect(config.name).toBe('shop-prod')
  expect(config.objectives['bad-write']).toEqual({ rpo: 300, rto: 3_600 })
  expect(config.database.backup.retention).toBe(1_209_600)
  expect(config.pool).toEqual({
    enabled: true,
    maxConnectionsPercent: 80,
    borrowTimeout: 10,
    idleClientTimeout: 1_800,
  })
  expect(config.standby).toEqual({ enabled: true, multiAz: false })
  expect(config.evidence).toEqual({ retention: 31_536_000 })
})

test.each([...ENVIRONMENTS.keys()])('finds no fault in %s', name => {
  expect(loadEnvironment(name).environment).toBe(name)
})

test('sizes the three environments as agreed', () => {
  const [dev, staging, prod] = ['dev', 'staging', 'prod'].map(loadEnvironment)
  expect(dev?.database.instance).toBe('t3.medium')
  expect(dev?.network.zones).toBe(2)
  expect(staging?.database.replicas.map(replica => replica.name)).toEqual(['read-1'])
  expect(prod?.database.instance).toBe('r6g.xlarge')
  expect(prod?.database.multiAz).toBe(true)
  expect(prod?.database.replicas.map(replica => replica.name)).toEqual(['read-1', 'read-2', 'analytics'])
  expect(prod?.cache.nodes).toBe(3)
  expect([prod?.region, prod?.standbyRegion]).toEqual(['us-east-1', 'us-west-2'])
})

test('refuses an unknown environment with the list of known ones', () => {
  expect(() => loadEnvironment('production')).toThrow(
    'env = "production": no environment has this name\n  HINT: use one of: dev, staging, prod',
  )
})

test('tells an unknown key, and the keys that are known there', () => {
  expect(faultsOf({ database: { instnce: 'r6g.large' } })).toEqual([
    {
      path: 'database.instnce',
      value: 'r6g.large',
      sentence: 'this key is not known',
      hint: 'did you mean "instance"?',
    },
  ])
})

test.each([
  [
    'ZONES',
    'remove it, or write one of: cidr, standbyCidr, zones, zoneLetters, standbyZoneLetters, natGateways',
  ],
  ['nat', 'did you mean "natGateways"?'],
  ['zoens', 'did you mean "zones"?'],
  ['zone', 'did you mean "zones" or "zoneLetters"?'],
  [
    'znsx',
    'remove it, or write one of: cidr, standbyCidr, zones, zoneLetters, standbyZoneLetters, natGateways',
  ],
])('tells what an unknown key may have been meant to be: network.%s', (key, hint) => {
  expect(faultsOf({ network: { [key]: 1 } })).toEqual([
    expect.objectContaining({ path: `network.${key}`, hint }),
  ])
})

test('tells what is missing, with an example', () => {
  expect(faultsOf({ account: undefined })).toEqual([
    {
      path: 'account',
      value: undefined,
      sentence: 'this is required',
      hint: 'write something like "111111111111"',
    },
  ])
})

test('tells a missing value from one of the wrong kind', () => {
  expect(faultsOf({ database: { storage: { size: '100' } } })).toEqual([
    {
      path: 'database.storage.size',
      value: '100',
      sentence: 'expected number, received string',
      hint: 'write something like 100',
    },
  ])
})

test.each([
  ['15', 'want a whole number and a unit s, m, h or d, like "15m"'],
  ['1.5h', 'want a whole number and a unit s, m, h or d, like "15m"'],
])('refuses the duration %p', (rto, sentence) => {
  expect(faultsOf({ objectives: { 'bad-write': { rto } } })).toEqual([
    expect.objectContaining({ path: "objectives['bad-write'].rto", value: rto, sentence }),
  ])
})

test('reports faults of shape and of meaning together', () => {
  const paths = faultsOf({ account: '123', standbyRegion: 'us-east-1', cache: { nodes: 1 } }).map(f => f.path)
  expect(paths).toEqual(['account', 'standbyRegion', 'cache.nodes'])
})

test('says nothing about a value that nobody wrote', () => {
  // The stand-in for size is 100 and for max is 500: neither may be judged against the other's real value.
  expect(faultsOf({ database: { storage: { size: 'big', max: 50 } } }).map(fault => fault.path)).toEqual([
    'database.storage.size',
  ])
})

test('judges nothing derived from a name that has the wrong shape', () => {
  expect(faultsOf({ app: `A${'x'.repeat(40)}` }).map(fault => fault.path)).toEqual(['app'])
})

test.each([[undefined], [null], ['prod'], [[]]])('refuses %p with sentences instead of a crash', input => {
  expect(() => parseConfig(input)).toThrow(InvalidEnvironment)
})

test('carries every fault in one error, in one message', () => {
  const input = draft({
    owner: '',
    region: 'Virginia',
    standbyRegion: 'us-east-1',
    logs: { retention: '2d' },
  })
  try {
    parseConfig(input)
    throw new Error('was accepted')
  } catch (error) {
    if (!(error instanceof InvalidEnvironment)) throw error
    expect(error.faults.map(fault => fault.path)).toEqual(['owner', 'region', 'logs.retention'])
    expect(error.message).toMatch(/^environment shop-prod has 3 faults\n\nowner = "": a tag takes/)
    expect(error.message.match(/HINT:/g)).toHaveLength(3)
  }
})

test('tells every price that is missing in a region, in one sentence a region', () => {
  const faults = faultsOf({ region: 'eu-west-1', standbyRegion: 'eu-central-1' })
  expect(faults.map(({ path }) => path)).toEqual(['budget.prices', 'budget.prices'])
  expect(faults.map(({ sentence }) => sentence)).toEqual([
    expect.stringMatching(/^no price for eu-central-1\/backup\.gib, eu-central-1\/endpoint\.hour is known/),
    expect.stringMatching(/eu-west-1\/proxy\.vcpu.* eu-west-1\/cache\.r7g\.large/),
  ])
})

test('knows the days that CloudWatch keeps logs for', () => {
  const days = Object.values(RetentionDays).filter(
    each => typeof each === 'number' && each !== RetentionDays.INFINITE,
  )
  expect(LOG_DAYS).toEqual(days.toSorted((a, b) => Number(a) - Number(b)))
})

test('knows the versions that RDS offers', () => {
  const offered = Object.keys(PostgresEngineVersion).flatMap(key => {
    const match = /^VER_(\d+)_(\d+)$/.exec(key)
    return match ? [[match[1] ?? '', Number(match[2])] as const] : []
  })
  for (const [major, newest] of Object.entries(VERSIONS))
    expect(Math.max(...offered.filter(([each]) => each === major).map(([, minor]) => minor))).toBe(newest)
})

test('finds no fault in the environment that the README shows', () => {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8')
  const [, written] = /```ts\n.*\nexport const prod = ([\s\S]*?)\n```/.exec(readme) ?? []
  const input: unknown = new Function('defineEnvironment', `return ${written}`)((each: unknown) => each)
  expect(readConfig(input).faults).toEqual([])
})
