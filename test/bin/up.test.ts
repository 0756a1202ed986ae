import { execFile, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeDBInstancesCommand, RDSClient } from '@aws-sdk/client-rds'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { synthesize } from '../../bin/diff/synthesize.ts'
import { callControl } from '../../twin/control/client.ts'
import type { TwinStatus } from '../../twin/control/status.ts'
import type { TwinEndpoint } from '../../twin/twin.ts'
import { isAlive, until } from '../twin/lambda/fixture.ts'

// One production twin for the whole file, in the order of its life: tests build on the ones before.
const folder = mkdtempSync(join(tmpdir(), 'holdfast-up-'))
const assembly = join(folder, 'cdk.out')
const root = join(folder, 'twins/prod')
const clients: { destroy(): void }[] = []
let twin: TwinEndpoint

type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

function holdfast(...words: string[]): Promise<Ran> {
  return new Promise(resolve => {
    execFile(
      process.execPath,
      ['bin/holdfast.ts', ...words],
      { env: { ...process.env, HOLDFAST_TWINS: join(folder, 'twins') }, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

const up = (...words: string[]) => holdfast('up', '--assembly', assembly, '--no-schedules', ...words)

function endpoint(): TwinEndpoint {
  return JSON.parse(readFileSync(join(root, 'endpoint.json'), 'utf8')) as TwinEndpoint
}

/** Every process that works in the twin's folder. */
function processesInside(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
      } catch {
        return false
      }
    })
    .filter(pid => pid !== process.pid && isAlive(pid))
}

function control<T>(verb: string, input: unknown = {}): Promise<T> {
  return callControl<T>({ url: twin.control, secret: twin.credentials.secretAccessKey }, verb, input)
}

async function as(role: string) {
  const key = await control<{ accessKeyId: string; secretAccessKey: string }>('key-of-role', { role })
  const rds = new RDSClient({
    region: 'us-east-1',
    endpoint: twin.endpoint,
    credentials: key,
    maxAttempts: 1,
  })
  clients.push(rds)
  return rds
}

const root_ = () => ({
  endpoint: twin.endpoint,
  region: 'us-east-1',
  credentials: twin.credentials,
})

beforeAll(async () => {
  chmodSync(folder, 0o711)
  await synthesize('prod', assembly)
}, 300_000)

afterAll(async () => {
  for (const client of clients) client.destroy()
  await holdfast('down', '--env', 'prod')
  rmSync(folder, { recursive: true, force: true })
}, 60_000)

// The second and the third find what the one before left, and are cut off while they go on from there.
test.each(['SIGINT', 'SIGKILL', 'SIGINT'] as const)(
  'a holdfast up that is cut off by %s leaves no process behind',
  async signal => {
    const cut = spawn(process.execPath, ['bin/holdfast.ts', 'up', '--assembly', assembly], {
      env: { ...process.env, HOLDFAST_TWINS: join(folder, 'twins') },
      stdio: 'ignore',
    })
    await until(isPostgresThere, 120)
    cut.kill(signal)
    await until(() => cut.exitCode !== null || cut.signalCode !== null)
    await until(() => processesInside().length === 0 || undefined, 60)
    expect(existsSync(join(root, 'endpoint.json'))).toBe(false)
  },
  240_000,
)

function isPostgresThere(): boolean {
  const clusters = join(root, 'clusters')
  if (!existsSync(clusters)) return false
  return readdirSync(clusters).some(name => existsSync(join(clusters, name, 'data', 'postmaster.pid')))
}

test('goes on from there and brings production up: both regions, every replica', async () => {
  const ran = await up()
  expect(ran.stderr).toContain('prod is up')
  expect(ran.code).toBe(0)
  expect(ran.stdout).toMatch(/AWS::RDS::DBInstance +5 {2}real/)
  expect(ran.stdout).toMatch(/AWS::EC2::VPC +2 {2}recorded/)
  twin = endpoint()
  const status = await control<TwinStatus>('status')
  expect(status.instances.map(({ name, region, status }) => [name, region, status])).toEqual([
    ['shop-prod', 'us-east-1', 'available'],
    ['shop-prod-analytics', 'us-east-1', 'available'],
    ['shop-prod-read-1', 'us-east-1', 'available'],
    ['shop-prod-read-2', 'us-east-1', 'available'],
    ['shop-prod-standby', 'us-west-2', 'available'],
  ])
  expect(status.functions.filter(({ durable }) => durable)).toHaveLength(2)
  expect(status.schedules.paused).toBe(true)
}, 300_000)

test('a second up changes nothing', async () => {
  const ran = await up('--json')
  const { types } = JSON.parse(ran.stdout)
  const touched = types.filter(
    ({ created, changed, removed }: Record<string, number>) => created! + changed! + removed! > 0,
  )
  expect(touched).toEqual([])
  expect(endpoint().pid).toBe(twin.pid)
}, 120_000)

test.each([
  ['--no-iam', 'the twin of prod runs with IAM: --no-iam counts only where a twin starts'],
  ['--lag=5', 'the twin of prod was started without --lag: --lag 5 counts only where a twin starts'],
])(
  'a second up with %s says that it changes nothing',
  async (option, sentence) => {
    const ran = await up(option)
    expect(ran.stderr).toContain(`${sentence}\nHINT: holdfast down --env prod`)
    expect(ran.code).toBe(1)
    expect(endpoint().pid).toBe(twin.pid)
  },
  120_000,
)

test('a second twin on the same state refuses and names the process of the first', async () => {
  const start = { root, account: '111111111111', regions: ['us-east-1'], noIam: false, pauseSchedules: true }
  const second = spawn(process.execPath, ['twin/main.ts', JSON.stringify(start)], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const said = await new Promise(resolve => second.once('message', resolve))
  expect(said).toEqual({
    failed: `another twin runs on this state, process ${twin.pid} (${join(root, 'twin.pid')})\nHINT: stop it with holdfast down, or bring up another environment`,
  })
})

test('what a role was refused is told in the log of denials, with the statement that is missing', async () => {
  const heartbeat = await as('shop-prod-recovery-FunctionsHeartbeat')
  await expect(heartbeat.send(new DescribeDBInstancesCommand({}))).rejects.toMatchObject({
    name: 'AccessDenied',
  })
  expect((await holdfast('logs', 'denials')).stdout).toContain(
    '"missing":{"Effect":"Allow","Action":"rds:DescribeDBInstances"',
  )
})

test('faults from the command line: throttled calls, then none, a killed primary that comes back', async () => {
  expect(
    (
      await holdfast(
        'fault',
        'add',
        'throttle',
        '--service',
        'rds',
        '--operation',
        'DescribeDBInstances',
        '--times',
        '1',
      )
    ).stdout,
  ).toBe('fault-1: throttle rds:DescribeDBInstances in every region, 1 time\n')
  const rds = new RDSClient({ ...root_(), maxAttempts: 1 })
  clients.push(rds)
  await expect(rds.send(new DescribeDBInstancesCommand({}))).rejects.toMatchObject({ name: 'Throttling' })
  await rds.send(new DescribeDBInstancesCommand({}))
  expect((await holdfast('fault', 'list')).stdout.trim()).toBe('no fault waits')
  expect((await holdfast('fault', 'kill-instance', 'shop-prod')).stdout.trim()).toBe(
    'killed the PostgreSQL of shop-prod',
  )
  await until(async () => {
    const { DBInstances } = await rds.send(
      new DescribeDBInstancesCommand({ DBInstanceIdentifier: 'shop-prod' }),
    )
    return DBInstances?.[0]?.DBInstanceStatus === 'available' || undefined
  }, 60)
  const unknown = await holdfast('fault', 'kill-instance', 'nothing')
  expect([unknown.code, unknown.stderr.trim()]).toEqual([
    1,
    'no region has an instance nothing\nHINT: holdfast status lists them',
  ])
}, 120_000)

test('a twin killed with -9 leaves no process, and up brings everything back', async () => {
  process.kill(twin.pid, 'SIGKILL')
  await until(() => processesInside().length === 0 || undefined, 60)
  expect((await holdfast('down')).stdout.trim()).toBe('no twin is running')
  expect((await up()).code).toBe(0)
  twin = endpoint()
  const status = await control<TwinStatus>('status')
  expect(status.instances.every(instance => instance.status === 'available')).toBe(true)
}, 240_000)

test('down stops everything, and saying it twice is harmless', async () => {
  expect((await holdfast('down')).stdout.trim()).toBe('prod is down')
  await until(() => processesInside().length === 0 || undefined, 60)
  expect((await holdfast('down')).stdout.trim()).toBe('no twin is running')
}, 120_000)

test('reset asks before it removes', async () => {
  const asked = await holdfast('reset', '--env', 'prod')
  expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining('HINT: add --yes if that is meant')])
  expect(existsSync(root)).toBe(true)
  expect((await holdfast('reset', '--env', 'prod', '--yes')).stdout.trim()).toBe(`removed ${root}`)
  expect(existsSync(root)).toBe(false)
})
