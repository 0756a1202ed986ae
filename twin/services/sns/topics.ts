import type { MessageAttributeValue } from '@aws-sdk/client-sns'
import type { Collection } from '../../state/collection.ts'
import { type Question, type Service, WireError } from '../../wire/call.ts'
import type { ServiceDependencies } from '../dependencies.ts'
import type { InboxLine } from './deliver.ts'

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

/** What SNS says of a topic in `AWS/SNS`. */
export type SnsMetric = 'NumberOfNotificationsDelivered' | 'NumberOfNotificationsFailed'

export type SnsDependencies = ServiceDependencies & {
  /** Where the inbox lies (`inbox.jsonl`). */
  readonly dir: string
  /** Invokes a subscribed function with an SNS event. Without it, such a delivery is recorded as not made. */
  readonly invoke?: (functionArn: string, event: object) => Promise<void>
  /** Told of each attempt to deliver, as CloudWatch is. */
  readonly putMetric?: (topic: Topic, name: SnsMetric, value: number) => void
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

/** What the operations of SNS share. */
export type Sns = SnsDependencies & {
  readonly topics: Collection<Topic>
  readonly subscriptions: Collection<Subscription>
  readonly record: (line: InboxLine) => void
  readonly underWay: Set<Promise<void>>
}

/** The topic of an ARN; refused when it is not there. */
export function requireTopic(sns: Sns, arn: string | undefined): Topic {
  const topic = sns.topics.get(arn ?? '')
  if (!topic) throw new WireError('NotFound', 'Topic does not exist', 404)
  return topic
}
