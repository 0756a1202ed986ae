import { randomUUID } from 'node:crypto'
import type { Question } from '../../wire/call.ts'
import { isLoopback, post } from './deliver.ts'
import { passesFilter } from './filter.ts'
import type { Message, Sns, Subscription, Topic } from './topics.ts'

/** What a publisher must be allowed at the topic's key. */
export function keyQuestions(sns: Sns, topicArn: string | undefined): Question[] {
  const topic = sns.topics.get(topicArn ?? '')
  const reference = topic?.attributes.KmsMasterKeyId
  if (!topic || !reference || !sns.findKey) return []
  const key = sns.findKey(reference, topic.region)
  const context = { ...key.context, 'kms:ViaService': `sns.${topic.region}.amazonaws.com` }
  return ['kms:GenerateDataKey', 'kms:Decrypt'].map(action => ({ action, resource: key.arn, context }))
}

/** Sends a message to every subscription that wants it; answers its id at once. */
export function publish(sns: Sns, topic: Topic, message: Message): string {
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
  const hindrance = hindranceOf(sns, to)
  const failed =
    hindrance ?? (await send(sns, topic, to, message, messageId).catch((error: Error) => error.message))
  // What the twin does not even try is no failure of the receiver.
  if (hindrance === undefined) {
    sns.putMetric?.(topic, 'NumberOfNotificationsDelivered', failed === undefined ? 1 : 0)
    sns.putMetric?.(topic, 'NumberOfNotificationsFailed', failed === undefined ? 0 : 1)
  }
  sns.record({ ...line, delivered: failed === undefined, ...(failed !== undefined && { reason: failed }) })
}

/** Why the twin does not try to deliver there. */
function hindranceOf(sns: Sns, { protocol, endpoint, confirmed }: Subscription): string | undefined {
  const isHttp = protocol.startsWith('http')
  if (isHttp && !isLoopback(endpoint)) return 'not delivered: not loopback'
  if (!confirmed) return 'not delivered: the subscription is not confirmed'
  if (protocol === 'lambda') return sns.invoke ? undefined : 'not delivered: the twin runs no functions'
  return isHttp || protocol.startsWith('email') ? undefined : `not delivered: the twin has no ${protocol}`
}

/** Answers why it was not delivered, or undefined when it was. Tried once: SNS would try again for a minute. */
async function send(
  sns: Sns,
  topic: Topic,
  to: Subscription,
  message: Message,
  messageId: string,
): Promise<string | undefined> {
  const body = notification(sns, topic, message, messageId)
  if (to.protocol === 'lambda') {
    await sns.invoke?.(to.endpoint, {
      Records: [{ EventSource: 'aws:sns', EventVersion: '1.0', EventSubscriptionArn: to.arn, Sns: body }],
    })
    return undefined
  }
  // The inbox itself is where mail arrives.
  if (to.protocol.startsWith('email')) return undefined
  const status = await post(to.endpoint, 'Notification', topic.arn, body)
  return status >= 200 && status < 300 ? undefined : `not delivered: ${to.endpoint} answered ${status}`
}
