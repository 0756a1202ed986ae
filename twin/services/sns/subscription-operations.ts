import { randomUUID } from 'node:crypto'
import type { SubscribeCommandInput } from '@aws-sdk/client-sns'
import { type Operation, WireError } from '../../wire/call.ts'
import { isLoopback, post } from './deliver.ts'
import { ask } from './topic-operations.ts'
import { requireTopic, type Sns, type Subscription, type Topic } from './topics.ts'

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

/** The operations on subscriptions. */
export function subscriptionOperations(sns: Sns): Record<string, Operation> {
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
