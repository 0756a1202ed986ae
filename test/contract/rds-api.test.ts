import {
  AddTagsToResourceCommand,
  CreateDBInstanceCommand,
  CreateDBParameterGroupCommand,
  type DBInstance,
  DescribeDBParametersCommand,
  ListTagsForResourceCommand,
  ModifyDBInstanceCommand,
  ModifyDBParameterGroupCommand,
  paginateDescribeDBParameters,
  RebootDBInstanceCommand,
  RemoveTagsFromResourceCommand,
  StartDBInstanceCommand,
  StopDBInstanceCommand,
} from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { login, queryOn, refusal } from './instance.ts'
import { describe, openTarget, type Target, until, untilStatus } from './target.ts'

const stamp = Date.now().toString(36)
const id = `api-${stamp}`
const group = `api-${stamp}`

let target: Target
let arn: string

beforeAll(async () => {
  target = await openTarget()
  const rds = target.rds()
  await rds.send(
    new CreateDBParameterGroupCommand({
      DBParameterGroupName: group,
      DBParameterGroupFamily: 'postgres18',
      Description: 'contract',
    }),
  )
  const { DBInstance } = await rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: id.toUpperCase(),
      Engine: 'postgres',
      DBInstanceClass: 'db.t4g.micro',
      AllocatedStorage: 20,
      MasterUsername: login.user,
      MasterUserPassword: login.password,
      DBName: login.database,
      DBParameterGroupName: group,
      EnableIAMDatabaseAuthentication: true,
    }),
  )
  expect(DBInstance).toMatchObject({
    DBInstanceIdentifier: id,
    DBInstanceStatus: 'creating',
    BackupRetentionPeriod: 1,
  })
  expect(DBInstance?.Endpoint).toBeUndefined()
  arn = DBInstance?.DBInstanceArn ?? ''
  await untilStatus(rds, id, 'available', 3600)
}, 3_600_000)

afterAll(async () => {
  await target.close()
}, 600_000)

const query = (instance: DBInstance, text: string, as?: Partial<typeof login>) =>
  queryOn(target, instance, text, as)

test('parameters come in pages that join without a gap', async () => {
  const rds = target.rds()
  const names: string[] = []
  let pages = 0
  for await (const page of paginateDescribeDBParameters(
    { client: rds, pageSize: 20 },
    { DBParameterGroupName: group },
  )) {
    pages++
    names.push(...(page.Parameters ?? []).map(each => each.ParameterName ?? ''))
  }
  expect(pages).toBeGreaterThan(10)
  expect(new Set(names).size).toBe(names.length)
  expect(names).toContain('rds.force_ssl')
  expect(names).toContain('track_commit_timestamp')
})

test('a dynamic parameter is applied at once and a static one with the reboot', async () => {
  const rds = target.rds()
  const modify = (
    ParameterName: string,
    ParameterValue: string,
    ApplyMethod: 'immediate' | 'pending-reboot',
  ) =>
    rds.send(
      new ModifyDBParameterGroupCommand({
        DBParameterGroupName: group,
        Parameters: [{ ParameterName, ParameterValue, ApplyMethod }],
      }),
    )
  await expect(modify('no_such_parameter', '1', 'immediate')).rejects.toMatchObject({
    name: 'InvalidParameterValue',
    message: 'Could not find parameter with name: no_such_parameter',
  })
  await expect(modify('rds.logical_replication', '1', 'immediate')).rejects.toMatchObject({
    name: 'InvalidParameterCombination',
  })
  await modify('statement_timeout', '123000', 'immediate')
  await modify('rds.logical_replication', '1', 'pending-reboot')
  const instance = await describe(rds, id)
  await until(async () => (await query(instance, 'show statement_timeout'))[0]?.statement_timeout === '123s')
  expect(await query(instance, 'show wal_level')).toEqual([{ wal_level: 'replica' }])
  expect((await describe(rds, id)).DBParameterGroups).toEqual([
    { DBParameterGroupName: group, ParameterApplyStatus: 'pending-reboot' },
  ])
  await rds.send(new RebootDBInstanceCommand({ DBInstanceIdentifier: id }))
  const after = await untilStatus(rds, id, 'available', 900)
  expect(after.DBParameterGroups?.[0]?.ParameterApplyStatus).toBe('in-sync')
  expect(after.Endpoint).toEqual(instance.Endpoint)
  expect(await query(instance, 'show wal_level')).toEqual([{ wal_level: 'logical' }])
  const { Parameters } = await rds.send(
    new DescribeDBParametersCommand({ DBParameterGroupName: group, Source: 'user' }),
  )
  expect(Parameters?.map(each => each.ParameterName)).toEqual([
    'rds.logical_replication',
    'statement_timeout',
  ])
}, 900_000)

test('tags are added, listed, removed, and missing resources are named', async () => {
  const rds = target.rds()
  await rds.send(
    new AddTagsToResourceCommand({ ResourceName: arn, Tags: [{ Key: 'a', Value: '1' }, { Key: 'b' }] }),
  )
  const list = async () => (await rds.send(new ListTagsForResourceCommand({ ResourceName: arn }))).TagList
  expect(await list()).toEqual([
    { Key: 'a', Value: '1' },
    { Key: 'b', Value: '' },
  ])
  await rds.send(new RemoveTagsFromResourceCommand({ ResourceName: arn, TagKeys: ['b'] }))
  expect(await list()).toEqual([{ Key: 'a', Value: '1' }])
  await expect(
    rds.send(new ListTagsForResourceCommand({ ResourceName: arn.replace(id, 'nobody') })),
  ).rejects.toMatchObject(refusal('DBInstanceNotFoundFault', 'DBInstanceNotFound', 404))
  await expect(rds.send(new ListTagsForResourceCommand({ ResourceName: 'nonsense' }))).rejects.toMatchObject({
    name: 'InvalidParameterValue',
  })
})

test('a modification waits for its window unless it is to be applied at once', async () => {
  const rds = target.rds()
  const { DBInstance } = await rds.send(
    new ModifyDBInstanceCommand({ DBInstanceIdentifier: id, AllocatedStorage: 30, CopyTagsToSnapshot: true }),
  )
  expect(DBInstance).toMatchObject({
    DBInstanceStatus: 'available',
    AllocatedStorage: 20,
    CopyTagsToSnapshot: true,
    PendingModifiedValues: { AllocatedStorage: 30 },
  })
  await rds.send(
    new ModifyDBInstanceCommand({ DBInstanceIdentifier: id, MultiAZ: true, ApplyImmediately: true }),
  )
  const after = await until(async () => {
    const now = await describe(rds, id)
    return now.MultiAZ && now.DBInstanceStatus === 'available' && now
  }, 3600)
  expect(after).toMatchObject({ AllocatedStorage: 30, PendingModifiedValues: {} })
  expect(after.SecondaryAvailabilityZone).not.toBe(after.AvailabilityZone)
}, 3_600_000)

test('a new master password takes the place of the old one', async () => {
  const rds = target.rds()
  await rds.send(
    new ModifyDBInstanceCommand({ DBInstanceIdentifier: id, MasterUserPassword: 'another-horse' }),
  )
  const instance = await describe(rds, id)
  await until(() =>
    query(instance, 'select 1', { password: 'another-horse' }).then(
      () => true,
      () => false,
    ),
  )
  await expect(query(instance, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  await untilStatus(rds, id, 'available')
  await rds.send(
    new ModifyDBInstanceCommand({ DBInstanceIdentifier: id, MasterUserPassword: login.password }),
  )
  await until(() =>
    query(instance, 'select 1').then(
      () => true,
      () => false,
    ),
  )
  await untilStatus(rds, id, 'available')
})

test('a stopped instance turns clients away and comes back at its address', async () => {
  const rds = target.rds()
  const before = await describe(rds, id)
  await rds.send(new StopDBInstanceCommand({ DBInstanceIdentifier: id }))
  await untilStatus(rds, id, 'stopped', 900)
  await expect(query(before, 'select 1')).rejects.toThrow()
  await rds.send(new StartDBInstanceCommand({ DBInstanceIdentifier: id }))
  expect((await untilStatus(rds, id, 'available', 900)).Endpoint).toEqual(before.Endpoint)
  expect(await query(before, 'select 1 as one')).toEqual([{ one: 1 }])
}, 1_800_000)

test('a renamed instance keeps its address, its rows and its resource', async () => {
  const rds = target.rds()
  const before = await describe(rds, id)
  const rename = (DBInstanceIdentifier: string, NewDBInstanceIdentifier: string) =>
    rds.send(
      new ModifyDBInstanceCommand({ DBInstanceIdentifier, NewDBInstanceIdentifier, ApplyImmediately: true }),
    )
  const untilNamed = (name: string) =>
    until(
      () =>
        describe(rds, name).then(
          each => each.DBInstanceStatus === 'available' && each,
          () => false as const,
        ),
      900,
    )
  await rename(id, `${id}-renamed`)
  const after = await untilNamed(`${id}-renamed`)
  expect(after).toMatchObject({ DbiResourceId: before.DbiResourceId, DBInstanceArn: `${arn}-renamed` })
  if (target.isTwin) expect(after.Endpoint).toEqual(before.Endpoint)
  await expect(describe(rds, id)).rejects.toMatchObject({ name: 'DBInstanceNotFoundFault' })
  expect(await query(after, 'select 1 as one')).toEqual([{ one: 1 }])
  await rename(`${id}-renamed`, id)
  await untilNamed(id)
}, 1_800_000)
