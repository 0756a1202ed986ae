import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import * as sns from '@aws-sdk/client-sns'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { passesFilter } from '../../../twin/services/sns/filter.ts'
import { createSns, type SnsService } from '../../../twin/services/sns/service.ts'
import { WireError } from '../../../twin/wire/call.ts'
import { code, workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'

describe('a filter', () => {
  const facts = { severity: 'page', count: 3, tags: ['a', 'b'] }
  test.each([
    [{ severity: ['page'] }, true],
    [{ severity: ['warn'] }, false],
    [{ severity: ['warn', 'page'], count: [{ numeric: ['>=', 1, '<', 4] }] }, true],
    [{ count: [{ numeric: ['>', 3] }] }, false],
    [{ severity: [{ prefix: 'pa' }] }, true],
    [{ severity: [{ 'anything-but': ['page'] }] }, false],
    [{ missing: [{ exists: false }] }, true],
    [{ missing: ['x'] }, false],
    [{ tags: ['b'] }, true],
  ])('%j lets through: %s', (policy, passes) => {
    expect(passesFilter(policy, facts)).toBe(passes)
  })
})

describe('SNS', () => {
  const bench = workbench()
  const received: { type: string | undefined; body: Record<string, string> }[] = []
  const invoked: unknown[] = []
  const metrics: [string, string, number][] = []
  let answer = 200
  let keyUsable = true
  let receiver: Server
  let service: SnsService
  let twin: Awaited<ReturnType<typeof listenerWith>>
  let client: sns.SNSClient
  let url = ''

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      let text = ''
      request.on('data', chunk => {
        text += chunk
      })
      request.on('end', () => {
        received.push({ type: String(request.headers['x-amz-sns-message-type']), body: JSON.parse(text) })
        response.writeHead(answer).end()
      })
    })
    await new Promise<void>(resolve => receiver.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
    service = createSns({
      ...bench.dependencies('sns'),
      dir: bench.dir,
      invoke: async (arn, event) => {
        invoked.push([arn, event])
      },
      putMetric: ({ name }, metric, value) => {
        metrics.push([name, metric, value])
      },
      assertKeyUsable: () => {
        if (!keyUsable) throw new WireError('KMSDisabled', 'the key is disabled')
      },
    })
    twin = await listenerWith([service.service])
    client = new sns.SNSClient(twin.config())
  })

  afterAll(async () => {
    client.destroy()
    await twin.close()
    await new Promise(resolve => receiver.close(resolve))
    bench.remove()
    expect(twin.bugs).toEqual([])
  })

  const topic = async (Name: string, Attributes: Record<string, string> = {}) =>
    (await client.send(new sns.CreateTopicCommand({ Name, Attributes }))).TopicArn!
  const inbox = () =>
    readFileSync(join(bench.dir, 'inbox.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))

  test('keeps what a person would get in the inbox', async () => {
    const TopicArn = await topic('pages')
    await client.send(
      new sns.SubscribeCommand({ TopicArn, Protocol: 'email', Endpoint: 'oncall@example.org' }),
    )
    const { MessageId } = await client.send(
      new sns.PublishCommand({ TopicArn, Subject: 'Alarm', Message: 'it rings' }),
    )
    await service.settle()
    expect(inbox()).toMatchObject([
      {
        topic: TopicArn,
        protocol: 'email',
        endpoint: 'oncall@example.org',
        subject: 'Alarm',
        message: 'it rings',
        messageId: MessageId,
        delivered: true,
      },
    ])
  })

  test('asks a server to confirm, and delivers to it then', async () => {
    const TopicArn = await topic('hooks')
    await client.send(new sns.SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint: url }))
    await service.settle()
    const asked = received.find(({ type }) => type === 'SubscriptionConfirmation')
    expect(asked?.body.TopicArn).toBe(TopicArn)
    await client.send(new sns.PublishCommand({ TopicArn, Message: 'too early' }))
    await client.send(new sns.ConfirmSubscriptionCommand({ TopicArn, Token: asked!.body.Token! }))
    await client.send(new sns.PublishCommand({ TopicArn, Message: 'hello' }))
    await service.settle()
    const notified = received.filter(({ type }) => type === 'Notification').map(({ body }) => body.Message)
    expect(notified).toEqual(['hello'])
  })

  test('calls nobody outside of this machine, and says so', async () => {
    const TopicArn = await topic('outside')
    const Endpoint = 'https://pager.example.org/hook'
    await client.send(new sns.SubscribeCommand({ TopicArn, Protocol: 'https', Endpoint }))
    await service.settle()
    await client.send(new sns.PublishCommand({ TopicArn, Message: 'it rings' }))
    await service.settle()
    const lines = inbox().filter(line => line.endpoint === Endpoint)
    expect(lines.map(({ delivered, reason }) => [delivered, reason])).toEqual([
      [false, 'not delivered: not loopback'],
      [false, 'not delivered: not loopback'],
    ])
    expect(lines[1].message).toBe('it rings')
  })

  test('counts what it delivered and what a receiver did not take, and not what it does not try', async () => {
    const TopicArn = await topic('counted')
    for (const Endpoint of [`${url}/counted`, 'https://pager.example.org/hook'])
      await client.send(new sns.SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint }))
    await service.settle()
    const asked = received.findLast(({ type }) => type === 'SubscriptionConfirmation')
    await client.send(new sns.PublishCommand({ TopicArn, Message: 'not confirmed yet' }))
    await client.send(new sns.ConfirmSubscriptionCommand({ TopicArn, Token: asked!.body.Token! }))
    await client.send(new sns.PublishCommand({ TopicArn, Message: 'taken' }))
    await service.settle()
    answer = 410
    await client.send(new sns.PublishCommand({ TopicArn, Message: 'refused' }))
    await service.settle()
    answer = 200
    expect(metrics.filter(([name]) => name === 'counted')).toEqual([
      ['counted', 'NumberOfNotificationsDelivered', 1],
      ['counted', 'NumberOfNotificationsFailed', 0],
      ['counted', 'NumberOfNotificationsDelivered', 0],
      ['counted', 'NumberOfNotificationsFailed', 1],
    ])
  })

  test('says that it has no queues', async () => {
    const TopicArn = await topic('queues')
    const Endpoint = 'arn:aws:sqs:eu-west-1:111122223333:queue'
    await client.send(new sns.SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint }))
    await client.send(new sns.PublishCommand({ TopicArn, Message: 'x' }))
    await service.settle()
    expect(inbox().at(-1)).toMatchObject({ delivered: false, reason: 'not delivered: the twin has no sqs' })
  })

  test('invokes a function with the event that Lambda gets, and only for what passes its filter', async () => {
    const TopicArn = await topic('functions')
    await client.send(
      new sns.SubscribeCommand({
        TopicArn,
        Protocol: 'lambda',
        Endpoint: 'arn:aws:lambda:eu-west-1:111122223333:function:f',
        Attributes: { FilterPolicy: '{"severity":["page"]}' },
      }),
    )
    const publish = (StringValue: string) =>
      client.send(
        new sns.PublishCommand({
          TopicArn,
          Message: StringValue,
          MessageAttributes: { severity: { DataType: 'String', StringValue } },
        }),
      )
    await publish('warn')
    await publish('page')
    await service.settle()
    expect(invoked).toMatchObject([
      [
        'arn:aws:lambda:eu-west-1:111122223333:function:f',
        { Records: [{ EventSource: 'aws:sns', Sns: { Message: 'page', TopicArn } }] },
      ],
    ])
  })

  test('under a key that is disabled publishes nothing', async () => {
    const TopicArn = await topic('sealed', { KmsMasterKeyId: 'alias/shop' })
    keyUsable = false
    expect(await code(client.send(new sns.PublishCommand({ TopicArn, Message: 'x' })))).toBe(
      'KMSDisabledException',
    )
    keyUsable = true
    expect(await code(client.send(new sns.PublishCommand({ TopicArn, Message: 'x' })))).toBe('no error')
    const none = new sns.PublishCommand({ TopicArn: `${TopicArn}-none`, Message: 'x' })
    expect(await code(client.send(none))).toBe('NotFoundException')
  })
})
