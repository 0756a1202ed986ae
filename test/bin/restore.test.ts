import { setTimeout as sleep } from 'node:timers/promises'
import {
  AddTagsToResourceCommand,
  CreateDBSnapshotCommand,
  DeleteDBInstanceCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  ModifyDBInstanceCommand,
} from '@aws-sdk/client-rds'
import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { invokeFunction } from '../../bin/drill/invoke.ts'
import { ownerConnection } from '../../bin/rehearsal/owner.ts'
import { findTail } from '../../bin/restore/archive.ts'
import type { Restored } from '../../bin/restore/show.ts'
import { type Archive, listSegments, readHeader } from '../../lambdas/runtime/segment/store.ts'
import { openStandingTwin, type StandingTwin } from '../lambdas/restore-drill/standing-twin.ts'
import { holdfast, start } from './run.ts'

let twin: StandingTwin
beforeAll(async () => {
  twin = await openStandingTwin()
  await asOwner({ database: 'postgres' }, client =>
    client.query('create table kept as select g from generate_series(1, 3) g'),
  )
  await archiveUpToNow()
}, 300_000)
afterAll(() => twin?.close(), 60_000)
afterEach(deleteRestored, 120_000)

const restore = (...args: string[]) => holdfast(['restore', '--env', 'dev', '--target', 'twin', ...args])
const readJson = (stdout: string) => JSON.parse(stdout) as Restored

async function instances() {
  return (await twin.rds.send(new DescribeDBInstancesCommand({}))).DBInstances ?? []
}

async function deleteRestored(): Promise<void> {
  for (;;) {
    const left = (await instances()).filter(found => found.DBInstanceIdentifier !== 'shop-dev')
    if (left.length === 0) return
    for (const { DBInstanceIdentifier, DBInstanceStatus, DeletionProtection } of left) {
      if (DBInstanceStatus !== 'available' && !DBInstanceStatus?.startsWith('incompatible-')) continue
      if (DeletionProtection)
        await twin.rds.send(
          new ModifyDBInstanceCommand({
            DBInstanceIdentifier,
            DeletionProtection: false,
            ApplyImmediately: true,
          }),
        )
      else await twin.rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier, SkipFinalSnapshot: true }))
    }
    await sleep(200)
  }
}

async function asOwner<T>(
  over: { host?: string; port?: number; database?: string },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...(await ownerConnection(twin.deployment)), ...over })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function archiveUpToNow(): Promise<void> {
  await invokeFunction(twin.lambda, await twin.deployment.output('home', 'ArchiverArn'), {})
}

/** Waits until the archive is proven to reach beyond the moment. */
async function archivedBeyond(moment: string): Promise<void> {
  const archive = await openArchive()
  for (;;) {
    try {
      await findTail(archive, moment, moment)
      return
    } catch (error) {
      const isEarly = error instanceof Error && ['ArchiveEndsBefore', 'ArchiveTooYoung'].includes(error.name)
      if (!isEarly) throw error
      await archiveUpToNow()
      await sleep(200)
    }
  }
}

async function openArchive(): Promise<Archive> {
  return { s3: twin.deployment.s3('home'), bucket: await twin.deployment.output('home', 'SegmentsBucket') }
}

/** A second after it, something is committed and archived. */
async function momentBefore(sql: string): Promise<string> {
  const at = await asOwner({}, async client => {
    const { rows } = await client.query<{ now: Date }>('select now()')
    return new Date(Math.ceil((rows[0]?.now.getTime() ?? 0) / 1_000) * 1_000)
  })
  while (Date.now() < at.getTime() + 1_100) await sleep(50)
  await asOwner({}, client => client.query(sql))
  return at.toISOString().replace('.000Z', 'Z')
}

test('a restored instance is proven, named, protected and like production, and holds its rows', async () => {
  const [primary] = await instances()
  await twin.rds.send(
    new AddTagsToResourceCommand({
      ResourceName: primary?.DBInstanceArn,
      Tags: [{ Key: 'holdfast:expires', Value: '2026-11-20T14:00:00Z' }],
    }),
  )
  const { code, stdout, stderr } = await restore('--to', 'latest', '--name', 'shop-dev-again', '--json')
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) })
  const restored = readJson(stdout)
  expect(restored).toMatchObject({ verdict: 'pass', identifier: 'shop-dev-again', rpo: { withTail: null } })
  const [found] = (await instances()).filter(each => each.DBInstanceIdentifier === 'shop-dev-again')
  expect(found).toMatchObject({
    DeletionProtection: true,
    BackupRetentionPeriod: 7,
    DBInstanceClass: 'db.t3.medium',
    DBSubnetGroup: { DBSubnetGroupName: 'shop-dev' },
    IAMDatabaseAuthenticationEnabled: true,
    PubliclyAccessible: false,
  })
  expect(found?.DBParameterGroups?.map(group => group.DBParameterGroupName)).toEqual(['shop-dev-postgres18'])
  expect(found?.VpcSecurityGroups).toEqual(primary?.VpcSecurityGroups)
  expect(found?.TagList?.map(tag => tag.Key).sort()).toEqual([
    'holdfast:cost-centre',
    'holdfast:environment',
    'holdfast:owner',
    'holdfast:restored',
  ])
  const rows = await asOwner({ host: restored.host ?? '', port: restored.port ?? 0 }, client =>
    client.query<{ n: number }>('select count(*)::int as n from public.orders'),
  )
  expect(rows.rows).toEqual([{ n: 5000 }])
}, 300_000)

test('with the archive a copy holds what was committed after the newest restorable moment, and equals production', async () => {
  await asOwner({}, client => client.query(`update public.orders set note = 'late' where id <= 7`))
  const { code, stdout, stderr } = await restore(
    '--to',
    'latest',
    '--with-archive',
    '--name',
    'shop-dev-tail',
    '--json',
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) })
  const restored = readJson(stdout)
  expect(restored.verdict).toBe('pass')
  expect(restored.rpo.applied?.transactions).toBeGreaterThan(0)
  // The tail belongs to the archived database alone: the other one ends where the restored copy did.
  const [archived, other] = restored.databases
  expect(archived).toEqual({
    name: twin.deployment.config.database.name,
    endsAt: restored.endsAt,
    rows: null,
  })
  expect(other).toMatchObject({ name: 'postgres', rows: 3 })
  expect(Date.parse(other?.endsAt ?? '')).toBeLessThan(Date.parse(restored.endsAt ?? ''))
  expect(restored.checks.find(check => check.name === 'databases.postgres')?.detail).toBe(
    `database postgres with 1 table and 3 rows is not compared; it ends where the restored copy did, at ${other?.endsAt}`,
  )
  expect(restored.rpo.withTail?.seconds).toBeLessThanOrEqual(restored.rpo.withoutTail?.seconds ?? 0)
  expect(
    restored.checks.filter(check => check.name.startsWith('roll-forward.')).map(check => check.verdict),
  ).not.toContain('fail')
  expect(restored.checks).toContainEqual(
    expect.objectContaining({ name: 'roll-forward.closed', verdict: 'pass' }),
  )
  const rows = await asOwner({ host: restored.host ?? '', port: restored.port ?? 0 }, client =>
    client.query<{ n: number }>(
      `select count(*)::int as n, holdfast.is_copy() as copy,
        current_setting('max_logical_replication_workers') <> '0' as "likeProduction"
      from public.orders where note = 'late'`,
    ),
  )
  expect(rows.rows).toEqual([{ n: 7, copy: false, likeProduction: true }])
}, 300_000)

test('a moment before a bad write comes back without it, though the archive holds it', async () => {
  const moment = await momentBefore('delete from public.orders where id > 100')
  await archivedBeyond(moment)
  const { code, stdout, stderr } = await restore(
    '--to',
    moment,
    '--with-archive',
    '--name',
    'shop-dev-before',
    '--json',
  )
  await asOwner({}, client =>
    client.query(
      `insert into public.orders overriding system value select i, i * 1.5, 'x' from generate_series(101, 5000) i`,
    ),
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) })
  const restored = readJson(stdout)
  expect(restored.rpo.withTail).toMatchObject({ transactions: 0, rows: 0 })
  const rows = await asOwner({ host: restored.host ?? '', port: restored.port ?? 0 }, client =>
    client.query<{ n: number }>('select count(*)::int as n from public.orders'),
  )
  expect(rows.rows).toEqual([{ n: 5000 }])
}, 300_000)

test('a snapshot comes back under its own time', async () => {
  const DBSnapshotIdentifier = 'kept'
  await twin.rds.send(new CreateDBSnapshotCommand({ DBSnapshotIdentifier, DBInstanceIdentifier: 'shop-dev' }))
  for (;;) {
    const { DBSnapshots } = await twin.rds.send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier }))
    if (DBSnapshots?.[0]?.Status === 'available') break
    await sleep(200)
  }
  const { code, stdout } = await restore('--to', 'kept')
  expect(stdout).toMatch(/shop-dev-restored-\d{8}t\d{6}z is proven, has production's groups/)
  expect(code).toBe(0)
  const refused = await restore('--to', 'kept', '--with-archive')
  expect(refused.stderr).toContain('a snapshot is restored onto the timeline of production')
}, 300_000)

test('a copy that breaks keeps its proving name, and the way to delete it is said', async () => {
  await twin.injure({ kind: 'fail-restores', count: 1 })
  const { code, stderr } = await restore('--to', 'latest', '--name', 'shop-dev-broken')
  expect(code).toBe(1)
  expect(stderr).toContain('drill-proving-shop-dev-broken is incompatible-restore')
  expect(stderr).toContain(
    'aws rds delete-db-instance --db-instance-identifier drill-proving-shop-dev-broken --skip-final-snapshot --region us-east-1',
  )
}, 120_000)

test('Ctrl-C in the middle ends at once, and says what stands and how to delete it', async () => {
  const command = start([
    'restore',
    '--env',
    'dev',
    '--target',
    'twin',
    '--to',
    'latest',
    '--name',
    'shop-dev-stopped',
  ])
  const stands = async () =>
    (await instances()).some(found => found.DBInstanceIdentifier === 'drill-proving-shop-dev-stopped')
  while (!(await stands())) await sleep(50)
  command.child.kill('SIGINT')
  const { code, stderr } = await command.ended
  expect(code).toBe(130)
  expect(stderr).toContain(
    'drill-proving-shop-dev-stopped may stand in us-east-1 (to become shop-dev-stopped), unproven, and costs until it is deleted',
  )
  expect(stderr).toContain(
    'aws rds delete-db-instance --db-instance-identifier drill-proving-shop-dev-stopped --skip-final-snapshot --region us-east-1',
  )
  // A person asked for it, so a person deletes it.
  expect(await stands()).toBe(true)
}, 120_000)

test.each([
  [['--to', 'latest', '--name', 'shop-dev'], `"shop-dev" is one of production's own identifiers`],
  [
    ['--to', 'latest', '--name', 'shop-dev-standby'],
    `"shop-dev-standby" is one of production's own identifiers`,
  ],
  [['--to', 'latest', '--name', 'drill-mine'], '"drill-mine" begins with drill-'],
  [['--to', 'latest', '--name', 'Shop_Dev'], '"Shop_Dev" is no name for the instance'],
  [['--to', '2020-01-01T00:00:00Z'], '2020-01-01T00:00:00Z lies before the restorable window 20'],
  [['--to', '2099-01-01T00:00:00Z', '--with-archive'], 's after the restorable window 20'],
  [['--to', 'no-such-snapshot'], 'there is no snapshot no-such-snapshot in us-east-1'],
  [['--to', 'random'], '--to random is for drills'],
  [['--to', '2026-11-20'], '2026-11-20 is no time with a zone'],
] as const)(
  '%j is refused before anything is made',
  async (args, said) => {
    const { code, stderr } = await restore(...args)
    expect(stderr).toContain(said)
    expect(stderr).toContain('HINT: ')
    expect(code).toBe(1)
    expect((await instances()).map(found => found.DBInstanceIdentifier)).toEqual(['shop-dev'])
  },
  180_000,
)

test.each([
  ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z lies before the restorable window 20'],
  ['2099-01-01T00:00:00Z', 's after the restorable window 20'],
  ['yesterday', 'there is no snapshot yesterday in us-east-1'],
])(
  'a drill to %s is refused before it leaves evidence',
  async (moment, said) => {
    const drilled = await holdfast(['drill', '--env', 'dev', '--target', 'twin', '--to', moment])
    expect(drilled.stderr).toContain(said)
    expect(drilled.stderr).toContain('HINT: ')
    expect(drilled.code).toBe(1)
    const { stdout } = await holdfast(['evidence', 'list', '--env', 'dev', '--target', 'twin'])
    expect(stdout.trim()).toBe('no drill has left evidence yet')
  },
  60_000,
)

test('a hole in the archive before the asked time is named, with how far it is whole', async () => {
  const archive = await openArchive()
  const keys: string[] = []
  while (keys.length < 3) {
    await archiveUpToNow()
    keys.length = 0
    for await (const { key } of listSegments(archive)) {
      const { header } = await readHeader(archive, key)
      if (header.lastCommit !== null) keys.push(key)
    }
  }
  const [first, hole] = keys.slice(-3)
  const { lastCommit } = (await readHeader(archive, first ?? '')).header
  // The lock keeps the bytes: what is put here is a mark that hides them.
  await archive.s3.send(new DeleteObjectCommand({ Bucket: archive.bucket, Key: hole }))
  await expect(findTail(archive, lastCommit ?? '', null)).rejects.toThrow(
    `the archive is whole only until ${lastCommit}, then `,
  )
}, 120_000)
