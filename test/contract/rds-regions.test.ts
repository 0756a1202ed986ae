import {
  CopyDBSnapshotCommand,
  CreateDBInstanceReadReplicaCommand,
  CreateDBSnapshotCommand,
  type DBInstance,
  DeleteDBInstanceCommand,
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBSnapshotsCommand,
  DescribeEventsCommand,
  DescribeExportTasksCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
  StartDBInstanceAutomatedBackupsReplicationCommand,
  StartExportTaskCommand,
} from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parquetReadObjects } from 'hyparquet'
import { createInstance, queryOn } from './instance.ts'
import { describe, openTarget, type Target, until, untilStatus } from './target.ts'

const stamp = Date.now().toString(36)
const id = `regions-${stamp}`
let target: Target
let arn: string

beforeAll(async () => {
  target = await openTarget()
  arn =
    (await createInstance(target, id, { Tags: [{ Key: 'a', Value: '1' }], CopyTagsToSnapshot: true }))
      .DBInstanceArn ?? ''
}, 3_600_000)

afterAll(async () => {
  await target.close()
}, 600_000)

const query = (instance: DBInstance, text: string) => queryOn(target, instance, text)

test('a snapshot is copied to another region, restored there, and exported as Parquet', async () => {
  const rds = target.rds()
  const abroad = target.rds(target.standby)
  await query(
    await describe(rds, id),
    "create table goods (id bigint primary key, name text, price numeric(10,2), sold boolean, at timestamptz); insert into goods select n, 'good ' || n, n / 3.0, n % 2 = 0, '2026-11-20 12:00+00' from generate_series(1, 3) n; insert into goods values (4)",
  )
  const DBSnapshotIdentifier = `regions-${stamp}`
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
  const restored = `regions-${stamp}-abroad`
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
  const source = `regions-${stamp}-source`
  const made = await createInstance(target, source)
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
  const copy = `regions-${stamp}-replicated`
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
  const replica = `regions-${stamp}-standby`
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
    expect.arrayContaining(['DB instance created', 'DB instance deleted']),
  )
}, 3_600_000)
