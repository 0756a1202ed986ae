import { join } from 'node:path'
import * as schemas from '@aws-sdk/client-sns'
import { openInbox } from './deliver.ts'
import { keyQuestions, publish } from './publish.ts'
import { subscriptionOperations } from './subscription-operations.ts'
import { topicOperations } from './topic-operations.ts'
import {
  requireTopic,
  type Sns,
  type SnsDependencies,
  type SnsService,
  type Subscription,
  type Topic,
} from './topics.ts'

export type { Message, SnsService } from './topics.ts'

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
