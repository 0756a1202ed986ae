import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type {
  CreateTopicCommandInput,
  MessageAttributeValue,
  PublishCommandInput,
  SubscribeCommandInput,
} from '@aws-sdk/client-sns'
import * as schemas from '@aws-sdk/client-sns'
import type { Collection } from '../../state/collection.ts'
import { type Call, type Operation, type Question, type Service, WireError } from '../../wire/call.ts'
import { requestTagContext, resourceTagContext, type ServiceDependencies } from '../dependencies.ts'
import { type InboxLine, isLoopback, openInbox, post } from './deliver.ts'
import { passesFilter } from './filter.ts'

/** A topic. `attributes` are what GetTopicAttributes answers beside the counted ones. */
export type Topic = {
  readonly arn: string
  readonly name: string
  readonly region: string
  readonly attributes: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
}

export type Subscription = {
  readonly arn: string
  readonly topicArn: string
  readonly protocol: string
  readonly endpoint: string
  readonly confirmed: boolean
  readonly token: string
  readonly attributes: Readonly<Record<string, string>>
}

export type SnsDependencies = ServiceDependencies & {
  /** Where the inbox lies (`inbox.jsonl`). */
  readonly dir: string
  /** Invokes a subscribed function with an SNS event. Without it, such a delivery is recorded as not made. */
  readonly invoke?: (functionArn: string, event: object) => Promise<void>
  /** Condition keys and ARN of a topic's key, so that who publishes is asked about it. Without it only the topic is asked. */
  readonly findKey?: (
    reference: string,
    region: string,
  ) => {
    readonly arn: string
    readonly context: Readonly<Record<string, string | readonly string[]>>
  }
  /** Refuses when the topic's key cannot be used. */
  readonly assertKeyUsable: (reference: string, region: string) => void
}

/** A message to publish. */
export type Message = {
  readonly subject?: string
  readonly body: string
  readonly attributes?: Readonly<Record<string, MessageAttributeValue>>
}

/** The twin's SNS, with what the rest of the twin asks of it. */
export type SnsService = {
  readonly service: Service
  /** Publishes for a service of the twin; the caller asked the topic's policy before. Answers the message's id. */
  publish(topicArn: string, message: Message): Promise<string>
  policyOf(arn: string): unknown
  /**
   * What a publisher must be allowed at the topic's key. An alarm that publishes to an encrypted topic is stopped by a
   * key policy that does not let CloudWatch in, and says so only in its history.
   */
  keyQuestions(topicArn: string): Question[]
  /** Resolves when every delivery under way is over. */
  settle(): Promise<void>
}

type Sns = SnsDependencies & {
  readonly topics: Collection<Topic>
  readonly subscriptions: Collection<Subscription>
  readonly record: (line: InboxLine) => void
  readonly underWay: Set<Promise<void>>
}

function requireTopic(sns: Sns, arn: string | undefined): Topic {
  const topic = sns.topics.get(arn ?? '')
  if (!topic) throw new WireError('NotFound', 'Topic does not exist', 404)
  return topic
}

/** The SNS of one twin, all regions. */
export function createSns(dependencies: SnsDependencies): SnsService {
  const sns: Sns = {
    ...dependencies,
    topics: dependencies.open<Topic>('topics'),
    subscriptions: dependencies.open<Subscription>('subscriptions'),
    record: openInbox(join(dependencies.dir, 'inbox.jsonl')),
    underWay: new Set(),
  }
  return {
    service: {
      name: 'sns',
      schemas,
      protocol: 'query',
      operations: { ...topicOperations(sns), ...subscriptionOperations(sns) },
    },
    publish: async (arn, message) => publish(sns, requireTopic(sns, arn), message),
    policyOf: arn => sns.topics.get(arn)?.attributes.Policy,
    keyQuestions: arn => keyQuestions(sns, arn),
    settle: async () => {
      while (sns.underWay.size > 0) await Promise.all(sns.underWay)
    },
  }
}

function keyQuestions(sns: Sns, topicArn: string | undefined): Question[] {
  const topic = sns.topics.get(topicArn ?? '')
  const reference = topic?.attributes.KmsMasterKeyId
  if (!topic || !reference || !sns.findKey) return []
  const key = sns.findKey(reference, topic.region)
  const context = { ...key.context, 'kms:ViaService': `sns.${topic.region}.amazonaws.com` }
  return ['kms:GenerateDataKey', 'kms:Decrypt'].map(action => ({ action, resource: key.arn, context }))
}

function publish(sns: Sns, topic: Topic, message: Message): string {
  const key = topic.attributes.KmsMasterKeyId
  if (key) sns.assertKeyUsable(key, topic.region)
  const messageId = randomUUID()
  for (const subscription of sns.subscriptions.values()) {
    if (subscription.topicArn !== topic.arn || !wants(subscription, message)) continue
    const delivery = deliver(sns, topic, subscription, message, messageId).finally(() =>
      sns.underWay.delete(delivery),
    )
    sns.underWay.add(delivery)
  }
  return messageId
}

function wants(subscription: Subscription, message: Message): boolean {
  const policy = subscription.attributes.FilterPolicy
  if (!policy) return true
  if (subscription.attributes.FilterPolicyScope === 'MessageBody') {
    const body = parseBody(message.body)
    return body !== undefined && passesFilter(JSON.parse(policy), body)
  }
  const attributes = Object.entries(message.attributes ?? {}).map(([name, { DataType, StringValue }]) => [
    name,
    DataType === 'Number'
      ? Number(StringValue)
      : DataType === 'String.Array'
        ? JSON.parse(StringValue ?? '[]')
        : StringValue,
  ])
  return passesFilter(JSON.parse(policy), Object.fromEntries(attributes))
}

// A body that is no JSON passes no filter on bodies.
function parseBody(body: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(body) as Record<string, unknown>
  } catch {
    return undefined
  }
}

function notification(sns: Sns, topic: Topic, message: Message, messageId: string) {
  return {
    Type: 'Notification',
    MessageId: messageId,
    TopicArn: topic.arn,
    ...(message.subject && { Subject: message.subject }),
    Message: message.body,
    Timestamp: new Date(sns.clock()).toISOString(),
  }
}

async function deliver(
  sns: Sns,
  topic: Topic,
  to: Subscription,
  message: Message,
  messageId: string,
): Promise<void> {
  const line = {
    at: new Date(sns.clock()).toISOString(),
    topic: topic.arn,
    protocol: to.protocol,
    endpoint: to.endpoint,
    ...(message.subject && { subject: message.subject }),
    message: message.body,
    messageId,
  }
  const failed = await send(sns, topic, to, message, messageId).catch((error: Error) => error.message)
  sns.record({ ...line, delivered: failed === undefined, ...(failed !== undefined && { reason: failed }) })
}

/** Answers why it was not delivered, or undefined when it was. */
async function send(
  sns: Sns,
  topic: Topic,
  to: Subscription,
  message: Message,
  messageId: string,
): Promise<string | undefined> {
  if (!to.confirmed) return 'not delivered: the subscription is not confirmed'
  const body = notification(sns, topic, message, messageId)
  if (to.protocol === 'lambda') {
    if (!sns.invoke) return 'not delivered: the twin runs no functions'
    await sns.invoke(to.endpoint, {
      Records: [{ EventSource: 'aws:sns', EventVersion: '1.0', EventSubscriptionArn: to.arn, Sns: body }],
    })
    return undefined
  }
  if (to.protocol !== 'http' && to.protocol !== 'https') return undefined
  if (!isLoopback(to.endpoint)) return 'not delivered: not loopback'
  const status = await post(to.endpoint, 'Notification', topic.arn, body)
  return status >= 200 && status < 300 ? undefined : `not delivered: ${to.endpoint} answered ${status}`
}

const ask =
  (sns: Sns, action: string) =>
  (input: { TopicArn?: string; ResourceArn?: string; Name?: string }, call: Call): Question[] => {
    const arn =
      input.TopicArn ?? input.ResourceArn ?? `arn:aws:sns:${call.region}:${sns.account}:${input.Name}`
    return [{ action, resource: arn, context: resourceTagContext(sns.topics.get(arn)?.tags) }]
  }

const readTags = (tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined) =>
  Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']))

function attributesOf(sns: Sns, topic: Topic) {
  const own = sns.subscriptions.values().filter(({ topicArn }) => topicArn === topic.arn)
  return {
    TopicArn: topic.arn,
    Owner: sns.account,
    SubscriptionsConfirmed: String(own.filter(({ confirmed }) => confirmed).length),
    SubscriptionsPending: String(own.filter(({ confirmed }) => !confirmed).length),
    SubscriptionsDeleted: '0',
    ...topic.attributes,
  }
}

function topicOperations(sns: Sns): Record<string, Operation> {
  return {
    CreateTopic: {
      questions: (input: CreateTopicCommandInput, call) =>
        ask(sns, 'sns:CreateTopic')(input as { Name?: string }, call).map(question => ({
          ...question,
          context: { ...question.context, ...requestTagContext(input.Tags) },
        })),
      run: (input: CreateTopicCommandInput, call) => {
        const name = input.Name ?? ''
        if (!/^[A-Za-z0-9_-]{1,256}(\.fifo)?$/.test(name))
          throw new WireError('InvalidParameter', 'Invalid parameter: Topic Name')
        const arn = `arn:aws:sns:${call.region}:${sns.account}:${name}`
        const before = sns.topics.get(arn)
        sns.topics.set(arn, {
          arn,
          name,
          region: call.region,
          attributes: { ...before?.attributes, ...(input.Attributes as Record<string, string> | undefined) },
          tags: { ...before?.tags, ...readTags(input.Tags) },
        })
        return { TopicArn: arn }
      },
    },
    DeleteTopic: {
      questions: ask(sns, 'sns:DeleteTopic'),
      run: (input: { TopicArn?: string }) => {
        sns.topics.delete(input.TopicArn ?? '')
        for (const { arn, topicArn } of sns.subscriptions.values()) {
          if (topicArn === input.TopicArn) sns.subscriptions.delete(arn)
        }
        return {}
      },
    },
    ListTopics: {
      questions: () => [{ action: 'sns:ListTopics', resource: '*' }],
      run: (_: unknown, call) => ({
        Topics: sns.topics
          .values()
          .filter(({ region }) => region === call.region)
          .map(({ arn }) => ({ TopicArn: arn })),
      }),
    },
    GetTopicAttributes: {
      questions: ask(sns, 'sns:GetTopicAttributes'),
      run: (input: { TopicArn?: string }) => ({
        Attributes: attributesOf(sns, requireTopic(sns, input.TopicArn)),
      }),
    },
    SetTopicAttributes: {
      questions: ask(sns, 'sns:SetTopicAttributes'),
      run: (input: { TopicArn?: string; AttributeName?: string; AttributeValue?: string }) => {
        const topic = requireTopic(sns, input.TopicArn)
        const attributes = { ...topic.attributes, [input.AttributeName ?? '']: input.AttributeValue ?? '' }
        sns.topics.set(topic.arn, { ...topic, attributes })
        return {}
      },
    },
    ListTagsForResource: {
      questions: ask(sns, 'sns:ListTagsForResource'),
      run: (input: { ResourceArn?: string }) => ({
        Tags: Object.entries(requireTopic(sns, input.ResourceArn).tags).map(([Key, Value]) => ({
          Key,
          Value,
        })),
      }),
    },
    Publish: {
      questions: (input: PublishCommandInput, call) => [
        ...ask(sns, 'sns:Publish')({ TopicArn: input.TopicArn ?? input.TargetArn ?? '' }, call),
        ...keyQuestions(sns, input.TopicArn ?? input.TargetArn),
      ],
      run: (input: PublishCommandInput) => {
        const topic = requireTopic(sns, input.TopicArn ?? input.TargetArn)
        if (!input.Message) throw new WireError('InvalidParameter', 'Invalid parameter: Empty message')
        const MessageId = publish(sns, topic, {
          ...(input.Subject && { subject: input.Subject }),
          body: input.MessageStructure === 'json' ? String(JSON.parse(input.Message).default) : input.Message,
          ...(input.MessageAttributes && { attributes: input.MessageAttributes }),
        })
        return { MessageId }
      },
    },
  }
}

const PROTOCOLS = new Set(['email', 'email-json', 'http', 'https', 'lambda', 'sqs', 'sms'])

async function subscribe(sns: Sns, input: SubscribeCommandInput) {
  const topic = requireTopic(sns, input.TopicArn)
  const protocol = input.Protocol ?? ''
  if (!PROTOCOLS.has(protocol))
    throw new WireError(
      'InvalidParameter',
      `Invalid parameter: Does not support this protocol string: ${protocol}`,
    )
  const endpoint = input.Endpoint ?? ''
  const known = sns.subscriptions
    .values()
    .find(each => each.topicArn === topic.arn && each.protocol === protocol && each.endpoint === endpoint)
  const subscription: Subscription = {
    arn: known?.arn ?? `${topic.arn}:${randomUUID()}`,
    topicArn: topic.arn,
    protocol,
    endpoint,
    // A person confirms an e-mail by hand; the twin takes the template's word for it. A server confirms by itself.
    confirmed: known?.confirmed ?? !protocol.startsWith('http'),
    token: known?.token ?? randomUUID().replaceAll('-', ''),
    attributes: { ...known?.attributes, ...(input.Attributes as Record<string, string> | undefined) },
  }
  sns.subscriptions.set(subscription.arn, subscription)
  if (!subscription.confirmed) askToConfirm(sns, topic, subscription)
  return {
    SubscriptionArn:
      subscription.confirmed || input.ReturnSubscriptionArn ? subscription.arn : 'pending confirmation',
  }
}

function askToConfirm(sns: Sns, topic: Topic, subscription: Subscription): void {
  const body = {
    Type: 'SubscriptionConfirmation',
    MessageId: randomUUID(),
    Token: subscription.token,
    TopicArn: topic.arn,
    Message: `You have chosen to subscribe to the topic ${topic.arn}. To confirm, call ConfirmSubscription with the Token.`,
    Timestamp: new Date(sns.clock()).toISOString(),
  }
  const line = {
    at: body.Timestamp,
    topic: topic.arn,
    protocol: subscription.protocol,
    endpoint: subscription.endpoint,
    message: body.Message,
    messageId: body.MessageId,
  }
  if (!isLoopback(subscription.endpoint)) {
    sns.record({ ...line, delivered: false, reason: 'not delivered: not loopback' })
    return
  }
  const delivery = post(subscription.endpoint, 'SubscriptionConfirmation', topic.arn, body)
    .then(
      () => sns.record({ ...line, delivered: true }),
      (error: Error) => sns.record({ ...line, delivered: false, reason: error.message }),
    )
    .finally(() => sns.underWay.delete(delivery))
  sns.underWay.add(delivery)
}

function subscriptionOperations(sns: Sns): Record<string, Operation> {
  const list = (filter: (subscription: Subscription) => boolean) => ({
    Subscriptions: sns.subscriptions
      .values()
      .filter(filter)
      .map(({ arn, topicArn, protocol, endpoint, confirmed }) => ({
        SubscriptionArn: confirmed ? arn : 'PendingConfirmation',
        Owner: sns.account,
        Protocol: protocol,
        Endpoint: endpoint,
        TopicArn: topicArn,
      })),
  })
  const onSubscription = (action: string) => (input: { SubscriptionArn?: string }) => [
    { action, resource: (input.SubscriptionArn ?? '').split(':').slice(0, 6).join(':') },
  ]
  const find = (arn: string | undefined): Subscription => {
    const found = sns.subscriptions.get(arn ?? '')
    if (!found) throw new WireError('NotFound', 'Subscription does not exist', 404)
    return found
  }
  return {
    Subscribe: {
      questions: ask(sns, 'sns:Subscribe'),
      run: (input: SubscribeCommandInput) => subscribe(sns, input),
    },
    ConfirmSubscription: {
      questions: ask(sns, 'sns:ConfirmSubscription'),
      run: (input: { TopicArn?: string; Token?: string }) => {
        const found = sns.subscriptions
          .values()
          .find(each => each.topicArn === input.TopicArn && each.token === input.Token)
        if (!found) throw new WireError('InvalidParameter', 'Invalid parameter: Token')
        sns.subscriptions.set(found.arn, { ...found, confirmed: true })
        return { SubscriptionArn: found.arn }
      },
    },
    Unsubscribe: {
      questions: onSubscription('sns:Unsubscribe'),
      run: (input: { SubscriptionArn?: string }) => {
        sns.subscriptions.delete(find(input.SubscriptionArn).arn)
        return {}
      },
    },
    ListSubscriptions: {
      questions: () => [{ action: 'sns:ListSubscriptions', resource: '*' }],
      run: (_: unknown, call) => list(({ topicArn }) => topicArn.split(':')[3] === call.region),
    },
    ListSubscriptionsByTopic: {
      questions: ask(sns, 'sns:ListSubscriptionsByTopic'),
      run: (input: { TopicArn?: string }) => {
        const topic = requireTopic(sns, input.TopicArn)
        return list(({ topicArn }) => topicArn === topic.arn)
      },
    },
    GetSubscriptionAttributes: {
      questions: onSubscription('sns:GetSubscriptionAttributes'),
      run: (input: { SubscriptionArn?: string }) => {
        const { arn, topicArn, protocol, endpoint, confirmed, attributes } = find(input.SubscriptionArn)
        return {
          Attributes: {
            SubscriptionArn: arn,
            TopicArn: topicArn,
            Protocol: protocol,
            Endpoint: endpoint,
            Owner: sns.account,
            PendingConfirmation: String(!confirmed),
            ...attributes,
          },
        }
      },
    },
    SetSubscriptionAttributes: {
      questions: onSubscription('sns:SetSubscriptionAttributes'),
      run: (input: { SubscriptionArn?: string; AttributeName?: string; AttributeValue?: string }) => {
        const found = find(input.SubscriptionArn)
        const attributes = { ...found.attributes, [input.AttributeName ?? '']: input.AttributeValue ?? '' }
        sns.subscriptions.set(found.arn, { ...found, attributes })
        return {}
      },
    },
  }
}
