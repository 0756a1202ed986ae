import type { HealthCheckConfig } from '@aws-sdk/client-route-53'
import type { StackRecord } from './deploy/deployer.ts'
import type { Stored } from './deploy/provisioner.ts'
import type { Authorizer } from './iam/authorizer.ts'
import type { DeployedStack } from './services/cloudformation/service.ts'
import type { Alarm } from './services/cloudwatch/alarms.ts'
import type { RdsEvent } from './services/rds/options.ts'
import type { SnsService } from './services/sns/topics.ts'
import type { Collection } from './state/collection.ts'

type Notifier = (
  service: string,
  target: string,
  region: string,
  source: string,
  message: { readonly subject: string; readonly body: string },
) => Promise<void>

/**
 * What a service of AWS sends to a topic or a function, if the policy of that resource lets it. The sender throws what
 * was refused and by which resource.
 */
export function notifierOver(parts: {
  readonly account: string
  readonly authorizer: Authorizer
  readonly sns: Pick<SnsService, 'publish' | 'keyQuestions'>
  readonly invoke: (region: string, target: string, body: string) => void
}): Notifier {
  const { account, authorizer, sns } = parts
  return async (service, target, region, source, message) => {
    const isTopic = target.startsWith('arn:aws:sns:')
    const context = { 'aws:SourceArn': source, 'aws:SourceAccount': account }
    const asked = [
      { action: isTopic ? 'sns:Publish' : 'lambda:InvokeFunction', resource: target, context },
      ...(isTopic ? sns.keyQuestions(target) : []).map(question => ({
        ...question,
        context: { ...question.context, ...context },
      })),
    ]
    const refused = asked.find(question => !authorizer.allowsService(service, question, region).allowed)
    if (refused) throw new Error(`${refused.resource} does not let ${service} do ${refused.action}`)
    if (isTopic) await sns.publish(target, message)
    else parts.invoke(region, target, message.body)
  }
}

/** An RDS event as a subscribed topic gets it. */
export function eventMessage(event: RdsEvent): string {
  return JSON.stringify({
    'Event Source': event.sourceType,
    'Event Time': new Date(event.at).toISOString(),
    'Source ID': event.sourceIdentifier,
    'Source ARN': event.sourceArn,
    'Event ID': event.id,
    'Event Message': event.message,
    'Event Categories': event.categories,
  })
}

/** Whether what a health check watches is well: an alarm is while it does not ring. */
export function isAlarmCalm(ringing: readonly Alarm[], config: HealthCheckConfig): boolean {
  const watched = config.AlarmIdentifier
  return !watched || !ringing.some(alarm => alarm.name === watched.Name && alarm.region === watched.Region)
}

/** The stacks of a region as CloudFormation tells them. */
export function deployedStacks(
  stacks: Collection<StackRecord>,
  resources: Collection<Stored>,
  region: string,
): DeployedStack[] {
  return stacks
    .values()
    .filter(stack => stack.region === region)
    .map(stack => ({
      ...stack,
      resources: resources
        .values()
        .filter(resource => resource.region === region && resource.stack === stack.name)
        .map(({ logicalId, ref, type }) => ({ logicalId, physicalId: String(ref), type })),
    }))
}
