import {
  AddTagsToResourceCommand,
  CopyDBSnapshotCommand,
  CreateDBInstanceCommand,
  CreateDBInstanceReadReplicaCommand,
  CreateDBSnapshotCommand,
  DeleteDBInstanceCommand,
  DeleteDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  DescribeEventsCommand,
  DescribeExportTasksCommand,
  ListTagsForResourceCommand,
  ModifyDBInstanceCommand,
  PromoteReadReplicaCommand,
  RebootDBInstanceCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
  type RestoreDBInstanceToPointInTimeMessage,
  StartDBInstanceCommand,
} from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createInstance, refusal, SMALL } from './instance.ts'
import { openTarget, type Target, until, untilStatus } from './target.ts'

const stamp = Date.now().toString(36)
const id = `refused-${stamp}`
let target: Target
let arn: string

beforeAll(async () => {
  target = await openTarget()
  arn = (await createInstance(target, id)).DBInstanceArn ?? ''
}, 3_600_000)

afterAll(async () => {
  await target.close()
}, 600_000)

test('what is missing, taken or badly named is refused with the class and code of the model', async () => {
  const rds = target.rds()
  const create = (input: Partial<ConstructorParameters<typeof CreateDBInstanceCommand>[0]>) =>
    rds.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: 'other',
        ...SMALL,
        ...input,
      }),
    )
  const cases: [() => Promise<unknown>, ReturnType<typeof refusal>][] = [
    [
      () => rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: 'nobody' })),
      refusal('DBInstanceNotFoundFault', 'DBInstanceNotFound', 404),
    ],
    [
      () => create({ DBInstanceIdentifier: id }),
      refusal('DBInstanceAlreadyExistsFault', 'DBInstanceAlreadyExists', 400),
    ],
    [
      () => create({ DBInstanceIdentifier: 'bad--name' }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => create({ DBInstanceIdentifier: '1st' }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => create({ MasterUserPassword: 'short' }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => create({ MasterUsername: 'rdsadmin' }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => create({ MasterUserPassword: 'has@in-the-middle' }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => create({ MasterUserPassword: 'x'.repeat(129) }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [() => create({ MasterUsername: '1st' }), refusal('InvalidParameterValue', 'InvalidParameterValue', 400)],
    [
      () => create({ DBInstanceIdentifier: 'ends-in-' }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => create({ DBInstanceIdentifier: 'a'.repeat(64) }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => rds.send(new DescribeDBInstancesCommand({ MaxRecords: 101 })),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => rds.send(new DescribeEventsCommand({ StartTime: new Date(Date.now() - 15 * 86_400_000) })),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => rds.send(new ListTagsForResourceCommand({ ResourceName: 'no-arn' })),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => create({ BackupRetentionPeriod: 36 }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => create({ PreferredBackupWindow: '04:00-04:10' }),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => create({ EngineVersion: '9.6' }),
      refusal('InvalidParameterCombination', 'InvalidParameterCombination', 400),
    ],
    [
      () => create({ DBSubnetGroupName: 'none' }),
      refusal('DBSubnetGroupNotFoundFault', 'DBSubnetGroupNotFoundFault', 404),
    ],
    [
      () => create({ DBParameterGroupName: 'none' }),
      refusal('DBParameterGroupNotFoundFault', 'DBParameterGroupNotFound', 404),
    ],
    [
      () => create({ DBParameterGroupName: 'default.postgres17' }),
      refusal('InvalidParameterCombination', 'InvalidParameterCombination', 400),
    ],
    [
      () => rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: id })),
      refusal('InvalidParameterCombination', 'InvalidParameterCombination', 400),
    ],
    [
      () => rds.send(new RebootDBInstanceCommand({ DBInstanceIdentifier: id, ForceFailover: true })),
      refusal('InvalidParameterCombination', 'InvalidParameterCombination', 400),
    ],
    [
      () =>
        rds.send(
          new RestoreDBInstanceToPointInTimeCommand({
            SourceDBInstanceIdentifier: id,
            TargetDBInstanceIdentifier: 'x',
            UseLatestRestorableTime: true,
            RestoreTime: new Date(),
          }),
        ),
      refusal('InvalidParameterCombination', 'InvalidParameterCombination', 400),
    ],
    [
      () =>
        rds.send(
          new RestoreDBInstanceFromDBSnapshotCommand({
            DBInstanceIdentifier: 'x',
            DBSnapshotIdentifier: 'none',
          }),
        ),
      refusal('DBSnapshotNotFoundFault', 'DBSnapshotNotFound', 404),
    ],
    [
      () => rds.send(new StartDBInstanceCommand({ DBInstanceIdentifier: id })),
      refusal('InvalidDBInstanceStateFault', 'InvalidDBInstanceState', 400),
    ],
    [
      () => rds.send(new DescribeExportTasksCommand({ ExportTaskIdentifier: 'none' })),
      refusal('ExportTaskNotFoundFault', 'ExportTaskNotFound', 404),
    ],
    [
      () => rds.send(new DescribeDBInstancesCommand({ MaxRecords: 5 })),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => rds.send(new DescribeDBInstancesCommand({ Filters: [{ Name: 'colour', Values: ['red'] }] })),
      refusal('InvalidParameterValue', 'InvalidParameterValue', 400),
    ],
    [
      () => rds.send(new DescribeEventsCommand({ SourceIdentifier: id })),
      refusal('InvalidParameterCombination', 'InvalidParameterCombination', 400),
    ],
  ]
  for (const [attempt, expected] of cases) await expect(attempt()).rejects.toMatchObject(expected)
})

test('what an instance is not ready or not made for is refused', async () => {
  const rds = target.rds()
  const bare = `${id}-bare`
  const invalidState = refusal('InvalidDBInstanceStateFault', 'InvalidDBInstanceState', 400)
  const toPoint = (source: string, when: Partial<RestoreDBInstanceToPointInTimeMessage>, to = 'x') =>
    rds.send(
      new RestoreDBInstanceToPointInTimeCommand({
        SourceDBInstanceIdentifier: source,
        TargetDBInstanceIdentifier: to,
        ...when,
      }),
    )
  const replicaOf = (source: string) =>
    rds.send(
      new CreateDBInstanceReadReplicaCommand({
        DBInstanceIdentifier: 'r',
        SourceDBInstanceIdentifier: source,
      }),
    )
  await rds.send(
    new CreateDBInstanceCommand({ DBInstanceIdentifier: bare, ...SMALL, BackupRetentionPeriod: 0 }),
  )
  const rename = (NewDBInstanceIdentifier: string) =>
    rds.send(
      new ModifyDBInstanceCommand({
        DBInstanceIdentifier: bare,
        NewDBInstanceIdentifier,
        ApplyImmediately: true,
      }),
    )
  await expect(rename('other')).rejects.toMatchObject(invalidState)
  await expect(replicaOf(bare)).rejects.toMatchObject(invalidState)
  await expect(snapshot(bare, 'too-early')).rejects.toMatchObject(invalidState)
  await untilStatus(rds, bare, 'available', 3600)
  const latest = { UseLatestRestorableTime: true }
  await expect(toPoint(bare, latest)).rejects.toMatchObject(
    refusal('PointInTimeRestoreNotEnabledFault', 'PointInTimeRestoreNotEnabled', 400),
  )
  const taken = refusal('DBInstanceAlreadyExistsFault', 'DBInstanceAlreadyExists', 400)
  await expect(toPoint(id, latest, bare)).rejects.toMatchObject(taken)
  await expect(rename(id)).rejects.toMatchObject(taken)
  await expect(toPoint(id, {})).rejects.toMatchObject(
    refusal('InvalidParameterCombination', 'InvalidParameterCombination', 400),
  )
  await expect(replicaOf(bare)).rejects.toMatchObject(invalidState)
  await expect(rds.send(new PromoteReadReplicaCommand({ DBInstanceIdentifier: bare }))).rejects.toMatchObject(
    invalidState,
  )
  await rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: bare, SkipFinalSnapshot: true }))
}, 3_600_000)

const snapshot = (DBInstanceIdentifier: string, DBSnapshotIdentifier: string) =>
  target.rds().send(new CreateDBSnapshotCommand({ DBInstanceIdentifier, DBSnapshotIdentifier }))

test('a snapshot is used when it is there, has one name, and copied at home says no source', async () => {
  const rds = target.rds()
  const name = `snapshot-${stamp}`
  const invalidState = refusal('InvalidDBSnapshotStateFault', 'InvalidDBSnapshotState', 400)
  const status = async (DBSnapshotIdentifier: string) =>
    (await rds.send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier }))).DBSnapshots?.[0]?.Status
  const remove = (DBSnapshotIdentifier: string) =>
    rds.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier }))
  await snapshot(id, name)
  await expect(remove(name)).rejects.toMatchObject(invalidState)
  await until(async () => (await status(name)) === 'available', 3600)
  await untilStatus(rds, id, 'available', 3600)
  const taken = refusal('DBSnapshotAlreadyExistsFault', 'DBSnapshotAlreadyExists', 400)
  await expect(snapshot(id, name)).rejects.toMatchObject(taken)
  await expect(
    rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: id, FinalDBSnapshotIdentifier: name })),
  ).rejects.toMatchObject(taken)
  const automated = await rds.send(
    new DescribeDBSnapshotsCommand({ DBInstanceIdentifier: id, SnapshotType: 'automated' }),
  )
  const own = automated.DBSnapshots?.[0]?.DBSnapshotIdentifier ?? ''
  expect(own).toMatch(new RegExp(`^rds:${id}-\\d{4}-\\d\\d-\\d\\d-\\d\\d-\\d\\d$`))
  await expect(remove(own)).rejects.toMatchObject(invalidState)
  await rds.send(
    new AddTagsToResourceCommand({
      ResourceName: arn.replace(`:db:${id}`, `:snapshot:${name}`),
      Tags: [{ Key: 'kept', Value: 'here' }],
    }),
  )
  const { DBSnapshot } = await rds.send(
    new CopyDBSnapshotCommand({
      SourceDBSnapshotIdentifier: name,
      TargetDBSnapshotIdentifier: `${name}-copy`,
    }),
  )
  expect(DBSnapshot?.SourceDBSnapshotIdentifier).toBeUndefined()
  expect(DBSnapshot?.TagList ?? []).toEqual([])
  await until(async () => (await status(`${name}-copy`)) === 'available', 3600)
}, 3_600_000)

test('a filter without a match is an empty list, and names are matched in any case and as ARNs', async () => {
  const rds = target.rds()
  const found = async (value: string) =>
    (
      await rds.send(
        new DescribeDBInstancesCommand({ Filters: [{ Name: 'db-instance-id', Values: [value] }] }),
      )
    ).DBInstances?.map(each => each.DBInstanceIdentifier)
  expect(await found('nobody')).toEqual([])
  expect(await found(id.toUpperCase())).toEqual([id])
  expect(await found(arn)).toEqual([id])
  expect(
    (await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: arn }))).DBInstances,
  ).toHaveLength(1)
})
