import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateDBInstanceCommand,
  CreateDBInstanceReadReplicaCommand,
  CreateDBParameterGroupCommand,
  DeleteDBInstanceCommand,
  ModifyDBInstanceCommand,
  ModifyDBParameterGroupCommand,
  PromoteReadReplicaCommand,
  RestoreDBInstanceToPointInTimeCommand,
} from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describe, openTarget, type Target, until, untilStatus } from '../../contract/target.ts'

const login = { user: 'master', password: 'correct-horse', database: 'shop' }
const at = { region: 'us-east-1', instance: 'shop' }

let target: Target

beforeAll(async () => {
  target = await openTarget()
  await target.rds().send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: 'shop',
      Engine: 'postgres',
      DBInstanceClass: 'db.t4g.micro',
      MasterUsername: login.user,
      MasterUserPassword: login.password,
      DBName: login.database,
    }),
  )
  await untilStatus(target.rds(), 'shop', 'available')
}, 120_000)

afterAll(() => target.close(), 60_000)

const faults = () => target.twin!.rds().faults

async function query(id: string, text: string, region?: string) {
  const client = await target.connect(await describe(target.rds(region), id), login)
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const restore = (id: string) =>
  target.rds().send(
    new RestoreDBInstanceToPointInTimeCommand({
      SourceDBInstanceIdentifier: 'shop',
      TargetDBInstanceIdentifier: id,
      UseLatestRestorableTime: true,
      BackupRetentionPeriod: 0,
    }),
  )

async function statusOf(id: string) {
  return until(async () => {
    const { DBInstanceStatus } = await describe(target.rds(), id)
    return /^(available|failed|incompatible-.*)$/.test(DBInstanceStatus ?? '') && DBInstanceStatus
  })
}

async function remove(id: string) {
  await target.rds().send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: id, SkipFinalSnapshot: true }))
  await until(() =>
    describe(target.rds(), id).then(
      () => false,
      () => true,
    ),
  )
}

/** A moment that can be restored and comes after everything before this call. */
async function untilRestorable() {
  const now = Date.now()
  await until(async () => ((await describe(target.rds(), 'shop')).LatestRestorableTime?.getTime() ?? 0) > now)
}

test('a restore that is made to fail ends as incompatible-restore, and the next one does not', async () => {
  await untilRestorable()
  faults().failRestores(1)
  await restore('unlucky')
  expect(await statusOf('unlucky')).toBe('incompatible-restore')
  await remove('unlucky')
  await restore('lucky')
  expect(await statusOf('lucky')).toBe('available')
  await remove('lucky')
})

test('what was restored serves and takes changes while its blocks still come', async () => {
  await untilRestorable()
  faults().holdBlocks(true)
  try {
    await restore('slow')
    const early = await until(async () => {
      const { DBInstanceStatus } = await describe(target.rds(), 'slow')
      return DBInstanceStatus !== 'creating' && DBInstanceStatus
    })
    expect(early).toBe('storage-initialization')
    const MasterUserPassword = 'another-password'
    await target.rds().send(
      new ModifyDBInstanceCommand({
        DBInstanceIdentifier: 'slow',
        MasterUserPassword,
        ApplyImmediately: true,
      }),
    )
    await until(async () => {
      const slow = await describe(target.rds(), 'slow')
      return slow.PendingModifiedValues?.MasterUserPassword === undefined && slow.DBInstanceStatus === early
    })
  } finally {
    faults().holdBlocks(false)
  }
  expect(await statusOf('slow')).toBe('available')
  await remove('slow')
})

test('an instance that fails in its making leaves no server behind', async () => {
  // Under it the owner cannot be made.
  const DBParameterGroupName = 'read-only'
  await target.rds().send(
    new CreateDBParameterGroupCommand({
      DBParameterGroupName,
      DBParameterGroupFamily: 'postgres18',
      Description: 'read-only',
    }),
  )
  const parameter = { ParameterName: 'default_transaction_read_only', ParameterValue: '1' }
  await target.rds().send(
    new ModifyDBParameterGroupCommand({
      DBParameterGroupName,
      Parameters: [{ ...parameter, ApplyMethod: 'immediate' }],
    }),
  )
  await target.rds().send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: 'half-made',
      Engine: 'postgres',
      DBInstanceClass: 'db.t4g.micro',
      MasterUsername: login.user,
      MasterUserPassword: login.password,
      DBParameterGroupName,
    }),
  )
  expect(await statusOf('half-made')).toBe('failed')
  const { DbiResourceId = '' } = await describe(target.rds(), 'half-made')
  const folder = join(target.twin!.root, 'clusters', DbiResourceId.toLowerCase())
  expect(existsSync(join(folder, 'postgresql.log'))).toBe(true)
  expect(serversIn(folder)).toEqual([])
  await remove('half-made')
})

/** The command lines of the processes that name this folder. */
const serversIn = (folder: string) =>
  execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' })
    .split('\n')
    .filter(line => line.includes(folder))

test('a killed instance comes back by itself and says so', async () => {
  await query('shop', 'create table t as select 1 as n')
  await faults().killInstance(at)
  const rows = await until(() => query('shop', 'select n from t').catch(() => undefined))
  expect(rows).toEqual([{ n: 1 }])
  expect(target.twin!.events.map(event => event.id)).toEqual(
    expect.arrayContaining(['RDS-EVENT-0020', 'RDS-EVENT-0021']),
  )
})

test('flipped bytes in a page are found by the checksums of PostgreSQL', async () => {
  await query(
    'shop',
    "create table pages as select n, repeat('x', 100) from generate_series(1, 1000) n; checkpoint",
  )
  await faults().corruptPage({ ...at, database: 'shop', relation: 'pages', page: 2 })
  await expect(query('shop', 'select count(*) from pages')).rejects.toMatchObject({ code: 'XX001' })
  await query('shop', 'drop table pages')
})

test('a lost region is silent; its standby elsewhere is promoted with what it had', async () => {
  const abroad = target.rds('us-west-2')
  const { DBInstanceArn } = await describe(target.rds(), 'shop')
  await abroad.send(
    new CreateDBInstanceReadReplicaCommand({
      DBInstanceIdentifier: 'standby',
      SourceDBInstanceIdentifier: DBInstanceArn,
    }),
  )
  await untilStatus(abroad, 'standby', 'available')
  await query('shop', 'create table before as select 1 as n')
  await until(() => query('standby', 'select n from before', 'us-west-2').catch(() => undefined))
  await faults().loseRegion('us-east-1')
  const outcome = await Promise.race([
    query('shop', 'select 1').then(
      () => 'answered',
      () => 'refused',
    ),
    new Promise(resolve => setTimeout(resolve, 500, 'silent')),
  ])
  expect(outcome).toBe('silent')
  await until(async () => (await describe(abroad, 'standby')).StatusInfos?.[0]?.Normal === false)
  await abroad.send(
    new PromoteReadReplicaCommand({ DBInstanceIdentifier: 'standby', BackupRetentionPeriod: 0 }),
  )
  await until(async () => {
    const now = await describe(abroad, 'standby')
    return now.DBInstanceStatus === 'available' && !now.ReadReplicaSourceDBInstanceIdentifier
  })
  await query('standby', 'insert into before values (2)', 'us-west-2')
  await faults().returnRegion('us-east-1')
  expect(await query('shop', 'select n from before')).toEqual([{ n: 1 }])
  expect(await query('standby', 'select n from before', 'us-west-2')).toEqual([{ n: 1 }, { n: 2 }])
})

test('a dropped segment makes what lies behind it unreachable: the restore fails and says so', async () => {
  await untilRestorable()
  const said = faults().dropSegment(at)
  expect(said).toMatch(/^removed .*[0-9A-F]{24}(\.gz)?$/)
  await query('shop', 'create table after_gap as select 1 as n')
  await untilRestorable()
  await restore('gap')
  expect(await statusOf('gap')).toBe('incompatible-restore')
  const told = target.twin!.events.findLast(event => event.sourceIdentifier === 'gap')
  expect(told).toMatchObject({ id: 'RDS-EVENT-0031', categories: ['failure'] })
})
