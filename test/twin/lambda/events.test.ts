import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListVersionsByFunctionCommand,
  PutFunctionEventInvokeConfigCommand,
} from '@aws-sdk/client-lambda'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { temporaryFolder, until } from './fixture.ts'
import { deployFunction, startLambda } from './twin.ts'

let folder: ReturnType<typeof temporaryFolder>
let twin: Awaited<ReturnType<typeof startLambda>>
let trace: string

beforeEach(async () => {
  folder = temporaryFolder()
  trace = join(folder.path, 'trace')
  writeFileSync(trace, '')
  twin = await startLambda(folder.path)
})

afterEach(async () => {
  await twin.stop()
  folder.remove()
})

const COUNTING = (after: string) =>
  `import { appendFileSync } from 'node:fs'
   export const handler = async event => { appendFileSync(${JSON.stringify(trace)}, 'x'); ${after} }`

const send = (payload: unknown) =>
  twin.client.send(
    new InvokeCommand({
      FunctionName: 'test:live',
      InvocationType: 'Event',
      Payload: JSON.stringify(payload),
    }),
  )

test('tries a failing event twice more, then sends it to the dead letter and tells the destination why', async () => {
  deployFunction(twin.lambda, folder.path, COUNTING(`throw new RangeError('no')`), {
    deadLetterArn: 'arn:aws:sns:us-east-1:111111111111:dead',
  })
  await twin.client.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: 'test',
      Qualifier: 'live',
      DestinationConfig: { OnFailure: { Destination: 'arn:aws:sns:us-east-1:111111111111:failed' } },
    }),
  )
  expect((await send({ n: 1 })).StatusCode).toBe(202)
  await until(() => twin.delivered.length === 2 || undefined)
  expect(readFileSync(trace, 'utf8')).toBe('xxx')
  const [failed, dead] = twin.delivered
  expect(JSON.parse(failed!.body)).toMatchObject({
    requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
    requestPayload: { n: 1 },
    responseContext: { functionError: 'Unhandled' },
    responsePayload: { errorType: 'RangeError', errorMessage: 'no' },
  })
  expect([dead!.target, dead!.body]).toEqual(['arn:aws:sns:us-east-1:111111111111:dead', '{"n":1}'])
})

test('an event that the twin’s end cut off is run when it is back', async () => {
  deployFunction(
    twin.lambda,
    folder.path,
    COUNTING(
      `await new Promise(r => setTimeout(r, event.wait)); appendFileSync(${JSON.stringify(trace)}, 'done')`,
    ),
  )
  await send({ wait: 1_500 })
  await until(() => readFileSync(trace, 'utf8') === 'x' || undefined)
  await twin.stop()
  twin = await startLambda(folder.path)
  await until(() => readFileSync(trace, 'utf8') === 'xxdone' || undefined)
})

test('answers errors, log tails and refusals as Lambda does', async () => {
  deployFunction(
    twin.lambda,
    folder.path,
    `export const handler = async e => { console.log('seen ' + e.n); if (e.n) throw new TypeError('bad'); return 'ok' }`,
  )
  const failed = await twin.client.send(
    new InvokeCommand({ FunctionName: 'test', Payload: '{"n":1}', LogType: 'Tail' }),
  )
  expect([failed.StatusCode, failed.FunctionError, failed.ExecutedVersion]).toEqual([
    200,
    'Unhandled',
    '$LATEST',
  ])
  expect(JSON.parse(Buffer.from(failed.Payload ?? []).toString())).toMatchObject({ errorType: 'TypeError' })
  expect(Buffer.from(String(failed.LogResult), 'base64').toString()).toContain('seen 1')
  await expect(
    twin.client.send(new InvokeCommand({ FunctionName: 'test', Payload: 'not json' })),
  ).rejects.toMatchObject({ name: 'InvalidRequestContentException' })
  await expect(twin.client.send(new InvokeCommand({ FunctionName: 'test:gone' }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: 'Function not found: arn:aws:lambda:us-east-1:111111111111:function:test:gone',
  })
  const live = await twin.client.send(
    new GetFunctionConfigurationCommand({ FunctionName: 'test', Qualifier: 'live' }),
  )
  expect([live.Version, live.State, live.Environment?.Variables?.GREETING]).toEqual(['1', 'Active', 'hello'])
  const { Versions } = await twin.client.send(new ListVersionsByFunctionCommand({ FunctionName: 'test' }))
  expect(Versions?.map(({ Version }) => Version)).toEqual(['$LATEST', '1'])
})
