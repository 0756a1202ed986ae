import { type Desired, keep, type Physical, type Provisioner, tagList } from '../provisioner.ts'
import { type Api, given, removeIfThere } from './api.ts'

/** SNS topics, their policies and subscriptions. */
export function messageProvisioners(api: Api): Record<string, Provisioner> {
  const sns = (desired: Pick<Desired, 'region'>, operation: string, input: Record<string, unknown>) =>
    api('sns', desired.region, operation, input)
  const putTopic = async (desired: Desired): Promise<Physical> => {
    const { properties } = desired
    const Name = String(properties.TopicName ?? desired.generatedName)
    const { TopicArn } = await sns(desired, 'CreateTopic', {
      Name,
      Attributes: given({
        KmsMasterKeyId: properties.KmsMasterKeyId,
        DisplayName: properties.DisplayName,
      }),
      Tags: tagList(desired.tags),
    })
    for (const { Endpoint, Protocol } of properties.Subscription ?? [])
      await sns(desired, 'Subscribe', { TopicArn, Endpoint, Protocol })
    return { ref: TopicArn, attributes: { TopicArn, TopicName: Name } }
  }
  const putPolicy = async (desired: Desired): Promise<Physical> => {
    for (const TopicArn of desired.properties.Topics)
      await sns(desired, 'SetTopicAttributes', {
        TopicArn,
        AttributeName: 'Policy',
        AttributeValue: JSON.stringify(desired.properties.PolicyDocument),
      })
    return { ref: desired.generatedName, attributes: { Id: desired.generatedName } }
  }
  const subscribe = async (desired: Desired): Promise<Physical> => {
    const { TopicArn, Protocol, Endpoint, RawMessageDelivery, FilterPolicy } = desired.properties
    const { SubscriptionArn } = await sns(desired, 'Subscribe', {
      TopicArn,
      Protocol,
      Endpoint,
      ReturnSubscriptionArn: true,
      Attributes: given({
        RawMessageDelivery: RawMessageDelivery === undefined ? undefined : String(RawMessageDelivery),
        FilterPolicy: FilterPolicy && JSON.stringify(FilterPolicy),
      }),
    })
    return { ref: SubscriptionArn, attributes: { Arn: SubscriptionArn } }
  }
  return {
    'AWS::SNS::Topic': {
      kind: 'real',
      create: putTopic,
      update: async (desired, before) => {
        keep(desired, before, ['TopicName', 'FifoTopic'])
        return putTopic(desired)
      },
      remove: before => removeIfThere(() => sns(before, 'DeleteTopic', { TopicArn: before.ref })),
    },
    'AWS::SNS::TopicPolicy': { kind: 'real', create: putPolicy, update: putPolicy, remove: async () => {} },
    'AWS::SNS::Subscription': {
      kind: 'real',
      create: subscribe,
      update: subscribe,
      remove: before => removeIfThere(() => sns(before, 'Unsubscribe', { SubscriptionArn: before.ref })),
    },
  }
}
