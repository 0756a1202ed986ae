import { describe, expect, test } from '@jest/globals'
import { drillCost, estimateCost } from '../../config/cost.ts'
import { loadEnvironment } from '../../config/environments.ts'
import { parseConfig } from '../../config/parse.ts'
import { isAssumed, PRICES, PRICES_OF, priceOf, UnknownPrice } from '../../config/prices.ts'
import { draft } from './draft.ts'

const cost = (patch: { readonly [key: string]: unknown }) =>
  estimateCost(parseConfig(draft({ budget: { monthlyUsd: 99_999 }, ...patch })))
const of = (patch: { readonly [key: string]: unknown }, resource: string) =>
  cost(patch).lines.filter(line => line.resource === resource)

test('charges an hour of an instance what AWS lists', () => {
  // AWS lists db.r6g.xlarge at 0.450 and db.r6g.2xlarge at 0.899 an hour in us-east-1.
  const [line] = of({ database: { instance: 'r6g.2xlarge' } }, 'shop-prod')
  expect(line?.price).toBeCloseTo(0.899, 3)
  expect(line?.onDemand).toBeCloseTo(656.27, 2)
  expect(line?.region).toBe('us-east-1')
})

test('charges the second zone as much as the first, disk included', () => {
  const first = of({}, 'shop-prod').map(line => line.onDemand)
  const second = of({}, 'shop-prod (second zone)').map(line => line.onDemand)
  expect(second).toEqual(first)
  expect(
    of(
      { database: { multiAz: false }, objectives: { 'instance-loss': { rpo: '5m', rto: '1h' } } },
      'shop-prod (second zone)',
    ),
  ).toEqual([])
})

test('charges the standby and the copies in the other region', () => {
  expect(of({}, 'shop-prod-standby').map(line => line.region)).toEqual([
    'us-west-2',
    'us-west-2',
    'us-east-1',
  ])
})

test('charges each replica for its own class', () => {
  const replicas = [{ name: 'read' }, { name: 'analytics', instance: 'r6g.2xlarge' }]
  const prices = ['shop-prod-read', 'shop-prod-analytics'].map(
    name => of({ database: { replicas } }, name)[0]?.price,
  )
  expect(prices[1]).toBeCloseTo(4 * 0.22475, 6)
  expect(prices[0]).toBeCloseTo(0.22475, 6)
})

test('charges RDS Proxy by the vCPUs of its target', () => {
  expect(of({ database: { instance: 'r6g.4xlarge' } }, 'shop-prod pool')[0]?.onDemand).toBeCloseTo(
    16 * 730 * 0.015,
    6,
  )
})

test('charges gp3 only for what is above its free baseline', () => {
  const storage = { size: 400, max: 500, iops: 13_000, throughput: 600 }
  const lines = of({ database: { storage } }, 'shop-prod')
  expect(lines.map(line => [line.what, line.quantity])).toEqual([
    ['db.r6g.large hours', 730],
    ['GiB of gp3', 400],
    ['provisioned IOPS', 1_000],
    ['MiB/s of throughput', 100],
  ])
})

test('charges io2 for every operation', () => {
  const lines = of({ database: { storage: { type: 'io2', iops: 3_000 } } }, 'shop-prod')
  expect(lines.at(-1)).toMatchObject({ what: 'provisioned IOPS', quantity: 3_000, onDemand: 300 })
})

test('takes automated backups as free up to the size of the disks', () => {
  expect(of({}, 'shop-prod backups')).toEqual([])
  const long = {
    database: { backup: { retention: '35d' }, storage: { size: 100 } },
    archive: { retention: '35d' },
  }
  // Half of 100 GiB and 35 days of 1 GiB stay below 100 GiB.
  expect(of(long, 'shop-prod backups')).toEqual([])
})

test('gives every dollar a purpose', () => {
  for (const name of ['dev', 'staging', 'prod']) {
    const estimate = estimateCost(loadEnvironment(name))
    const purposes = Object.values(estimate.byPurpose).reduce((sum, each) => sum + each, 0)
    expect(purposes).toBeCloseTo(estimate.onDemand, 6)
    expect(estimate.lines.reduce((sum, line) => sum + line.onDemand, 0)).toBeCloseTo(estimate.onDemand, 6)
    expect(estimate.reserved).toBeLessThan(estimate.onDemand)
  }
})

test('prices a drill as a copy that lives three hours', () => {
  const config = parseConfig(draft({}))
  expect(drillCost(config)).toBeCloseTo(3 * 0.22475 + (100 * 0.115 * 3) / 730, 6)
})

test('counts the drills that are asked for and a negative control a week', () => {
  const lines = of({ drills: { 'bad-write': { every: '1d' } } }, 'shop-prod drills')
  expect(lines.map(line => [line.what, Math.round(line.quantity * 10) / 10])).toEqual([
    ['bad-write drills', 30.4],
    ['negative controls', 4.3],
  ])
})

test('counts a region drill where its copy runs', () => {
  const lines = of({ drills: { 'region-loss': { every: '14d' } } }, 'shop-prod drills')
  expect(lines.at(-1)).toMatchObject({ what: 'region-loss drills', region: 'us-west-2' })
})

describe('prices', () => {
  test('are of one day', () => {
    expect(PRICES_OF).toBe('2026-10-06')
  })

  test('are never zero', () => {
    for (const rows of Object.values(PRICES))
      for (const price of Object.values(rows)) expect(price).toBeGreaterThan(0)
  })

  test('that no source was found for are marked, until somebody writes his own', () => {
    expect(isAssumed('us-west-2', 'backup.gib')).toBe(true)
    expect(isAssumed('us-east-1', 'backup.gib')).toBe(false)
    expect(isAssumed('us-west-2', 'db.r6g')).toBe(false)
    expect(isAssumed('us-west-2', 'backup.gib', { 'us-west-2/backup.gib': 0.09 })).toBe(false)
    const [vault] = of({}, 'shop-prod vault, copied')
    expect(vault).toMatchObject({ region: 'us-west-2', assumed: true, price: 0.095 })
  })

  test('are an error when unknown, not zero', () => {
    expect(() => priceOf('ap-south-1', 'db.r6g')).toThrow(UnknownPrice)
    expect(() => priceOf('eu-west-1', 'proxy.vcpu')).toThrow('no price for eu-west-1/proxy.vcpu is known')
  })

  test('can be added and overridden by a config', () => {
    const own = { 'eu-west-1/proxy.vcpu': 0.018, 'us-east-1/db.r6g': 0.2 }
    expect(priceOf('eu-west-1', 'proxy.vcpu', own)).toBe(0.018)
    expect(priceOf('us-east-1', 'db.r6g', own)).toBe(0.2)
  })
})
