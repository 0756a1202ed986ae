import {
  AddTagsToResourceCommand,
  CopyDBSnapshotCommand,
  CreateDBInstanceCommand,
  CreateDBInstanceReadReplicaCommand,
  CreateDBParameterGroupCommand,
  CreateDBSnapshotCommand,
  type DBInstance,
  DeleteDBInstanceCommand,
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBInstancesCommand,
  DescribeDBParametersCommand,
  DescribeDBSnapshotsCommand,
  DescribeEventsCommand,
  DescribeExportTasksCommand,
  ListTagsForResourceCommand,
  ModifyDBInstanceCommand,
  ModifyDBParameterGroupCommand,
  paginateDescribeDBParameters,
  RebootDBInstanceCommand,
  RemoveTagsFromResourceCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
  StartDBInstanceAutomatedBackupsReplicationCommand,
  StartDBInstanceCommand,
  StartExportTaskCommand,
  StopDBInstanceCommand,
} from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parquetReadObjects } from 'hyparquet'
import type pg from 'pg'
import { describe, openTarget, type Target, until, untilStatus } from './target.ts'

const login = { user: 'master', password: 'correct-horse', database: 'shop' }
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

async function query(instance: DBInstance, text: string, with_: Partial<typeof login> = {}) {
  const client: pg.Client = await target.connect(instance, { ...login, ...with_ })
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const refusal = (name: string, Code: string, httpStatusCode: number) => ({
  name,
  Code,
  $metadata: expect.objectContaining({ httpStatusCode }),
})

test('what is missing, taken or badly named is refused with the class and code of the model', async () => {
  const rds = target.rds()
  const create = (input: Partial<ConstructorParameters<typeof CreateDBInstanceCommand>[0]>) =>
    rds.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: 'other',
        Engine: 'postgres',
        DBInstanceClass: 'db.t4g.micro',
        AllocatedStorage: 20,
        MasterUsername: 'master',
        MasterUserPassword: 'correct-horse',
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

test('a snapshot is copied to another region, restored there, and exported as Parquet', async () => {
  const rds = target.rds()
  const abroad = target.rds(target.standby)
  await query(
    await describe(rds, id),
    "create table goods (id bigint primary key, name text, price numeric(10,2), sold boolean, at timestamptz); insert into goods select n, 'good ' || n, n / 3.0, n % 2 = 0, '2026-11-20 12:00+00' from generate_series(1, 3) n; insert into goods values (4)",
  )
  const DBSnapshotIdentifier = `api-${stamp}`
  await rds.send(new CreateDBSnapshotCommand({ DBInstanceIdentifier: id, DBSnapshotIdentifier }))
  const snapshot = await until(async () => {
    const { DBSnapshots } = await rds.send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier }))
    return DBSnapshots?.[0]?.Status === 'available' && DBSnapshots[0]
  }, 3600)
  expect(snapshot).toMatchObject({
    PercentProgress: 100,
    SnapshotType: 'manual',
    TagList: [{ Key: 'a', Value: '1' }],
  })
  const copy = await abroad.send(
    new CopyDBSnapshotCommand({
      SourceDBSnapshotIdentifier: snapshot.DBSnapshotArn,
      TargetDBSnapshotIdentifier: DBSnapshotIdentifier,
    }),
  )
  expect(copy.DBSnapshot).toMatchObject({ SourceRegion: target.home, Status: 'copying' })
  await until(async () => {
    const { DBSnapshots } = await abroad.send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier }))
    return DBSnapshots?.[0]?.Status === 'available'
  }, 3600)
  const restored = `api-${stamp}-abroad`
  await abroad.send(
    new RestoreDBInstanceFromDBSnapshotCommand({
      DBInstanceIdentifier: restored,
      DBSnapshotIdentifier,
      BackupRetentionPeriod: 0,
    }),
  )
  const there = await untilStatus(abroad, restored, 'available', 3600)
  expect(await query(there, 'select count(*)::int as n from goods')).toEqual([{ n: 4 }])
  await abroad.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: restored, SkipFinalSnapshot: true }))
  if (!target.twin) return
  const started = await rds.send(
    new StartExportTaskCommand({
      ExportTaskIdentifier: `export-${stamp}`,
      SourceArn: snapshot.DBSnapshotArn,
      S3BucketName: 'exports',
      S3Prefix: 'daily',
      IamRoleArn: 'arn:aws:iam::111122223333:role/export',
      KmsKeyId: 'alias/shop',
      ExportOnly: ['shop.public.goods'],
    }),
  )
  expect(started.Status).toBe('STARTING')
  await until(async () => {
    const { ExportTasks } = await rds.send(
      new DescribeExportTasksCommand({ Filters: [{ Name: 'status', Values: ['complete'] }] }),
    )
    return ExportTasks?.length === 1
  })
  const keys = [...target.twin.objects.keys()].filter(key => key.endsWith('.parquet'))
  expect(keys).toEqual([
    expect.stringMatching(
      new RegExp(
        `^exports/daily/export-${stamp}/shop/public\\.goods/1/part-00000-[0-9a-f-]{36}\\.gz\\.parquet$`,
      ),
    ),
  ])
  const bytes = target.twin.objects.get(keys[0]!)!
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer
  expect(await parquetReadObjects({ file })).toEqual([
    { id: 1n, name: 'good 1', price: '0.33', sold: false, at: '2026-11-20 12:00:00+00' },
    { id: 2n, name: 'good 2', price: '0.67', sold: true, at: '2026-11-20 12:00:00+00' },
    { id: 3n, name: 'good 3', price: '1.00', sold: false, at: '2026-11-20 12:00:00+00' },
    { id: 4n, name: null, price: null, sold: null, at: null },
  ])
}, 3_600_000)

test('backups replicated to another region are restored there after the source is gone with its files', async () => {
  const rds = target.rds()
  const abroad = target.rds(target.standby)
  const source = `api-${stamp}-source`
  await rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: source,
      Engine: 'postgres',
      DBInstanceClass: 'db.t4g.micro',
      AllocatedStorage: 20,
      MasterUsername: login.user,
      MasterUserPassword: login.password,
      DBName: login.database,
    }),
  )
  const made = await untilStatus(rds, source, 'available', 3600)
  const { DBInstanceAutomatedBackup } = await abroad.send(
    new StartDBInstanceAutomatedBackupsReplicationCommand({
      SourceDBInstanceArn: made.DBInstanceArn,
      BackupRetentionPeriod: 3,
    }),
  )
  expect(DBInstanceAutomatedBackup).toMatchObject({
    Status: 'replicating',
    Region: target.home,
    BackupRetentionPeriod: 3,
  })
  await query(made, 'create table kept as select 42 as n')
  const after = Date.now()
  const backup = await until(async () => {
    const { DBInstanceAutomatedBackups } = await abroad.send(
      new DescribeDBInstanceAutomatedBackupsCommand({ DbiResourceId: made.DbiResourceId }),
    )
    const found = DBInstanceAutomatedBackups?.[0]
    return (found?.RestoreWindow?.LatestTime?.getTime() ?? 0) > after && found
  }, 3600)
  await rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: source, SkipFinalSnapshot: true }))
  await until(
    () =>
      describe(rds, source).then(
        () => false,
        () => true,
      ),
    900,
  )
  const copy = `api-${stamp}-replicated`
  await abroad.send(
    new RestoreDBInstanceToPointInTimeCommand({
      TargetDBInstanceIdentifier: copy,
      SourceDBInstanceAutomatedBackupsArn: backup.DBInstanceAutomatedBackupsArn,
      UseLatestRestorableTime: true,
      BackupRetentionPeriod: 0,
    }),
  )
  const restored = await untilStatus(abroad, copy, 'available', 3600)
  expect(await query(restored, 'select n from kept')).toEqual([{ n: 42 }])
  await abroad.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: copy, SkipFinalSnapshot: true }))
}, 3_600_000)

test('a cross-region replica follows, and ends when its source goes', async () => {
  const rds = target.rds()
  const abroad = target.rds(target.standby)
  const replica = `api-${stamp}-standby`
  await abroad.send(
    new CreateDBInstanceReadReplicaCommand({
      DBInstanceIdentifier: replica,
      SourceDBInstanceIdentifier: arn,
    }),
  )
  const made = await untilStatus(abroad, replica, 'available', 3600)
  expect(made).toMatchObject({
    ReadReplicaSourceDBInstanceIdentifier: arn,
    DBParameterGroups: [{ DBParameterGroupName: 'default.postgres18' }],
    DBSubnetGroup: { DBSubnetGroupName: 'default' },
    BackupRetentionPeriod: 0,
  })
  await query(await describe(rds, id), 'create table followed as select 7 as n')
  await until(() =>
    query(made, 'select n from followed').then(
      rows => rows[0]?.n === 7,
      () => false,
    ),
  )
  if (target.twin) {
    const { metrics } = target.twin
    const lag = await until(async () =>
      metrics.findLast(
        each => each.name === 'ReplicaLag' && each.dimensions.DBInstanceIdentifier === replica,
      ),
    )
    expect(lag).toMatchObject({ region: target.standby, namespace: 'AWS/RDS', unit: 'Seconds' })
    expect(lag.value).toBeLessThan(30)
    const faults = target.twin.rds().faults
    faults.stopReplication({ region: target.standby, instance: replica })
    await until(async () => (await describe(abroad, replica)).StatusInfos?.[0]?.Status === 'stopped')
    const before = metrics.length
    await until(async () => metrics.slice(before).some(each => each.name === 'ReplicaLag' && each.value > 3))
    faults.resumeReplication({ region: target.standby, instance: replica })
    await until(async () => (await describe(abroad, replica)).StatusInfos?.[0]?.Status === 'replicating')
  }
  await rds.send(
    new DeleteDBInstanceCommand({
      DBInstanceIdentifier: id,
      SkipFinalSnapshot: true,
      DeleteAutomatedBackups: false,
    }),
  )
  await until(
    () =>
      describe(rds, id).then(
        () => false,
        () => true,
      ),
    900,
  )
  const orphan = await describe(abroad, replica)
  expect(orphan.StatusInfos).toMatchObject([{ Normal: false, Status: 'terminated' }])
  expect(await query(orphan, 'select n from followed')).toEqual([{ n: 7 }])
  await abroad.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: replica, SkipFinalSnapshot: true }))
  const { DBInstanceAutomatedBackups } = await rds.send(
    new DescribeDBInstanceAutomatedBackupsCommand({ Filters: [{ Name: 'status', Values: ['retained'] }] }),
  )
  expect(DBInstanceAutomatedBackups?.map(each => each.DBInstanceIdentifier)).toContain(id)
  const { Events } = await rds.send(
    new DescribeEventsCommand({ SourceIdentifier: id, SourceType: 'db-instance' }),
  )
  expect(Events?.map(each => each.Message)).toEqual(
    expect.arrayContaining(['DB instance created', 'DB instance restarted', 'DB instance deleted']),
  )
}, 3_600_000)
