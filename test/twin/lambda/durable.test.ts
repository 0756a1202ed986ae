import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  GetDurableExecutionCommand,
  GetDurableExecutionHistoryCommand,
  InvokeCommand,
  ListDurableExecutionsByFunctionCommand,
  SendDurableExecutionCallbackFailureCommand,
  SendDurableExecutionCallbackSuccessCommand,
  StopDurableExecutionCommand,
} from '@aws-sdk/client-lambda'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { temporaryFolder, until } from './fixture.ts'
import { DURABLE, deployFunction, startLambda } from './twin.ts'

let folder: ReturnType<typeof temporaryFolder>
let twin: Awaited<ReturnType<typeof startLambda>>

beforeEach(async () => {
  folder = temporaryFolder()
  twin = await startLambda(folder.path)
})

afterEach(async () => {
  await twin.stop()
  folder.remove()
})

const durability = { executionTimeout: 120, retentionDays: 1 }

function deploy(body: string, name?: string, settings = {}) {
  deployFunction(
    twin.lambda,
    folder.path,
    `${DURABLE}export const handler = withDurableExecution(async (event, context) => {${body}})`,
    { durability, ...settings },
    name,
  )
}

async function start(event: unknown = {}, name?: string): Promise<string> {
  const { DurableExecutionArn, StatusCode } = await twin.client.send(
    new InvokeCommand({
      FunctionName: 'test:live',
      InvocationType: 'Event',
      Payload: JSON.stringify(event),
      DurableExecutionName: name,
    }),
  )
  expect(StatusCode).toBe(202)
  return String(DurableExecutionArn)
}

function ended(arn: string) {
  return until(async () => {
    const execution = await twin.client.send(new GetDurableExecutionCommand({ DurableExecutionArn: arn }))
    return execution.Status === 'RUNNING' ? undefined : execution
  })
}

async function historyOf(arn: string): Promise<string[]> {
  const { Events } = await twin.client.send(
    new GetDurableExecutionHistoryCommand({ DurableExecutionArn: arn, MaxItems: 1_000 }),
  )
  return (Events ?? []).map(event => String(event.EventType)).filter(type => type !== 'InvocationCompleted')
}

test('runs steps, a wait, a condition, a map and returns the result to a synchronous caller', async () => {
  deploy(`
    const one = await context.step('one', async () => 1)
    await context.wait('pause', { seconds: 1 })
    const polled = await context.waitForCondition('poll', async n => n + 1, {
      initialState: 0, waitStrategy: n => n < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false } })
    const squares = await context.map('squares', [1, 2, 3], async (ctx, n) => ctx.step('square', async () => n * n))
    return { one, polled, squares: squares.getResults(), who: event.who }`)
  const answer = await twin.client.send(
    new InvokeCommand({ FunctionName: 'test:live', Payload: JSON.stringify({ who: 'me' }) }),
  )
  expect(answer.FunctionError).toBeUndefined()
  expect(JSON.parse(Buffer.from(answer.Payload ?? []).toString())).toEqual({
    one: 1,
    polled: 3,
    squares: [1, 4, 9],
    who: 'me',
  })
  const history = await historyOf(String(answer.DurableExecutionArn))
  expect(history.slice(0, 5)).toEqual([
    'ExecutionStarted',
    'StepStarted',
    'StepSucceeded',
    'WaitStarted',
    'WaitSucceeded',
  ])
  expect(history.at(-1)).toBe('ExecutionSucceeded')
  expect(twin.bugs).toEqual([])
})

test('tries a step again after its delay, and fails the execution when the attempts are used up', async () => {
  deploy(`
    const retryStrategy = (error, attempt) => attempt < event.attempts ? { shouldRetry: true, delay: { seconds: 1 } } : { shouldRetry: false }
    return context.step('flaky', async ({ attempt }) => { if (attempt < 3) throw new RangeError('not yet ' + attempt); return attempt }, { retryStrategy })`)
  expect((await ended(await start({ attempts: 5 }))).Result).toBe('3')
  const failed = await ended(await start({ attempts: 2 }))
  expect(failed.Status).toBe('FAILED')
  expect(failed.Error?.ErrorMessage).toContain('not yet 2')
})

test('a function killed in the middle of each step resumes and ends the same, no finished step run twice', async () => {
  const trace = join(folder.path, 'trace')
  deploy(`
    const out = []
    for (const name of ['a', 'b', 'c', 'd']) {
      out.push(await context.step(name, async () => {
        const killed = existsSync(${JSON.stringify(trace)}) && readFileSync(${JSON.stringify(trace)}, 'utf8').includes('kill ' + name)
        appendFileSync(${JSON.stringify(trace)}, (killed ? 'run ' : 'kill ') + name + '\\n')
        if (!killed) process.kill(process.pid, 'SIGKILL')
        return name
      }))
      if (name === 'b') await context.wait('between', { seconds: 1 })
    }
    return out.join('')`)
  expect((await ended(await start())).Result).toBe('"abcd"')
  expect(readFileSync(trace, 'utf8').trim().split('\n')).toEqual(
    ['a', 'b', 'c', 'd'].flatMap(name => [`kill ${name}`, `run ${name}`]),
  )
})

test('two restarts of the twin in the middle: the execution ends the same, with the version that began it', async () => {
  const trace = join(folder.path, 'trace')
  writeFileSync(trace, '')
  deploy(`
    for (const name of ['a', 'b', 'c']) {
      await context.step(name, async () => appendFileSync(${JSON.stringify(trace)}, name))
      await context.wait('after ' + name, { seconds: 2 })
    }
    return 'first version'`)
  const arn = await start()
  for (const waits of [1, 2]) {
    await until(async () => {
      const history = await historyOf(arn)
      return history.filter(type => type === 'WaitStarted').length >= waits || undefined
    })
    await twin.stop()
    twin = await startLambda(folder.path)
    deploy(`return 'second version'`)
  }
  expect((await ended(arn)).Result).toBe('"first version"')
  expect(readFileSync(trace, 'utf8')).toBe('abc')
  expect((await ended(await start())).Result).toBe('"second version"')
})

test('drops a line of the history that a crash cut off, and goes on from the one before', async () => {
  deploy(`await context.step('a', async () => 1); await context.wait('w', { seconds: 2 }); return 'done'`)
  const arn = await start()
  await until(async () => (await historyOf(arn)).includes('WaitStarted') || undefined)
  await twin.stop()
  const directory = join(folder.path, 'lambda/executions')
  const file = join(directory, String(readdirSync(directory)[0]))
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"operations":[{"Id":"half`)
  twin = await startLambda(folder.path)
  expect((await ended(arn)).Result).toBe('"done"')
})

test('invokes another function and another durable one, and hands their errors on', async () => {
  deployFunction(
    twin.lambda,
    folder.path,
    `export const handler = async ({ n }) => { if (n < 0) throw new TypeError('below zero'); return n * 2 }`,
    {},
    'double',
  )
  deploy(`await context.wait('w', { seconds: 1 }); return event.n + 1`, 'increment')
  deploy(`
    const doubled = await context.invoke('double', 'arn:aws:lambda:us-east-1:111111111111:function:double:live', { n: 21 })
    const more = await context.invoke('increment', 'increment:live', { n: doubled })
    const refused = await context.invoke('unqualified', 'increment', { n: 1 }).catch(error => error.message)
    const failed = await context.invoke('fails', 'double', { n: -1 }).catch(error => error.message)
    return { doubled, more, refused, failed }`)
  expect(JSON.parse(String((await ended(await start())).Result))).toEqual({
    doubled: 42,
    more: 43,
    refused: 'You cannot invoke a durable function using an unqualified ARN.',
    failed: 'below zero',
  })
})

test('waits for a callback: answered, failed, or too late', async () => {
  const ids = join(folder.path, 'ids')
  deploy(`
    const ask = name => context.waitForCallback(name, async id => appendFileSync(${JSON.stringify(ids)}, name + ' ' + id + '\\n'), { timeout: { seconds: name === 'late' ? 1 : 60 } })
    const yes = await ask('yes')
    const no = await ask('no').catch(error => error.message)
    const late = await ask('late').catch(error => error.message)
    return { yes, no, late }`)
  const arn = await start()
  const idOf = (name: string) =>
    until(() =>
      existsSync(ids) ? readFileSync(ids, 'utf8').match(new RegExp(`^${name} (\\S+)$`, 'm'))?.[1] : undefined,
    )
  await twin.client.send(
    new SendDurableExecutionCallbackSuccessCommand({
      CallbackId: await idOf('yes'),
      Result: '"fine"' as never,
    }),
  )
  await twin.client.send(
    new SendDurableExecutionCallbackFailureCommand({
      CallbackId: await idOf('no'),
      Error: { ErrorMessage: 'refused', ErrorType: 'No' },
    }),
  )
  const result = JSON.parse(String((await ended(arn)).Result))
  expect(result.yes).toBe('"fine"')
  expect(result.no).toContain('refused')
  expect(result.late).toContain('timed out')
})

test('the same name and payload find the execution; another payload is refused', async () => {
  deploy(`return event.n`)
  const first = await start({ n: 1 }, 'nightly')
  expect(await start({ n: 1 }, 'nightly')).toBe(first)
  await expect(start({ n: 2 }, 'nightly')).rejects.toMatchObject({
    name: 'DurableExecutionAlreadyStartedException',
    $metadata: { httpStatusCode: 409 },
  })
  const { DurableExecutions } = await twin.client.send(
    new ListDurableExecutionsByFunctionCommand({ FunctionName: 'test', DurableExecutionName: 'nightly' }),
  )
  expect(DurableExecutions?.map(execution => execution.DurableExecutionArn)).toEqual([first])
})

test('stops, times out, and refuses what Lambda refuses', async () => {
  deploy(`await context.wait('long', { hours: 1 }); return 1`)
  const arn = await start()
  await twin.client.send(
    new StopDurableExecutionCommand({ DurableExecutionArn: arn, Error: { ErrorMessage: 'enough' } }),
  )
  expect(await ended(arn)).toMatchObject({ Status: 'STOPPED', Error: { ErrorMessage: 'enough' } })
  await expect(twin.client.send(new InvokeCommand({ FunctionName: 'test' }))).rejects.toThrow(
    'You cannot invoke a durable function using an unqualified ARN.',
  )
  deploy(`await context.wait('long', { hours: 1 }); return 1`, 'test', {
    durability: { executionTimeout: 1, retentionDays: 1 },
  })
  expect((await ended(await start())).Status).toBe('TIMED_OUT')
  deploy(`return 1`, 'test', { durability: { executionTimeout: 901, retentionDays: 1 } })
  await expect(twin.client.send(new InvokeCommand({ FunctionName: 'test:live' }))).rejects.toThrow(
    'You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.',
  )
})

test('ends an execution that needs more than 3,000 operations or writes more than 256 KB at once', async () => {
  deploy(`
    if (event.bytes) return context.step('big', async () => 'x'.repeat(event.bytes))
    await context.map('many', Array.from({ length: 1600 }, (_, i) => i), async (ctx, i) => ctx.step('s', async () => i))
    return 'never'`)
  const many = await ended(await start({}))
  expect(many.Status).toBe('FAILED')
  expect(many.Error?.ErrorMessage).toContain('limit of 3000 operations')
  const big = await ended(await start({ bytes: 300_000 }))
  expect(big.Status).toBe('FAILED')
  expect(big.Error?.ErrorMessage).toContain('Payload size must be less than or equal to 262144 bytes.')
})

test('a large state reaches the replay in pages', async () => {
  deploy(`
    const all = await context.map('many', Array.from({ length: 700 }, (_, i) => i), async (ctx, i) => { const v = await ctx.step('s', async () => i); return v })
    await context.step('after', async () => 1)
    await context.wait('w', { seconds: 1 })
    return all.getResults().reduce((a, b) => a + b, 0)`)
  expect((await ended(await start())).Result).toBe('244650')
})
