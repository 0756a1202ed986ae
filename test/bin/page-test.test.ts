import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  ConfirmSubscriptionCommand,
  CreateTopicCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { sendTest, sendTests } from '../../bin/status/page-test.ts'
import { dev } from '../../config/dev.ts'
import { parseConfig } from '../../config/parse.ts'
import { prod } from '../../config/prod.ts'
import { createSns, type SnsService } from '../../twin/services/sns/service.ts'
import { until } from '../contract/target.ts'
import { workbench } from '../support/services.ts'
import { listenerWith } from '../support/wire.ts'

// The listener's account, so that the topic that is named is the topic that is there.
const config = { ...parseConfig(prod), account: '111122223333' }
const small = { ...parseConfig(dev), account: '111122223333' }
const before = { ...process.env }
const received: Record<string, string>[] = []
let bench: ReturnType<typeof workbench>
let receiver: Server
let service: SnsService
let twin: Awaited<ReturnType<typeof listenerWith>>
let client: SNSClient
let url = ''

beforeAll(async () => {
  bench = workbench()
  receiver = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      received.push(JSON.parse(Buffer.concat(parts).toString()))
      response.end()
    })
  })
  await new Promise<void>(resolve => receiver.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/integration/secret-key`
  service = createSns({
    ...bench.dependencies('sns'),
    dir: bench.dir,
    invoke: async () => {},
    assertKeyUsable: () => {},
  })
  twin = await listenerWith([service.service])
  const { principal, secretAccessKey } = twin.identities.root()
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: twin.url,
    AWS_ACCESS_KEY_ID: principal.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  })
  client = new SNSClient(twin.config(config.region))
  for (const Name of ['shop-prod-pages', 'shop-prod-warnings'])
    await client.send(new CreateTopicCommand({ Name }))
})

afterAll(async () => {
  client.destroy()
  await twin.close()
  await new Promise(resolve => receiver.close(resolve))
  process.env = before
  bench.remove()
  expect(twin.bugs).toEqual([])
})

test('a topic that nobody hears, or that nobody confirmed yet, reaches nobody', async () => {
  expect((await sendTest(config, config.region, 'warn')).reaches).toEqual([])
  const { TopicArn } = await client.send(new CreateTopicCommand({ Name: 'shop-prod-warnings' }))
  await client.send(new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint: `${url}/pending` }))
  await service.settle()
  expect(await sendTest(config, config.region, 'warn')).toMatchObject({
    topic: 'shop-prod-warnings',
    reaches: [],
  })
})

test('a test reaches the receiver in the form of an alarm, and the key in its address is not shown', async () => {
  const { TopicArn } = await client.send(new CreateTopicCommand({ Name: 'shop-prod-pages' }))
  await client.send(new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint: url }))
  const asked = await until(async () => received.find(body => body.TopicArn === TopicArn && body.Token))
  await client.send(new ConfirmSubscriptionCommand({ TopicArn, Token: asked.Token }))

  const route = await sendTest(config, config.region, 'page')
  await service.settle()

  expect(route).toMatchObject({ topic: 'shop-prod-pages', region: config.region })
  expect(route.reaches).toEqual([`http ${new URL(url).host}`])
  const came = received.filter(
    ({ Type, MessageId }) => Type === 'Notification' && MessageId === route.messageId,
  )
  expect(came.map(({ Subject }) => Subject)).toEqual(['TEST: shop-prod page'])
  expect(JSON.parse(came[0]?.Message ?? '')).toMatchObject({
    AlarmName: 'shop-prod-page-test',
    NewStateValue: 'ALARM',
    OldStateValue: 'OK',
    Region: config.region,
    AlarmDescription: expect.stringMatching(/nothing is wrong\.\n[\s\S]*#heartbeat$/),
  })
})

test('a topic that is not there is an error and not a silent nobody', async () => {
  await expect(sendTest(config, config.standbyRegion, 'page')).rejects.toMatchObject({
    name: 'NotFoundException',
  })
})

test('an environment that is watched in one region is tested there, and the other one is named', async () => {
  for (const Name of ['shop-dev-pages', 'shop-dev-warnings'])
    await client.send(new CreateTopicCommand({ Name }))
  const { routes, unwatched } = await sendTests(small, ['page', 'warn'])
  expect(routes.map(({ topic, region, reaches }) => [topic, region, reaches])).toEqual([
    ['shop-dev-pages', 'us-east-1', []],
    ['shop-dev-warnings', 'us-east-1', []],
  ])
  expect(routes.map(({ messageId }) => typeof messageId)).toEqual(['string', 'string'])
  expect(unwatched).toEqual(['us-west-2'])
})

test('a region that is lost is said to be silent, beside what the other one answers', async () => {
  const { url: before } = twin
  const lost = createServer((_, response) => {
    const code = 'ServiceUnavailable'
    response.writeHead(503).end(`<ErrorResponse><Error><Code>${code}</Code></Error></ErrorResponse>`)
  })
  await new Promise<void>(resolve => lost.listen(0, '127.0.0.1', resolve))
  process.env.AWS_ENDPOINT_URL = `http://127.0.0.1:${(lost.address() as AddressInfo).port}`
  try {
    const { routes } = await sendTests(small, ['page'])
    expect(routes).toEqual([
      { topic: 'shop-dev-pages', region: 'us-east-1', reaches: [], silence: 'ServiceUnavailable' },
    ])
  } finally {
    process.env.AWS_ENDPOINT_URL = before
    await new Promise(resolve => lost.close(resolve))
  }
})
