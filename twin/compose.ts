import { faultVerbs } from './control/fault-verbs.ts'
import { passMinutes } from './control/minutes.ts'
import { scheduleVerbs } from './control/schedule-verbs.ts'
import type { Verb } from './control/server.ts'
import { readStatus } from './control/status.ts'
import type { StackRecord } from './deploy/deployer.ts'
import { type EventSubscription, subscribersOf } from './deploy/provision/event-subscriptions.ts'
import type { Stored } from './deploy/provisioner.ts'
import type { ProvisionerDeps } from './deploy/provisioners.ts'
import type { Authorizer } from './iam/authorizer.ts'
import { createIdentities, type Identities, type Identity } from './iam/identities.ts'
import { createRoles, type ManagedPolicyRecord, type RoleRecord } from './iam/roles.ts'
import { apiOver, dynamicOver } from './in-process.ts'
import { judgeOver } from './judge.ts'
import { invokeQuestion, Lambda } from './lambda/lambda.ts'
import { deployedStacks, eventMessage, isAlarmCalm, notifierOver } from './notices.ts'
import { openerFor, type TwinOptions } from './options.ts'
import { openAuthority } from './postgres/authority.ts'
import { BACKUP_SERVICE, snapshotsOver } from './recovery-points.ts'
import { createBackup } from './services/backup/service.ts'
import { createCloudFormation } from './services/cloudformation/service.ts'
import type { Sample } from './services/cloudwatch/series.ts'
import { createCloudWatch } from './services/cloudwatch/service.ts'
import { createElastiCache } from './services/elasticache/service.ts'
import { createIam } from './services/iam/service.ts'
import { createKms } from './services/kms/service.ts'
import { createLambdaService } from './services/lambda/service.ts'
import { createLogs } from './services/logs/service.ts'
import { createRds } from './services/rds/rds.ts'
import { createRoute53 } from './services/route53/service.ts'
import { createS3 } from './services/s3/service.ts'
import { type Schedule, Scheduler } from './services/scheduler/scheduler.ts'
import { createSchedulerService } from './services/scheduler/service.ts'
import { createSecretsManager } from './services/secretsmanager/service.ts'
import { createSns } from './services/sns/service.ts'
import { createSsm } from './services/ssm/service.ts'
import { createSts } from './services/sts/service.ts'
import type { Collection } from './state/collection.ts'
import type { Service } from './wire/call.ts'
import { createFaults, type Faults } from './wire/faults.ts'

/** A twin's parts, put together. */
export type Composition = ProvisionerDeps & {
  readonly services: readonly Service[]
  readonly identities: Identities
  readonly authorizer: Authorizer
  readonly faults: Faults
  readonly resources: Collection<Stored>
  readonly stacks: Collection<StackRecord>
  readonly dynamic: ReturnType<typeof dynamicOver>
  readonly clock: () => number
  readonly caFile: string
  readonly verbs: Readonly<Record<string, Verb>>
  /** Told once the listener is there, before anything that calls it begins. */
  setEndpoint(url: string): void
  /** Starts again what an earlier life left: databases first, then what writes to them. */
  resume(): Promise<void>
  status(): Promise<unknown>
  stop(): Promise<void>
}

const ALARM_TICK_MS = 10_000

type Measured = Omit<Sample, 'at' | 'values' | 'resolution'> & { readonly value: number }

/** Puts the parts of a twin together, each on what it left in the folder. */
export async function composeServices(
  options: TwinOptions,
  log: (text: string) => void,
): Promise<Composition> {
  const { folder, account, regions } = options
  const faults = createFaults()
  const clock = () => faults.now()
  const base = (service: string) => ({ account, clock, open: openerFor(folder, service) })
  const iam = openerFor(folder, 'iam')
  const identities = createIdentities({ account, store: iam<Identity>('identities') })
  const roles = createRoles(iam<RoleRecord>('roles'), iam<ManagedPolicyRecord>('managed'))
  const deployed = openerFor(folder, 'deploy')
  const resources = deployed<Stored>('resources')
  const stacks = deployed<StackRecord>('stacks')
  const authority = await openAuthority(folder.of('tls'), regions)
  let endpoint = ''
  let ticking: NodeJS.Timeout | undefined

  const {
    authorizer,
    may,
    allowsRole,
    demand: judge,
  } = judgeOver(
    options,
    {
      roles,
      account,
      clock,
      resourcePolicies: {
        s3: arn => s3.policyOf(arn),
        kms: arn => kms.policyOf(arn),
        sns: arn => sns.policyOf(arn),
        secretsmanager: arn => secrets.policyOf(arn),
        backup: arn => backup.policyOf(arn),
      },
    },
    log,
  )
  const lost = new Set<string>()
  const isReachable = (region: string) => !lost.has(region)
  const kms = createKms(base('kms'))
  const sealing = {
    encrypt: kms.encrypt,
    decrypt: kms.decrypt,
    keyArn: (reference: string, region: string) => kms.findKey(reference, region).arn,
  }
  const s3 = createS3({
    ...base('s3'),
    dir: folder.of('s3'),
    findKey: kms.findKey,
    may,
    allowsRole,
    isReachable,
  })
  const secrets = createSecretsManager({ ...base('secretsmanager'), ...sealing, isReachable })
  const ssm = createSsm({ ...base('ssm'), ...sealing })
  const sns = createSns({
    ...base('sns'),
    dir: folder.of('sns'),
    findKey: kms.findKey,
    assertKeyUsable: (reference, region) => kms.findKey(reference, region).assertUsable(),
    putMetric: (topic, name, value) =>
      measured({
        region: topic.region,
        namespace: 'AWS/SNS',
        name,
        dimensions: { TopicName: topic.name },
        value,
        unit: 'Count',
      }),
    invoke: async (arn, event) => {
      const target = lambda.functions.resolve(arn.split(':')[3] ?? '', account, arn)
      lambda.invokeLater(target, JSON.stringify(event))
    },
  })
  const sts = createSts({ ...base('sts'), roles, identities })
  const cloudwatch = createCloudWatch({
    ...base('cloudwatch'),
    dir: folder.of('cloudwatch'),
    act: ({ actionArn, alarmArn, region, subject, message }) =>
      notify('cloudwatch.amazonaws.com', actionArn, region, alarmArn, { subject, body: message }),
  })
  // One value of one minute, as AWS's services publish about themselves.
  const measured = ({ region, namespace, name, dimensions, value, unit }: Measured) =>
    cloudwatch.put({
      region,
      namespace,
      name,
      dimensions,
      unit,
      at: clock(),
      values: [[value, 1]],
      resolution: 60,
    })
  const logs = createLogs({ ...base('logs'), dir: folder.of('logs-data'), onLine: cloudwatch.ingest })
  const route53 = createRoute53({
    ...base('route53'),
    isHealthy: config => isAlarmCalm(cloudwatch.ringing(), config),
  })
  const backup = createBackup({
    ...base('backup'),
    // The snapshots are RDS's, and RDS is put together further down.
    snapshots: snapshotsOver((...call) => apiOver([rds.service], account, BACKUP_SERVICE)(...call)),
    report: log,
  })
  const elasticache = createElastiCache({
    ...base('elasticache'),
    root: folder.root,
    certificate: authority.server,
    watch: options.guard,
    emitMetric: measured,
    log,
  })
  const subscriptions = deployed<EventSubscription>('event-subscriptions')
  const notify = notifierOver({
    account,
    authorizer,
    sns,
    invoke: (region, target, body) =>
      lambda.invokeLater(lambda.functions.resolve(region, account, target), body),
  })
  const rds = createRds({
    root: folder.root,
    account,
    regions,
    certificate: authority.server,
    clock,
    findKey: accessKeyId => identities.find(accessKeyId),
    mayConnect: (principal, resource, context) =>
      may(
        {
          requestId: '',
          service: 'rds-db',
          region: resource.split(':')[3] ?? '',
          account,
          operation: 'connect',
          principal,
        },
        { action: 'rds-db:connect', resource, context },
      ),
    mayRoleConnect: (role, resource, region, context) =>
      allowsRole(role, { action: 'rds-db:connect', resource, context }, region),
    watch: options.guard,
    ...(options.lag === undefined ? {} : { restorableLag: options.lag * 1_000 }),
    findSubnet: (region, subnet) => {
      const found = resources
        .values()
        .find(
          ({ type, region: where, ref }) => type === 'AWS::EC2::Subnet' && where === region && ref === subnet,
        )
      return found && { vpc: String(found.attributes.VpcId), zone: String(found.attributes.AvailabilityZone) }
    },
    putObject: async ({ region, bucket, key, body, roleArn }) => {
      judge(roleArn, region, { action: 's3:PutObject', resource: `arn:aws:s3:::${bucket}/${key}` })
      await api('s3', region, 'PutObject', { Bucket: bucket, Key: key, Body: body })
    },
    keepMasterSecret: async ({ region, instance, resourceId, kmsKeyId, value }) => {
      const { ARN } = await api('secretsmanager', region, 'CreateSecret', {
        Name: `rds!${resourceId}`,
        Description: `master user of ${instance}`,
        SecretString: value,
        ...(kmsKeyId ? { KmsKeyId: kmsKeyId } : {}),
      })
      return ARN
    },
    emitMetric: measured,
    emitEvent: event => {
      for (const { topicArn, name } of subscribersOf(subscriptions, event))
        void notify('events.rds.amazonaws.com', topicArn, event.region, event.sourceArn, {
          subject: 'RDS Notification Message',
          body: eventMessage(event),
        }).catch(error => log(`event subscription ${name}: ${error.message}`))
    },
    log,
  })
  const lambda = new Lambda({
    account,
    directory: folder.of('lambda'),
    logs: folder.functionLogs,
    endpoint: () => endpoint,
    caFile: () => authority.caFile,
    keyOf: role => {
      const { principal, secretAccessKey, sessionToken } = identities.forRole(role)
      return {
        accessKeyId: principal.accessKeyId,
        secretAccessKey,
        ...(sessionToken ? { sessionToken } : {}),
      }
    },
    onLine: (region, logGroup, stream, message) =>
      logs.append(region, logGroup, stream, [{ at: clock(), message }]),
    putMetric: (region, functionName, metric) =>
      measured({
        ...metric,
        region,
        namespace: 'AWS/Lambda',
        dimensions: { FunctionName: functionName },
      }),
    watch: options.guard,
    judge,
    deliver: async (target, body, role) => {
      const region = target.split(':')[3] ?? ''
      if (target.startsWith('arn:aws:sns:')) {
        judge(role, region, { action: 'sns:Publish', resource: target })
        await sns.publish(target, { body })
      } else if (target.startsWith('arn:aws:lambda:')) {
        const found = lambda.functions.resolve(region, account, target)
        judge(role, region, invokeQuestion(found))
        lambda.invokeLater(found, body)
      } else throw new Error(`the twin cannot deliver to ${target}`)
    },
    report: log,
  })
  const scheduling = openerFor(folder, 'scheduler')
  const scheduleGroups = scheduling<{ region: string; account: string; name: string; createdAt: number }>(
    'groups',
  )
  const scheduler = new Scheduler(
    {
      schedules: scheduling<Schedule>('schedules'),
      groups: scheduleGroups,
      clock,
      start: (region, target, input) => {
        const found = lambda.functions.resolve(region, account, target.arn)
        judge(target.roleArn, region, invokeQuestion(found))
        lambda.invokeLater(found, input)
      },
      report: log,
    },
    true,
  )
  const services = [
    rds.service,
    s3.service,
    kms.service,
    secrets.service,
    ssm,
    sns.service,
    sts,
    cloudwatch.service,
    logs.service,
    route53.service,
    backup.service,
    elasticache.service,
    createIam({ account, roles }),
    createCloudFormation({ account, stacks: region => deployedStacks(stacks, resources, region) }),
    createLambdaService(lambda),
    createSchedulerService(scheduler, scheduleGroups),
  ]
  const api = apiOver(services, account, identities.root().principal)
  const parts = { api, services, regions, faults, lambda, scheduler, backup, rds, s3, resources, lost, clock }
  return {
    services,
    identities,
    authorizer,
    faults,
    resources,
    stacks,
    clock,
    caFile: authority.caFile,
    api,
    roles,
    rds,
    lambda,
    scheduler,
    scheduleGroups,
    dynamic: dynamicOver(api),
    subscriptions,
    elasticache,
    verbs: {
      ...faultVerbs(parts),
      ...scheduleVerbs(parts),
      'pass-minutes': ({ minutes }: { minutes: number }) => passMinutes(parts, cloudwatch, minutes),
      // For tests and for finding out what a role may: its key, as its functions have it.
      'key-of-role': ({ role }: { role: string }) => {
        const { arn } = role.startsWith('arn:') ? { arn: role } : roles.named(role)
        const { principal, secretAccessKey } = identities.forRole(arn)
        return { roleArn: arn, accessKeyId: principal.accessKeyId, secretAccessKey }
      },
    },
    setEndpoint: url => {
      endpoint = url
    },
    resume: async () => {
      await rds.open()
      await elasticache.open()
      ticking = setInterval(() => {
        cloudwatch.tick()
        void backup.expire()
      }, ALARM_TICK_MS)
      lambda.resume()
      if (options.pauseSchedules) return
      scheduler.resume(options.holdCalendar ? 'rates' : 'all')
      if (!options.holdCalendar) backup.plans.resume()
    },
    status: () => readStatus(parts),
    stop: async () => {
      clearInterval(ticking)
      scheduler.stop()
      await backup.close()
      await lambda.stop()
      await elasticache.close()
      await rds.close()
      await cloudwatch.settle()
      await sns.settle()
      s3.close()
    },
  }
}
