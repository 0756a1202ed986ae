import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type FunctionSettings, Functions } from '../../../twin/lambda/functions.ts'
import { type Finished, type LambdaMetric, Runner } from '../../../twin/lambda/runner.ts'
import { assetOf, isAlive, KEY, SETTINGS, temporaryFolder, until } from './fixture.ts'

let folder: ReturnType<typeof temporaryFolder>
let functions: Functions
let runner: Runner
let embedded: string[]
let counted: LambdaMetric[]

beforeEach(() => {
  folder = temporaryFolder()
  embedded = []
  counted = []
  functions = new Functions(folder.path)
  runner = new Runner({
    directory: folder.path,
    logs: join(folder.path, 'logs'),
    endpoint: () => 'http://127.0.0.1:9',
    caFile: () => '/twin/ca.pem',
    keyOf: role => ({ accessKeyId: `AKIA-${role.split('/')[1]}`, secretAccessKey: 's' }),
    onLine: (_region, _group, _stream, line) => {
      if (line.includes('_aws')) embedded.push(line)
    },
    putMetric: (_region, _name, metric) => counted.push(metric),
    watch: { started: () => {}, ended: () => {} },
  })
})

afterEach(async () => {
  await runner.stop()
  folder.remove()
})

function deploy(source: string, settings: Partial<FunctionSettings> = {}) {
  functions.put(KEY, assetOf(folder.path, source), { ...SETTINGS, ...settings }, {})
}

function run(payload: unknown = {}): Promise<Finished> {
  const target = functions.resolve(KEY.region, KEY.account, KEY.name)
  return runner.run({ ...target, payload: JSON.stringify(payload) })
}

test('answers what the handler returns, with the template’s variables and the role’s key', async () => {
  deploy(`export const handler = async (event, context) => ({
    event, greeting: process.env.GREETING, region: process.env.AWS_REGION, key: process.env.AWS_ACCESS_KEY_ID,
    endpoint: process.env.AWS_ENDPOINT_URL, authorities: process.env.NODE_EXTRA_CA_CERTS,
    name: context.functionName, arn: context.invokedFunctionArn, left: context.getRemainingTimeInMillis() > 5000,
    home: process.env.HOME ?? null })`)
  const { payload } = await run({ a: 1 })
  expect(JSON.parse(payload)).toEqual({
    event: { a: 1 },
    greeting: 'hello',
    region: 'us-east-1',
    key: 'AKIA-test',
    endpoint: 'http://127.0.0.1:9',
    authorities: '/twin/ca.pem',
    name: 'test',
    arn: 'arn:aws:lambda:us-east-1:111111111111:function:test',
    left: true,
    home: null,
  })
})

test('words a thrown error as the Node.js runtime does', async () => {
  deploy(`export const handler = async () => { throw new RangeError('too far') }`)
  const { error, payload } = await run()
  expect(error?.errorType).toBe('RangeError')
  expect(JSON.parse(payload)).toMatchObject({ errorType: 'RangeError', errorMessage: 'too far' })
  expect(JSON.parse(payload).trace[0]).toBe('RangeError: too far')
})

test('keeps a process warm and starts another for an event that comes meanwhile', async () => {
  deploy(
    `export const handler = async ({ wait }) => { await new Promise(r => setTimeout(r, wait)); return process.pid }`,
  )
  const first = (await run({ wait: 0 })).payload
  const again = (await run({ wait: 0 })).payload
  const [one, two] = await Promise.all([run({ wait: 300 }), run({ wait: 300 })])
  expect(again).toBe(first)
  expect(one.payload).not.toBe(two.payload)
})

test('kills a handler at its timeout and starts anew for the next event', async () => {
  deploy(`export const handler = async ({ hang }) => { while (hang) {}; return 'back' }`, { timeout: 1 })
  const { error, requestId } = await run({ hang: true })
  expect(error).toEqual({
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after 1.00 seconds`,
  })
  expect((await run({ hang: false })).payload).toBe('"back"')
})

test('lets code outside the handler take what a function’s own timeout leaves it, and no more', async () => {
  const slow = (ms: number) =>
    `await new Promise(resolve => setTimeout(resolve, ${ms}))\nexport const handler = async () => 'ready'`
  deploy(slow(10_500), { timeout: 60 })
  expect((await run()).payload).toBe('"ready"')
  deploy(slow(60_000), { timeout: 1 })
  expect((await run()).error).toEqual({
    errorType: 'Sandbox.Timedout',
    errorMessage: 'Error: init took longer than 11 seconds',
  })
}, 90_000)

test('ends a process that takes more memory than the template gives it', async () => {
  deploy(
    `const kept = []
     export const handler = async () => { for (;;) { kept.push(Buffer.alloc(8e6, 1)); await new Promise(r => setTimeout(r, 5)) } }`,
    { memorySize: 160 },
  )
  const { error } = await run()
  expect(error?.errorType).toBe('Runtime.OutOfMemory')
})

test('reports a process that exits by itself, and one that somebody kills', async () => {
  deploy(
    `export const handler = async ({ how }) => { if (how) process.kill(process.pid, how); else process.exit(3) }`,
  )
  const exited = await run({})
  expect(exited.error).toEqual({
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${exited.requestId} Error: Runtime exited with error: exit status 3`,
  })
  const killed = await run({ how: 'SIGKILL' })
  expect(killed.error?.errorMessage).toBe(
    `RequestId: ${killed.requestId} Error: Runtime exited with error: signal: killed`,
  )
})

test('names a handler that is not there', async () => {
  deploy(`export const other = 1`)
  expect((await run()).error).toMatchObject({
    errorType: 'Runtime.HandlerNotFound',
    errorMessage: 'index.handler is undefined or not exported',
  })
})

test('writes the log with START, the function’s lines, END and REPORT in that order', async () => {
  deploy(`export const handler = async () => { console.log('one'); console.error('two'); return 1 }`)
  const { requestId, tail } = await run()
  const lines = readFileSync(join(folder.path, 'logs/us-east-1/test.log'), 'utf8')
    .trim()
    .split('\n')
    .map(line => line.slice(25))
    // The twin's authority is not there in this test, and Node says so when it likes.
    .filter(line => !line.startsWith('Warning: Ignoring extra certs'))
  expect(lines[0]).toBe(`START RequestId: ${requestId} Version: $LATEST`)
  expect(lines.slice(1, 3).sort()).toEqual(['one', 'two'])
  expect(lines[3]).toBe(`END RequestId: ${requestId}`)
  expect(lines[4]).toMatch(/^REPORT RequestId: .*\tMemory Size: 256 MB\tMax Memory Used: [1-9]\d+ MB$/)
  expect(
    tail
      .split('\n')
      .filter(line => !line.startsWith('Warning'))
      .sort(),
  ).toEqual(['', 'one', 'two'])
})

test('hands on embedded metrics and counts invocations and errors', async () => {
  deploy(
    `export const handler = async () => { console.log(JSON.stringify({ _aws: { Timestamp: 1 } })); throw new Error('x') }`,
  )
  await run()
  expect(embedded).toEqual(['{"_aws":{"Timestamp":1}}'])
  expect(counted.map(metric => [metric.name, metric.name === 'Duration' ? 0 : metric.value])).toEqual([
    ['Invocations', 1],
    ['Errors', 1],
    ['Duration', 0],
  ])
})

test('throttles beyond the reserved concurrency', async () => {
  deploy(`export const handler = async () => { await new Promise(r => setTimeout(r, 300)); return 1 }`)
  functions.save({ ...functions.get(KEY.region, KEY.account, KEY.name), reservedConcurrency: 1 })
  const first = run()
  await expect(run()).rejects.toMatchObject({ code: 'TooManyRequestsException', status: 429 })
  expect((await first).payload).toBe('1')
})

test('keeps a published version’s code when the asset changes', async () => {
  deploy(`export const handler = async () => 'old'`)
  const published = functions.publish(KEY.region, KEY.account, KEY.name)
  deploy(`export const handler = async () => 'new'`)
  expect(published.version).toBe('1')
  expect(functions.publish(KEY.region, KEY.account, KEY.name).version).toBe('2')
  expect(functions.publish(KEY.region, KEY.account, KEY.name).version).toBe('2')
  const old = functions.resolve(KEY.region, KEY.account, 'test:1')
  expect((await runner.run({ ...old, payload: '{}' })).payload).toBe('"old"')
  expect((await run()).payload).toBe('"new"')
})

test('a function’s process ends when the process that started it is killed', async () => {
  const host = spawn(
    process.execPath,
    [
      new URL('./host.ts', import.meta.url).pathname,
      assetOf(folder.path, `export const handler = async () => process.pid`),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const pid = await new Promise<number>(resolve => {
    host.stdout.once('data', (chunk: Buffer) => resolve(Number(String(chunk))))
  })
  expect(isAlive(pid)).toBe(true)
  host.kill('SIGKILL')
  expect(await until(() => !isAlive(pid) || undefined)).toBe(true)
})
