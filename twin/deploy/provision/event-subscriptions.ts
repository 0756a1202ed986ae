import type { Collection } from '../../state/collection.ts'
import type { Desired, Physical, Provisioner } from '../provisioner.ts'
import { flag } from './api.ts'

/** Who is told of which RDS events. Empty lists mean all. */
export type EventSubscription = {
  readonly name: string
  readonly region: string
  readonly topicArn: string
  readonly enabled: boolean
  readonly sourceType: string | undefined
  readonly sourceIds: readonly string[]
  readonly categories: readonly string[]
}

/** What of an event decides who is told. */
export type SubscribedEvent = {
  readonly region: string
  readonly sourceType: string
  readonly sourceIdentifier: string
  readonly categories: readonly string[]
}

/** The subscriptions that want an event. */
export function subscribersOf(
  subscriptions: Collection<EventSubscription>,
  event: SubscribedEvent,
): EventSubscription[] {
  return subscriptions
    .values()
    .filter(
      subscription =>
        subscription.enabled &&
        subscription.region === event.region &&
        (subscription.sourceType === undefined || subscription.sourceType === event.sourceType) &&
        (subscription.sourceIds.length === 0 || subscription.sourceIds.includes(event.sourceIdentifier)) &&
        (subscription.categories.length === 0 ||
          event.categories.some(category => subscription.categories.includes(category))),
    )
}

/** RDS event subscriptions. */
export function eventSubscriptionProvisioner(subscriptions: Collection<EventSubscription>): Provisioner {
  const put = async (desired: Desired): Promise<Physical> => {
    const { properties, region } = desired
    const name = String(properties.SubscriptionName ?? desired.generatedName.toLowerCase())
    subscriptions.set(`${region}/${name}`, {
      name,
      region,
      topicArn: properties.SnsTopicArn,
      enabled: flag(properties.Enabled) ?? true,
      sourceType: properties.SourceType,
      sourceIds: properties.SourceIds ?? [],
      categories: properties.EventCategories ?? [],
    })
    return { ref: name, attributes: {} }
  }
  return {
    kind: 'real',
    create: put,
    update: put,
    remove: async before => subscriptions.delete(`${before.region}/${before.ref}`),
  }
}
