import { setTimeout as sleep } from 'node:timers/promises'
import {
  GetDurableExecutionCommand,
  GetDurableExecutionHistoryCommand,
  StopDurableExecutionCommand,
} from '@aws-sdk/client-lambda'
import {
  AddTagsToResourceCommand,
  CreateDBSnapshotCommand,
  DescribeDBInstancesCommand,
  DescribeDBSnapshotsCommand,
  waitUntilDBSnapshotAvailable,
} from '@aws-sdk/client-rds'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { readHistory } from '../../../bin/drill/follow.ts'
import { invokeFunction } from '../../../bin/drill/invoke.ts'
import { stopDrill } from '../../../bin/drill/start.ts'
import { readBucket } from '../../../bin/evidence/read.ts'
import type { BackupReport } from '../../../lambdas/backup-verification/request.ts'
import type { Reaped } from '../../../lambdas/reaper/reap.ts'
import { copyIdentifier, drillId } from '../../../lambdas/restore-drill/copy.ts'
import { verifyChain } from '../../../lambdas/runtime/evidence/verify.ts'
import { stepIn } from '../../../lambdas/runtime/failure.ts'
import { openStandingTwin, type StandingTwin } from './standing-twin.ts'

let twin: StandingTwin
beforeAll(async () => {
  twin = await openStandingTwin()
}, 300_000)
afterAll(() => twin?.close(), 300_000)
afterEach(async () => {
  await twin.control('fault-clear')
  await twin.injure({ kind: 'delay-restores', seconds: 0 })
  expect(await instances()).toEqual(['shop-dev'])
}, 300_000)

async function instances(): Promise<string[]> {
  const { DBInstances = [] } = await twin.rds.send(new DescribeDBInstancesCommand({}))
  return DBInstances.map(found => found.DBInstanceIdentifier ?? '').sort()
}

async function appears(identifier: string): Promise<void> {
  while (!(await instances()).includes(identifier)) await sleep(200)
}

test('a copy of the living database is proven row by row, and its evidence verifies', async () => {
  const result = await twin.drill({
    assertions: [{ name: 'orders', sql: 'select count(*) = 5000 from public.orders' }],
  })
  expect(result.sentence).toMatch(/^It comes back: /)
  expect(result.verdict).toBe('pass')
  expect(result.measured.coverage).toBe(1)
  expect(result.measured.rpoSeconds).toBeLessThan(300)
  const region = twin.deployment.region('home')
  const { files } = await readBucket(twin.deployment.s3('home'), result.evidence!.bucket, region)
  expect(verifyChain(files, { whole: true })).toMatchObject({ verdict: 'pass', complete: true })
}, 300_000)

test.each([
  ...(['row-deleted', 'row-changed', 'row-added', 'index-dropped', 'grant-lost'] as const),
  ...(['sequence-behind', 'wrong-time'] as const),
])(
  'the control %s comes back red for the right reason',
  async negativeControl => {
    const result = await twin.drill({ negativeControl })
    expect(result.sentence).toContain(`The control ${negativeControl} was caught`)
    expect(result.verdict).toBe('pass')
  },
  300_000,
)

test('a drill whose function is killed in every stage ends with the same verdict and one record', async () => {
  const before = await records()
  // Without it most stages are over before anybody could kill them.
  await twin.control('fault-add', {
    service: 'lambda',
    operation: 'CheckpointDurableExecution',
    effect: { kind: 'delay', ms: 600 },
  })
  const stages = [
    ...['canaries', 'compare', 'contents', 'cut', 'destroy', 'evidence', 'hold', 'identify', 'open', 'plan'],
    ...['quarantine', 'restore', 'roll-forward', 'structure', 'witness'],
  ]
  const killed = new Set<string>()
  let drills = 0
  // A stage that a slow machine did not see in one drill it kills in the next one.
  for (; drills < 4 && killed.size < stages.length; drills += 1) {
    const execution = await twin.start()
    for (const stage of await killIn(execution, killed)) killed.add(stage)
    expect((await twin.follow(execution)).verdict).toBe('pass')
  }
  expect([...killed].sort()).toEqual(stages)
  expect(await records()).toBe(before + drills)
}, 900_000)

/** Kills the drill's function once in each stage that it sees running, but for those that were killed before. */
async function killIn(execution: string, before: ReadonlySet<string>): Promise<Set<string>> {
  const killed = new Set<string>()
  for (;;) {
    const now = await twin.lambda.send(new GetDurableExecutionCommand({ DurableExecutionArn: execution }))
    if (now.Status !== 'RUNNING') return killed
    for (const stage of await runningStages(execution))
      if (!before.has(stage) && !killed.has(stage) && (await kill())) killed.add(stage)
    await sleep(100)
  }
}

/** Stages that have begun and not ended. */
async function runningStages(execution: string): Promise<string[]> {
  const { Events = [] } = await twin.lambda.send(
    new GetDurableExecutionHistoryCommand({ DurableExecutionArn: execution, MaxItems: 1_000 }),
  )
  return readHistory(Events)
    .filter(stage => stage.endedAt === undefined)
    .map(stage => stage.name)
}

/** False when the function rests between two of its turns: there is nothing to kill. */
async function kill(): Promise<boolean> {
  const answer = await twin.injure({ kind: 'kill-function', name: 'RestoreDrill' }).catch(() => '')
  return answer.startsWith('killed')
}

async function records(): Promise<number> {
  const bucket = await twin.deployment.output('home', 'EvidenceBucket')
  const { files } = await readBucket(twin.deployment.s3('home'), bucket, twin.deployment.region('home'))
  expect(verifyChain(files, { whole: true }).verdict).toBe('pass')
  return files.length
}

test('a snapshot that somebody made by hand is restored and proven', async () => {
  const snapshot = { DBSnapshotIdentifier: 'by-hand' }
  await twin.rds.send(new CreateDBSnapshotCommand({ ...snapshot, DBInstanceIdentifier: 'shop-dev' }))
  await waitUntilDBSnapshotAvailable(
    { client: twin.rds, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
    snapshot,
  )
  const result = await twin.drill({ target: { kind: 'snapshot', identifier: 'by-hand' } })
  expect(result.sentence).toMatch(/^It comes back: /)
  expect(result).toMatchObject({ verdict: 'pass', measured: { coverage: 1 } })
}, 300_000)

test('a backup from before Holdfast was there lets nobody in, and the drill says so', async () => {
  const { DBSnapshots = [] } = await twin.rds.send(
    new DescribeDBSnapshotsCommand({ SnapshotType: 'automated' }),
  )
  const identifier = DBSnapshots[0]?.DBSnapshotIdentifier ?? ''
  const result = await twin.drill({ target: { kind: 'snapshot', identifier } })
  expect(result.verdict).toBe('unknown')
  expect(result.sentence).toMatch(/drill-shop-dev-\w+ is up and does not let Holdfast in/)
  expect(stepIn(result.stages.find(stage => stage.name === 'open')?.detail ?? '')).toMatch(
    /^a backup from before Holdfast was deployed .* choose a later one$/,
  )
}, 300_000)

test('a drill that is stopped leaves a copy, and cleaning up takes exactly that', async () => {
  const execution = await twin.start()
  await appears(copyIdentifier('shop-dev', drillId(execution)))
  const cleaning = await stopDrill(twin.lambda, twin.functionArn, execution, 'a test')
  const result = await twin.follow(cleaning)
  expect(result.sentence).toMatch(/Cleaned up after a stopped drill: drill-shop-dev-\w+ is gone/)
}, 300_000)

test('what a stopped drill left behind is reaped once it has expired, and not before', async () => {
  const execution = await twin.start()
  const copy = copyIdentifier('shop-dev', drillId(execution))
  await appears(copy)
  await twin.lambda.send(new StopDurableExecutionCommand({ DurableExecutionArn: execution }))
  const reaper = await twin.deployment.output('home', 'ReaperArn')
  const reap = () => invokeFunction<{ leftovers: Reaped[] }>(twin.lambda, reaper, {})
  expect((await reap()).leftovers).toMatchObject([{ identifier: copy, outcome: 'kept' }])
  const second = await twin.drill()
  expect(second.sentence).toContain(`a drill is already running: ${copy}`)
  const { DBInstances } = await twin.rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: copy }))
  await twin.rds.send(
    new AddTagsToResourceCommand({
      ResourceName: DBInstances?.[0]?.DBInstanceArn,
      Tags: [{ Key: 'holdfast:expires', Value: '2026-01-01T00:00:00Z' }],
    }),
  )
  // A copy that is still being made cannot be deleted: the next hour's run takes it.
  for (let found = await reap(); found.leftovers[0]?.outcome !== 'reaped'; found = await reap())
    await sleep(500)
  while ((await instances()).includes(copy)) await sleep(200)
}, 300_000)

test('a restore that never ends fails in time', async () => {
  await twin.injure({ kind: 'delay-restores', seconds: 20 })
  const result = await twin.drill({ restoreSeconds: 5 })
  expect(result.verdict).toBe('fail')
  expect(result.sentence).toContain('the restore is stuck')
}, 300_000)

test('a restore that breaks fails with its status', async () => {
  await twin.injure({ kind: 'fail-restores', count: 1 })
  const result = await twin.drill()
  expect(result.verdict).toBe('fail')
  expect(result.sentence).toContain('the restore failed')
}, 300_000)

test('a key that refuses to sign leaves no evidence and no copy, and nothing passes', async () => {
  await twin.control('fault-add', {
    service: 'kms',
    operation: 'Sign',
    effect: { kind: 'fail', code: 'AccessDeniedException', status: 400 },
  })
  const result = await twin.drill()
  expect(result).toMatchObject({ verdict: 'unknown', evidence: null })
  expect(result.sentence).toContain('And evidence: writing the evidence')
}, 300_000)

test('backups verify, and a region that does not answer is unknown', async () => {
  const arn = await twin.deployment.output('home', 'BackupVerificationArn')
  const good = await invokeFunction<BackupReport>(twin.lambda, arn, {})
  expect(good.checks.filter(check => check.verdict !== 'pass')).toEqual([])
  await twin.control('fault-add', {
    service: 's3',
    operation: 'GetBucketVersioning',
    region: 'us-west-2',
    effect: { kind: 'fail', code: 'AccessDenied', status: 403 },
  })
  const bad = await invokeFunction<BackupReport>(twin.lambda, arn, {})
  expect(bad.verdict).toBe('unknown')
  expect(new Set(bad.checks.filter(check => check.verdict === 'unknown').map(check => check.name))).toEqual(
    new Set(['bucket.versioned']),
  )
}, 300_000)
