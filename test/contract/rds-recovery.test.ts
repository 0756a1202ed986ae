import {
  CreateDBInstanceCommand,
  CreateDBInstanceReadReplicaCommand,
  CreateDBSnapshotCommand,
  DeleteDBInstanceCommand,
  ModifyDBInstanceCommand,
  PromoteReadReplicaCommand,
  RebootDBInstanceCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
  waitUntilDBInstanceAvailable,
  waitUntilDBInstanceDeleted,
  waitUntilDBSnapshotAvailable,
} from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type pg from 'pg'
import { describe, openTarget, type Target, until, untilStatus } from './target.ts'

const login = { user: 'master', password: 'correct-horse', database: 'shop' }
const stamp = Date.now().toString(36)
const id = `contract-${stamp}`
const made: string[] = []
const waiting = { maxWaitTime: 3600, minDelay: 1, maxDelay: 2 }

let target: Target

beforeAll(async () => {
  target = await openTarget()
  const rds = target.rds()
  made.push(id)
  await rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: id,
      Engine: 'postgres',
      DBInstanceClass: 'db.t4g.micro',
      AllocatedStorage: 20,
      MasterUsername: login.user,
      MasterUserPassword: login.password,
      DBName: login.database,
      MultiAZ: true,
      BackupRetentionPeriod: 1,
      Tags: [{ Key: 'holdfast:environment', Value: 'contract' }],
    }),
  )
  await waitUntilDBInstanceAvailable({ client: rds, ...waiting }, { DBInstanceIdentifier: id })
  await query(id, 'create table t (n int primary key)')
}, 3_600_000)

afterAll(async () => {
  for (const each of made) await destroy(each).catch(() => {})
  await target.close()
}, 3_600_000)

async function withClient<T>(instance: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await target.connect(await describe(target.rds(), instance), login)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const query = (instance: string, text: string, values: unknown[] = []) =>
  withClient(instance, async client => (await client.query(text, values)).rows)

const numbers = async (instance: string) =>
  (await query(instance, 'select n from t order by n')).map(row => row.n)

async function destroy(instance: string) {
  const rds = target.rds()
  await rds.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: instance, DeletionProtection: false }))
  await rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: instance, SkipFinalSnapshot: true }))
  await waitUntilDBInstanceDeleted({ client: rds, ...waiting }, { DBInstanceIdentifier: instance })
  made.splice(made.indexOf(instance), 1)
}

/** Inserts a row and returns a millisecond at which it is in and nothing later is. */
async function insert(n: number): Promise<number> {
  return withClient(id, async client => {
    await client.query('insert into t values ($1)', [n])
    const { rows } = await client.query(
      'select ceil(extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000)::float8 as at from t where n = $1',
      [n],
    )
    await client.query('select pg_sleep(0.005)')
    return rows[0].at
  })
}

test('a point-in-time restore is exact to the row at four moments, and gets the default groups', async () => {
  const rds = target.rds()
  const moments: number[] = []
  for (const n of [1, 2, 3, 4]) moments.push(await insert(n))
  await insert(5)
  const last = moments[3]!
  await until(async () => ((await describe(rds, id)).LatestRestorableTime?.getTime() ?? 0) >= last, 900)
  for (const [index, moment] of moments.entries()) {
    const copy = `drill-${stamp}-${index}`
    made.push(copy)
    await rds.send(
      new RestoreDBInstanceToPointInTimeCommand({
        SourceDBInstanceIdentifier: id,
        TargetDBInstanceIdentifier: copy,
        RestoreTime: new Date(moment),
        Tags: index === 0 ? [{ Key: 'holdfast:drill', Value: 'x' }] : undefined,
      }),
    )
    const restored = await untilStatus(rds, copy, 'available', 3600)
    expect(await numbers(copy)).toEqual([1, 2, 3, 4].slice(0, index + 1))
    expect(restored).toMatchObject({
      MultiAZ: false,
      DeletionProtection: false,
      DBParameterGroups: [{ DBParameterGroupName: 'default.postgres18', ParameterApplyStatus: 'in-sync' }],
      DBSubnetGroup: { DBSubnetGroupName: 'default' },
      TagList:
        index === 0
          ? [{ Key: 'holdfast:drill', Value: 'x' }]
          : [{ Key: 'holdfast:environment', Value: 'contract' }],
    })
    await query(copy, 'insert into t values (99)')
    await destroy(copy)
  }
}, 3_600_000)

test('a restore outside the window is refused in the words of RDS', async () => {
  const restore = (RestoreTime: Date) =>
    target.rds().send(
      new RestoreDBInstanceToPointInTimeCommand({
        SourceDBInstanceIdentifier: id,
        TargetDBInstanceIdentifier: `drill-${stamp}-never`,
        RestoreTime,
      }),
    )
  await expect(restore(new Date(Date.now() + 3_600_000))).rejects.toMatchObject({
    name: 'InvalidParameterValue',
    message: expect.stringMatching(
      /^The specified instance cannot be restored to a time later than \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.$/,
    ),
  })
  await expect(restore(new Date(Date.now() - 40 * 86_400_000))).rejects.toMatchObject({
    name: 'InvalidParameterValue',
    message: expect.stringMatching(
      /cannot be restored to a time earlier than .*Z because its backup retention period is set to 1 days\.$/,
    ),
  })
})

test('a snapshot has the rows from before it and none from after', async () => {
  const rds = target.rds()
  const before = await numbers(id)
  await rds.send(
    new CreateDBSnapshotCommand({ DBInstanceIdentifier: id, DBSnapshotIdentifier: `s-${stamp}` }),
  )
  await waitUntilDBSnapshotAvailable({ client: rds, ...waiting }, { DBSnapshotIdentifier: `s-${stamp}` })
  await query(id, 'insert into t values (1000)')
  await untilStatus(rds, id, 'available', 3600)
  const copy = `drill-${stamp}-snapshot`
  made.push(copy)
  await rds.send(
    new RestoreDBInstanceFromDBSnapshotCommand({
      DBInstanceIdentifier: copy,
      DBSnapshotIdentifier: `s-${stamp}`,
    }),
  )
  await untilStatus(rds, copy, 'available', 3600)
  expect(await numbers(copy)).toEqual(before)
  await destroy(copy)
}, 3_600_000)

test('a failover keeps the endpoint, changes the zone and loses no committed row', async () => {
  const rds = target.rds()
  const before = await describe(rds, id)
  const acknowledged: number[] = []
  let n = 2000
  let isWriting = true
  const writing = (async () => {
    while (isWriting) {
      const client = await target.connect(before, login).catch(() => undefined)
      if (!client) continue
      try {
        while (isWriting) {
          n++
          await client.query('insert into t values ($1)', [n])
          acknowledged.push(n)
        }
      } catch {
        // The failover cut the connection: whether this row was committed is not known, so it is not counted.
      } finally {
        await client.end().catch(() => {})
      }
    }
  })()
  await until(async () => acknowledged.length > 50)
  await rds.send(new RebootDBInstanceCommand({ DBInstanceIdentifier: id, ForceFailover: true }))
  const after = await until(async () => {
    const now = await describe(rds, id)
    return now.DBInstanceStatus === 'available' && now.AvailabilityZone !== before.AvailabilityZone && now
  }, 900)
  const countAfter = acknowledged.length
  await until(async () => acknowledged.length > countAfter + 50)
  isWriting = false
  await writing
  expect(after.Endpoint).toEqual(before.Endpoint)
  expect(after.SecondaryAvailabilityZone).toBe(before.AvailabilityZone)
  const there = new Set(await numbers(id))
  expect(acknowledged.filter(each => !there.has(each))).toEqual([])
  await query(id, 'delete from t where n >= 2000')
}, 3_600_000)

test('a replica follows, is promoted, and has backups of its own', async () => {
  const rds = target.rds()
  const replica = `contract-${stamp}-replica`
  made.push(replica)
  await rds.send(
    new CreateDBInstanceReadReplicaCommand({ DBInstanceIdentifier: replica, SourceDBInstanceIdentifier: id }),
  )
  const following = await untilStatus(rds, replica, 'available', 3600)
  expect(following.ReadReplicaSourceDBInstanceIdentifier).toBe(id)
  expect(following.StatusInfos).toMatchObject([
    { StatusType: 'read replication', Normal: true, Status: 'replicating' },
  ])
  expect((await describe(rds, id)).ReadReplicaDBInstanceIdentifiers).toEqual([replica])
  await query(id, 'insert into t values (3000)')
  await until(async () => (await numbers(replica)).includes(3000), 60)
  await expect(query(replica, 'insert into t values (3001)')).rejects.toMatchObject({ code: '25006' })
  await rds.send(new PromoteReadReplicaCommand({ DBInstanceIdentifier: replica, BackupRetentionPeriod: 1 }))
  const promoted = await until(async () => {
    const now = await describe(rds, replica)
    return now.DBInstanceStatus === 'available' && !now.ReadReplicaSourceDBInstanceIdentifier && now
  }, 3600)
  expect(promoted.Endpoint).toEqual(following.Endpoint)
  await query(replica, 'insert into t values (3002)')
  expect((await describe(rds, id)).ReadReplicaDBInstanceIdentifiers ?? []).toEqual([])
  await until(async () => (await describe(rds, replica)).LatestRestorableTime !== undefined, 900)
  await destroy(replica)
}, 3_600_000)

test('a protected instance is not deleted', async () => {
  const rds = target.rds()
  await rds.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: id, DeletionProtection: true }))
  await until(async () => (await describe(rds, id)).DeletionProtection)
  await expect(
    rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: id, SkipFinalSnapshot: true })),
  ).rejects.toMatchObject({
    name: 'InvalidParameterCombination',
    message: 'Cannot delete protected DB Instance, please disable deletion protection and try again.',
  })
})
