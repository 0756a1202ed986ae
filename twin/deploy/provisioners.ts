import type { Roles } from '../iam/roles.ts'
import type { Lambda } from '../lambda/lambda.ts'
import type { ElastiCacheService } from '../services/elasticache/service.ts'
import type { TwinRds } from '../services/rds/rds.ts'
import type { Scheduler, SchedulerDeps } from '../services/scheduler/scheduler.ts'
import type { Collection } from '../state/collection.ts'
import { alarmProvisioners } from './provision/alarms.ts'
import type { Api } from './provision/api.ts'
import { backupProvisioners } from './provision/backups.ts'
import { bucketProvisioners } from './provision/buckets.ts'
import { cacheProvisioners } from './provision/cache.ts'
import { customProvisioner } from './provision/custom.ts'
import { databaseProvisioners } from './provision/database.ts'
import { type EventSubscription, eventSubscriptionProvisioner } from './provision/event-subscriptions.ts'
import { functionProvisioners } from './provision/functions.ts'
import { identityProvisioners } from './provision/identity.ts'
import { keyProvisioners } from './provision/keys.ts'
import { logProvisioners } from './provision/logs.ts'
import { messageProvisioners } from './provision/messages.ts'
import { nameProvisioners } from './provision/names.ts'
import { poolProvisioners } from './provision/pool.ts'
import { scheduleProvisioners } from './provision/schedules.ts'
import { secretProvisioners } from './provision/secrets.ts'
import type { Provisioner } from './provisioner.ts'
import { recordedProvisioners } from './recorded.ts'

/** What the provisioners create with. */
export type ProvisionerDeps = {
  readonly api: Api
  readonly roles: Roles
  readonly rds: TwinRds
  readonly lambda: Lambda
  readonly scheduler: Scheduler
  readonly scheduleGroups: SchedulerDeps['groups']
  readonly subscriptions: Collection<EventSubscription>
  readonly elasticache: ElastiCacheService
}

/** Every resource type that the twin knows. What has a data plane comes after what is recorded, and wins. */
export function provisioners(deps: ProvisionerDeps): Record<string, Provisioner> {
  const { api } = deps
  return {
    ...recordedProvisioners(),
    ...identityProvisioners(deps.roles),
    ...functionProvisioners(deps.lambda),
    ...scheduleProvisioners(deps.scheduler, deps.scheduleGroups),
    ...bucketProvisioners(api),
    ...keyProvisioners(api),
    ...secretProvisioners(api),
    ...messageProvisioners(api),
    ...alarmProvisioners(api),
    ...databaseProvisioners(api, deps.rds),
    ...poolProvisioners(api),
    ...nameProvisioners(api),
    ...logProvisioners(api),
    ...backupProvisioners(api),
    ...cacheProvisioners(deps.elasticache),
    'AWS::RDS::EventSubscription': eventSubscriptionProvisioner(deps.subscriptions),
    'AWS::CloudFormation::CustomResource': customProvisioner(deps.lambda),
  }
}
