import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { reap } from '../../../lambdas/reaper/reap.ts'
import { type Cloud, openCloud } from '../restore-drill/cloud.ts'

const NOW = Date.parse('2026-11-20T14:00:00Z')
const PRODUCTION = ['shop-prod', 'shop-prod-standby']

let cloud: Cloud
beforeEach(async () => {
  cloud = await openCloud()
})
afterEach(() => cloud.close())

function copy(drill: string, expires: string, over = {}) {
  const name = `drill-shop-prod-${drill}`
  cloud.instances.set(name, {
    DBInstanceIdentifier: name,
    DBInstanceStatus: 'available',
    TagList: [
      { Key: 'holdfast:environment', Value: 'shop-prod' },
      { Key: 'holdfast:drill', Value: drill },
      { Key: 'holdfast:expires', Value: expires },
    ],
    ...over,
  })
  return name
}

test('only what has expired is deleted, and everything else is named with its reason', async () => {
  const old = copy('aaaaaaaaaa', '2026-11-20T13:59:59Z')
  const fresh = copy('bbbbbbbbbb', '2026-11-20T14:00:01Z')
  const untagged = copy('cccccccccc', '2026-11-20T13:00:00Z', { TagList: [] })
  const going = copy('dddddddddd', '2026-11-20T13:00:00Z', { DBInstanceStatus: 'deleting' })
  const found = await reap(cloud.clients.rds, 'shop-prod', PRODUCTION, NOW)
  expect(cloud.deleted).toEqual([old])
  expect(Object.fromEntries(found.map(one => [one.identifier, one.outcome]))).toEqual({
    [old]: 'reaped',
    [fresh]: 'kept',
    [untagged]: 'kept',
    [going]: 'going',
  })
  expect(cloud.instances.has('shop-prod')).toBe(true)
})

test('production that carries a drill tag is not even looked at', async () => {
  const shop = cloud.instances.get('shop-prod')!
  cloud.instances.set('shop-prod', {
    ...shop,
    TagList: [
      { Key: 'holdfast:drill', Value: 'aaaaaaaaaa' },
      { Key: 'holdfast:expires', Value: '2026-11-20T13:00:00Z' },
    ],
  })
  expect(await reap(cloud.clients.rds, 'shop-prod', PRODUCTION, NOW)).toEqual([])
  expect(cloud.deleted).toEqual([])
})

test('a copy that cannot be deleted does not keep the others alive', async () => {
  const first = copy('aaaaaaaaaa', '2026-11-20T13:00:00Z')
  const second = copy('bbbbbbbbbb', '2026-11-20T13:00:00Z')
  cloud.faults.add({
    operation: 'DeleteDBInstance',
    times: 1,
    effect: { kind: 'fail', code: 'InvalidDBInstanceState', status: 400, message: 'creating' },
  })
  const found = await reap(cloud.clients.rds, 'shop-prod', PRODUCTION, NOW)
  expect(found).toMatchObject([
    { identifier: first, outcome: 'failed', why: 'creating' },
    { identifier: second, outcome: 'reaped' },
  ])
})

test('a copy that a restore is proving is neither deleted nor forgotten', async () => {
  const proving = (name: string, made: string) =>
    cloud.instances.set(name, {
      DBInstanceIdentifier: name,
      DBInstanceStatus: 'available',
      InstanceCreateTime: new Date(made),
      TagList: [
        { Key: 'holdfast:environment', Value: 'shop-prod' },
        { Key: 'holdfast:drill', Value: 'restoring' },
        { Key: 'holdfast:expires', Value: '2026-11-20T13:00:00Z' },
        { Key: 'holdfast:restored', Value: 'shop-prod' },
      ],
    })
  proving('drill-proving-shop-prod-now', '2026-11-20T12:00:00Z')
  proving('drill-proving-shop-prod-old', '2026-11-18T12:00:00Z')
  const found = await reap(cloud.clients.rds, 'shop-prod', PRODUCTION, NOW)
  expect(cloud.deleted).toEqual([])
  expect(found.map(one => [one.identifier, one.outcome])).toEqual([
    ['drill-proving-shop-prod-now', 'kept'],
    ['drill-proving-shop-prod-old', 'forgotten'],
  ])
})
