import type { HealthCheckConfig } from '@aws-sdk/client-route-53'
import type { StackRecord } from './deploy/deployer.ts'
import type { Stored } from './deploy/provisioner.ts'
import type { DeployedStack } from './services/cloudformation/service.ts'
import type { Alarm } from './services/cloudwatch/alarms.ts'
import type { RdsEvent } from './services/rds/options.ts'
import type { Collection } from './state/collection.ts'

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
