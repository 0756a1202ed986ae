import { CreateDBInstanceCommand } from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { classMemory } from '../../twin/services/rds/class-memory.ts'
import { openTarget, type Target, until, untilStatus } from '../contract/target.ts'

const GIB = 1024 ** 3
const login = { user: 'master', password: 'correct-horse', database: 'shop' }

let target: Target

beforeAll(async () => {
  target = await openTarget({ metricInterval: 500 })
  await target.rds().send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: 'shop',
      Engine: 'postgres',
      DBInstanceClass: 'db.r6g.large',
      AllocatedStorage: 20,
      MasterUsername: login.user,
      MasterUserPassword: login.password,
      DBName: login.database,
    }),
  )
  await untilStatus(target.rds(), 'shop', 'available', 120)
}, 180_000)

afterAll(() => target.close(), 60_000)

const figures = (name: string) =>
  (target.twin?.metrics ?? []).filter(metric => metric.name === name && metric.namespace === 'AWS/RDS')

/** The first figure of this name that comes after now and that fits. */
async function next(name: string, fits: (value: number) => boolean): Promise<number> {
  const before = figures(name).length
  const found = await until(async () =>
    figures(name)
      .slice(before)
      .find(({ value }) => fits(value)),
  )
  return found.value
}

test('an instance tells all that its page alarms ring on, and is healthy while it idles', async () => {
  // Its making may still be at work: a backup, an analyze.
  expect(await next('CPUUtilization', value => value < 90)).toBeGreaterThanOrEqual(0)
  const memory = await next('FreeableMemory', () => true)
  expect(memory).toBeGreaterThan(15 * GIB)
  expect(memory).toBeLessThan(16 * GIB)
  expect(await next('DatabaseConnections', () => true)).toBeLessThan(10)
  expect(await next('FreeStorageSpace', () => true)).toBeGreaterThan(19 * GIB)
  expect(await next('DBLoad', value => value === 0)).toBe(0)
  expect(new Set(figures('CPUUtilization').map(({ dimensions }) => dimensions.DBInstanceIdentifier))).toEqual(
    new Set(['shop']),
  )
})

test('work shows as load and as processor time', async () => {
  const { DBInstances: [instance] = [] } = await target
    .rds()
    .send(new (await import('@aws-sdk/client-rds')).DescribeDBInstancesCommand({}))
  if (!instance) throw new Error('no instance')
  const client = await target.connect(instance, login)
  const idle = Math.max(...figures('CPUUtilization').map(({ value }) => value))
  const working = client
    .query('select count(*) from generate_series(1, 1000000000) as n')
    .catch((error: { code?: string }) => error.code)
  expect(await next('DBLoad', value => value === 1)).toBe(1)
  expect(await next('CPUUtilization', value => value > 0)).toBeGreaterThan(0)
  expect(idle).toBeLessThanOrEqual(100)
  const other = await target.connect(instance, login)
  await other.query(
    `select pg_cancel_backend(pid) from pg_stat_activity where query like '%1000000000%' and pid <> pg_backend_pid()`,
  )
  expect(await working).toBe('57014')
  await Promise.all([client.end(), other.end()])
})

test.each([
  ['db.t4g.micro', 1],
  ['db.t3.medium', 4],
  ['db.m6g.xlarge', 16],
  ['db.r6g.2xlarge', 64],
  ['db.r6g.16xlarge', 512],
])('%s has %i GiB', (name, gib) => expect(classMemory(name)).toBe(gib * GIB))

test('the memory of a class that the twin does not know is not made up', () => {
  expect(classMemory('db.z1d.large')).toBeUndefined()
  expect(classMemory('r6g.large')).toBeUndefined()
})
