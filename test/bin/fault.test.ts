import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BackupClient,
  CreateBackupPlanCommand,
  CreateBackupSelectionCommand,
  CreateBackupVaultCommand,
  ListRecoveryPointsByBackupVaultCommand,
} from '@aws-sdk/client-backup'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import {
  CreateDBInstanceReadReplicaCommand,
  CreateDBSnapshotCommand,
  type DBInstance,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  DescribeEventsCommand,
  ListTagsForResourceCommand,
  RDSClient,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
} from '@aws-sdk/client-rds'
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { stopTwin } from '../../bin/commands/down.ts'
import { openDeployment } from '../../bin/drill/deployment.ts'
import { ownerConnection } from '../../bin/rehearsal/owner.ts'
import type { LiveTwin } from '../../bin/target.ts'
import { bringUp } from '../../bin/twin-process.ts'
import { assembly } from '../support/assembly.ts'
import { until } from '../twin/lambda/fixture.ts'
import { holdfast } from './run.ts'

// One twin of the dev environment for the whole file. Each fault is made on the command line and seen from outside.
const root = mkdtempSync(join(tmpdir(), 'holdfast-fault-'))
let twin: LiveTwin
let owner: pg.ClientConfig
let reaper: string
const clients: { destroy(): void }[] = []
const made = <T extends { destroy(): void }>(client: T): T => {
  clients.push(client)
  return client
}
const config = (region = 'us-east-1') => ({
  region,
  endpoint: twin.endpoint,
  credentials: twin.credentials,
  maxAttempts: 1,
})
let rds: RDSClient
let s3: S3Client

async function fault(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await holdfast(['fault', ...words], { HOLDFAST_TWINS: root })
  if (code !== 0) throw new Error(stderr.trim())
  return stdout.trim()
}

async function describe(id: string, client = rds): Promise<DBInstance> {
  const { DBInstances } = await client.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: id }))
  return DBInstances![0]!
}

const untilSettled = (id: string) =>
  until(async () => {
    const { DBInstanceStatus = '' } = await describe(id)
    return /^(available|failed|incompatible-.*)$/.test(DBInstanceStatus) ? DBInstanceStatus : undefined
  }, 90)

/** Asks an instance as its owner: a copy and a replica know the password of their source. */
async function query(id: string, text: string): Promise<unknown[]> {
  const { Endpoint } = await describe(id)
  const client = new pg.Client({ ...owner, host: Endpoint!.Address!, port: Endpoint!.Port! })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const look = () => rds.send(new DescribeDBInstancesCommand({}))

beforeAll(async () => {
  chmodSync(root, 0o711)
  process.env.HOLDFAST_TWINS = root
  const { directory } = await assembly('dev')
  const request = { environment: 'dev', assembly: directory, only: [], noIam: false }
  twin = (await bringUp({ ...request, lag: 1, pauseSchedules: true }, () => {})).twin
  rds = made(new RDSClient(config()))
  s3 = made(new S3Client({ ...config(), forcePathStyle: true }))
  const deployment = await openDeployment({ env: 'dev', target: 'twin' })
  owner = await ownerConnection(deployment)
  reaper = await deployment.output('home', 'ReaperArn')
  await deployment[Symbol.asyncDispose]()
}, 300_000)

afterAll(async () => {
  for (const client of clients) client.destroy()
  if (twin) await stopTwin(twin)
  rmSync(root, { recursive: true, force: true })
}, 300_000)

test('the next calls of an action are throttled, fail, wait or lose their answer, and then no more', async () => {
  const on = (service: string, operation: string, times: number) =>
    ['--service', service, '--operation', operation, '--times', String(times)] as const
  await fault('add', 'throttle', ...on('rds', 'DescribeDB*', 2))
  for (const _ of [1, 2]) await expect(look()).rejects.toMatchObject({ name: 'Throttling' })
  await look()
  await fault('add', 'fail', ...on('s3', 'CreateBucket', 1), '--code', 'SlowDown', '--status', '503')
  const create = () => s3.send(new CreateBucketCommand({ Bucket: 'faulty' }))
  await expect(create()).rejects.toMatchObject({ name: 'SlowDown', $metadata: { httpStatusCode: 503 } })
  await fault('add', 'lose-answer', ...on('s3', 'CreateBucket', 1))
  await expect(create()).rejects.toThrow(/socket hang up|ECONNRESET/)
  await expect(create()).rejects.toMatchObject({ name: 'BucketAlreadyOwnedByYou' })
  await fault('add', 'delay', ...on('rds', 'DescribeDBInstances', 1), '--ms', '1200')
  const began = performance.now()
  await look()
  expect(performance.now() - began).toBeGreaterThan(1_190)
  expect(await fault('list')).toBe('no fault waits')
}, 300_000)

test('a call that hangs is let go when the fault is cleared', async () => {
  await fault('add', 'hang', '--service', 'rds', '--operation', 'DescribeEvents')
  const hanging = rds.send(new DescribeEventsCommand({})).then(
    () => 'answered',
    (error: Error) => error.name,
  )
  await until(async () => (await fault('list')).includes('rds:DescribeEvents'))
  expect(await fault('clear')).toBe('no fault is left')
  expect(await hanging).toBe('ServiceUnavailable')
}, 300_000)

test('an object that is dropped is gone, one that is corrupted is not what was put', async () => {
  const Bucket = 'faulty'
  for (const Key of ['a', 'b']) await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'as it was put' }))
  expect(await fault('drop-object', Bucket, 'a')).toBe('dropped a from faulty')
  await expect(s3.send(new GetObjectCommand({ Bucket, Key: 'a' }))).rejects.toMatchObject({
    name: 'NoSuchKey',
  })
  expect(await fault('corrupt-object', Bucket, 'b')).toBe('flipped a byte of b in faulty')
  const read = async (ChecksumMode?: 'ENABLED') => {
    const { Body } = await s3.send(
      new GetObjectCommand({ Bucket, Key: 'b', ...(ChecksumMode && { ChecksumMode }) }),
    )
    return Body!.transformToString('latin1')
  }
  await expect(read('ENABLED')).rejects.toThrow(/[Cc]hecksum mismatch/)
}, 300_000)

test('a killed primary and a killed function come back', async () => {
  await query('shop-dev', 'create table public.kept as select 1 as n')
  expect(await fault('kill-instance', 'shop-dev')).toBe('killed the PostgreSQL of shop-dev')
  expect(
    await until(() => query('shop-dev', 'select n from public.kept').catch(() => undefined), 60),
  ).toEqual([{ n: 1 }])
  // A process stays for a while after its last event.
  await made(new LambdaClient(config())).send(new InvokeCommand({ FunctionName: reaper, Payload: '{}' }))
  expect(await fault('kill-function', 'Reaper')).toMatch(/^killed .*Reaper.* \(\d+\)$/)
}, 300_000)

test('a replica whose replication is stopped stays behind, and catches up afterwards', async () => {
  await rds.send(
    new CreateDBInstanceReadReplicaCommand({
      DBInstanceIdentifier: 'follower',
      SourceDBInstanceIdentifier: 'shop-dev',
    }),
  )
  expect(await untilSettled('follower')).toBe('available')
  const seen = () => query('follower', 'select n from public.kept order by n')
  await until(async () => (await seen().catch(() => [])).length === 1)
  await fault('stop-replication', 'follower')
  await until(async () => (await describe('follower')).StatusInfos?.[0]?.Status === 'stopped')
  await query('shop-dev', 'insert into public.kept values (2)')
  expect(await seen()).toEqual([{ n: 1 }])
  await fault('resume-replication', 'follower')
  await until(async () => (await seen()).length === 2 || undefined)
}, 300_000)

test('flipped bytes in a page of a copy are found by its checksums; the source has none of it', async () => {
  await query(
    'shop-dev',
    "create table public.pages as select n, repeat('x', 100) from generate_series(1, 500) n",
  )
  await rds.send(
    new CreateDBSnapshotCommand({ DBInstanceIdentifier: 'shop-dev', DBSnapshotIdentifier: 'before' }),
  )
  await until(async () => {
    const { DBSnapshots } = await rds.send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: 'before' }))
    return DBSnapshots?.[0]?.Status === 'available'
  }, 60)
  await rds.send(
    new RestoreDBInstanceFromDBSnapshotCommand({
      DBInstanceIdentifier: 'copy',
      DBSnapshotIdentifier: 'before',
    }),
  )
  expect(await untilSettled('copy')).toBe('available')
  const page = ['--database', String(owner.database), '--relation', 'public.pages', '--page', '2']
  expect(await fault('corrupt-page', 'copy', ...page)).toBe('flipped 64 bytes of page 2 of public.pages')
  await expect(query('copy', 'select count(*) from public.pages')).rejects.toMatchObject({ code: 'XX001' })
  expect(await query('shop-dev', 'select count(*)::int from public.pages')).toEqual([{ count: 500 }])
  await expect(fault('corrupt-page', 'copy', ...page.slice(0, -1), '9999')).rejects.toThrow(
    /ends before byte/,
  )
}, 300_000)

test('a lost region does not answer until it is back', async () => {
  const abroad = made(new S3Client({ ...config('us-west-2'), forcePathStyle: true }))
  const there = made(new RDSClient(config('us-west-2')))
  await fault('lose-region', 'us-west-2')
  const silent = there.send(new DescribeDBInstancesCommand({})).then(
    () => 'answered',
    (error: Error) => error.name,
  )
  await look()
  expect(await fault('return-region', 'us-west-2')).toBe('us-west-2 is back')
  expect(await silent).toBe('ServiceUnavailable')
  await there.send(new DescribeDBInstancesCommand({}))
  await abroad.send(new CreateBucketCommand({ Bucket: 'there' }))
}, 300_000)

test('a clock that is moved refuses signatures, and brings what is due: a backup plan runs', async () => {
  const vault = { BackupVaultName: 'ahead' }
  const backups = made(new BackupClient(config()))
  await backups.send(new CreateBackupVaultCommand(vault))
  const inTwoHours = new Date(Date.now() + 2 * 3_600_000).getUTCHours()
  const { BackupPlanId } = await backups.send(
    new CreateBackupPlanCommand({
      BackupPlan: {
        BackupPlanName: 'ahead',
        Rules: [
          {
            RuleName: 'soon',
            TargetBackupVaultName: 'ahead',
            ScheduleExpression: `cron(0 ${inTwoHours} * * ? *)`,
          },
        ],
      },
    }),
  )
  await backups.send(
    new CreateBackupSelectionCommand({
      BackupPlanId,
      BackupSelection: {
        SelectionName: 'one',
        IamRoleArn: `arn:aws:iam::${twin.account}:role/backup`,
        Resources: [(await describe('shop-dev')).DBInstanceArn!],
      },
    }),
  )
  await holdfast(['schedule', 'resume'], { HOLDFAST_TWINS: root })
  await fault('skew-clock', '7200')
  const late = made(new RDSClient(config()))
  await expect(late.send(new ListTagsForResourceCommand({ ResourceName: 'x' }))).rejects.toThrow(
    /expired|skew/i,
  )
  await fault('skew-clock', '0')
  await holdfast(['schedule', 'pause'], { HOLDFAST_TWINS: root })
  const points = () => backups.send(new ListRecoveryPointsByBackupVaultCommand(vault))
  const [point] = await until(async () => {
    const { RecoveryPoints = [] } = await points()
    return RecoveryPoints.length > 0 ? RecoveryPoints : undefined
  }, 60)
  expect(point).toMatchObject({ ResourceType: 'RDS', Status: 'COMPLETED' })
  const { DBSnapshots } = await rds.send(
    new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: point!.RecoveryPointArn! }),
  )
  expect(DBSnapshots).toMatchObject([{ SnapshotType: 'awsbackup', Status: 'available' }])
}, 300_000)

// Each on an instance whose archive is whole until then.
test.each([
  ['corrupt-wal', 'copy'],
  ['drop-wal', 'shop-dev'],
])(
  '%s: a restore that needs the segment fails and says why',
  async (injury, source) => {
    const untilRestorableNow = async () => {
      const now = Date.now()
      await until(async () => ((await describe(source)).LatestRestorableTime?.getTime() ?? 0) > now, 60)
    }
    const restore = async (id: string) => {
      await rds.send(
        new RestoreDBInstanceToPointInTimeCommand({
          SourceDBInstanceIdentifier: source,
          TargetDBInstanceIdentifier: id,
          UseLatestRestorableTime: true,
          BackupRetentionPeriod: 0,
        }),
      )
      return untilSettled(id)
    }
    await untilRestorableNow()
    expect(await restore(`before-${injury}`)).toBe('available')
    expect(await fault(injury, source)).toMatch(/^(flipped 64 bytes of|removed) .*[0-9A-F]{24}(\.gz)?$/)
    await untilRestorableNow()
    expect(await restore(`after-${injury}`)).toBe('incompatible-restore')
    const { Events } = await rds.send(
      new DescribeEventsCommand({ SourceIdentifier: `after-${injury}`, SourceType: 'db-instance' }),
    )
    expect(Events!.at(-1)!.Message).toContain('recovery ended before configured recovery target was reached')
  },
  300_000,
)

test('what is not there is refused with a sentence and a hint', async () => {
  const refusals: readonly (readonly [string[], RegExp])[] = [
    [['explode'], /unknown command 'explode'\nHINT: holdfast fault --help/],
    [['add', 'explode'], /there is no effect explode\nHINT: use throttle/],
    [['add', 'throttle', '--service', 'rsd'], /the twin has no service rsd\nHINT: it has backup, /],
    [
      ['add', 'throttle', '--service', 'rds', '--operation', 'DescribeInstances'],
      /rds has no operation DescribeInstances\nHINT: it has .*DescribeDBInstances/,
    ],
    [['add', 'throttle', '--times', '0'], /a fault cannot touch 0 calls\nHINT:/],
    [['add', 'delay', '--ms', 'long'], /"long" is not a number\nHINT:/],
    [['add', 'fail', '--status', '200'], /200 is less than is possible\nHINT: give a number from 400 to 599/],
    [['add', 'hang', '--region', 'mars-1'], /no region mars-1\nHINT: it has us-east-1/],
    [['clear', 'fault-999'], /there is no fault fault-999\nHINT:/],
    [['kill-instance', 'nothing'], /no region has an instance nothing\nHINT:/],
    [['kill-function', 'nothing'], /no process of a function called nothing is running\nHINT:/],
    [['stop-replication', 'shop-dev'], /shop-dev follows no other instance\nHINT:/],
    [['drop-object', 'faulty', 'never'], /The specified key does not exist.*\nHINT:/],
    [['drop-object', 'no-such-bucket', 'never'], /The specified (bucket|key) does not exist.*\nHINT:/],
    // Far away: a segment a second ends here.
    [['corrupt-wal', 'shop-dev', '--segment', '00000001000000FF000000FF'], /no archived segment.*\nHINT:/],
    [
      ['corrupt-page', 'shop-dev', '--database', 'postgres', '--relation', 'nothing'],
      /relation "nothing" does not exist.*\nHINT:/,
    ],
    [['lose-region', 'mars-1'], /the twin has no region mars-1\nHINT:/],
    [['return-region', 'mars-1'], /the twin has no region mars-1\nHINT:/],
    [['skew-clock', 'soon'], /"soon" is not a number\nHINT:/],
    [['fail-restores', '--', '-1'], /-1 is less than is possible\nHINT:/],
  ]
  for (const [words, sentence] of refusals) await expect(fault(...words)).rejects.toThrow(sentence)
}, 300_000)
