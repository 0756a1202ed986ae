import type { CreateTopicCommandInput, PublishCommandInput } from '@aws-sdk/client-sns'
import { type Call, type Operation, type Question, WireError } from '../../wire/call.ts'
import { requestTagContext, resourceTagContext } from '../dependencies.ts'
import { keyQuestions, publish } from './publish.ts'
import { requireTopic, type Sns, type Topic } from './topics.ts'

/** Asks for a topic, which the input names in one of three ways. */
export const ask =
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

/** The operations on topics. */
export function topicOperations(sns: Sns): Record<string, Operation> {
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
