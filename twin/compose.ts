import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { faultVerbs } from './control/fault-verbs.ts'
import { scheduleVerbs } from './control/schedule-verbs.ts'
import type { Verb } from './control/server.ts'
import { readStatus } from './control/status.ts'
import type { StackRecord } from './deploy/deployer.ts'
import type { Api } from './deploy/provision/api.ts'
import { type EventSubscription, subscribersOf } from './deploy/provision/event-subscriptions.ts'
import type { Stored } from './deploy/provisioner.ts'
import type { ProvisionerDeps } from './deploy/provisioners.ts'
import { type Authorizer, allowEverything, createAuthorizer } from './iam/authorizer.ts'
import { createIdentities, type Identities, type Identity } from './iam/identities.ts'
import { createRoles, type ManagedPolicyRecord, type RoleRecord } from './iam/roles.ts'
import { invokeQuestion, Lambda } from './lambda/lambda.ts'
import { openerFor, type TwinOptions } from './options.ts'
import { openAuthority } from './postgres/authority.ts'
import { createKms } from './services/kms/service.ts'
import { createLambdaService } from './services/lambda/service.ts'
import type { RdsEvent } from './services/rds/options.ts'
import { createRds } from './services/rds/rds.ts'
import { createS3 } from './services/s3/service.ts'
import { type Schedule, Scheduler } from './services/scheduler/scheduler.ts'
import { createSchedulerService } from './services/scheduler/service.ts'
import { createSecretsManager } from './services/secretsmanager/service.ts'
import { createSns } from './services/sns/service.ts'
import { createSsm } from './services/ssm/service.ts'
import { createSts } from './services/sts/service.ts'
import type { Collection } from './state/collection.ts'
import { type Call, type Question, type Service, WireError } from './wire/call.ts'
import { createFaults, type Faults } from './wire/faults.ts'

/** A twin's parts, put together. */
export type Composition = ProvisionerDeps & {
  readonly services: readonly Service[]
  readonly identities: Identities
  readonly authorizer: Authorizer
  readonly faults: Faults
  readonly resources: Collection<Stored>
  readonly stacks: Collection<StackRecord>
  readonly dynamic: (region: string, service: string, reference: string) => Promise<string>
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

  const authorizer: Authorizer = options.noIam
    ? allowEverything
    : createAuthorizer({
        roles,
        account,
        clock,
        resourcePolicies: {
          s3: arn => s3.policyOf(arn),
          kms: arn => kms.policyOf(arn),
          sns: arn => sns.policyOf(arn),
          secretsmanager: arn => secrets.policyOf(arn),
        },
        onDenial: denial => {
          appendFileSync(
            folder.denials,
            `${JSON.stringify({ at: new Date(clock()).toISOString(), ...denial })}\n`,
          )
          log(
            `denied: ${denial.message}${denial.missing ? `; missing ${JSON.stringify(denial.missing)}` : ''}`,
          )
        },
      })
  const may = (call: Call, question: Question) => {
    try {
      authorizer.authorize(call, [question])
      return true
    } catch (error) {
      if (error instanceof WireError) return false
      throw error
    }
  }
  const allowsRole = (role: string, question: Question, region: string) =>
    authorizer.allowsRole(role, question, region).allowed
  const judge = (role: string, region: string, question: Question) => {
    if (!allowsRole(role, question, region))
      throw new WireError(
        'AccessDeniedException',
        `User: ${role} is not authorized to perform: ${question.action} on resource: ${question.resource}`,
        403,
      )
  }

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
    assertKeyUsable: (reference, region) => kms.findKey(reference, region).assertUsable(),
    invoke: async (arn, event) => {
      const target = lambda.functions.resolve(arn.split(':')[3] ?? '', account, arn)
      lambda.invokeLater(target, JSON.stringify(event))
    },
  })
  const sts = createSts({ ...base('sts'), roles, identities })
  const subscriptions = deployed<EventSubscription>('event-subscriptions')
  const rds = createRds({
    root: folder.root,
    account,
    regions,
    certificate: authority.server,
    clock,
    findKey: accessKeyId => identities.find(accessKeyId),
    mayConnect: (principal, resource) =>
      may(
        {
          requestId: '',
          service: 'rds-db',
          region: resource.split(':')[3] ?? '',
          account,
          operation: 'connect',
          principal,
        },
        { action: 'rds-db:connect', resource },
      ),
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
    emitEvent: event => {
      const { region } = event
      for (const { topicArn, name } of subscribersOf(subscriptions, event)) {
        const question = { action: 'sns:Publish', resource: topicArn }
        if (!authorizer.allowsService('events.rds.amazonaws.com', question, region).allowed)
          log(`event subscription ${name}: ${topicArn} does not let RDS publish`)
        else
          void sns
            .publish(topicArn, { subject: 'RDS Notification Message', body: eventMessage(event) })
            .catch(error => log(`event subscription ${name}: ${error}`))
      }
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
    ingestMetrics: () => {},
    putMetric: () => {},
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
    createLambdaService(lambda),
    createSchedulerService(scheduler, scheduleGroups),
  ]
  const api = apiOver(services, account, identities)
  const parts = { api, regions, faults, lambda, scheduler, rds, s3, resources, lost, clock }
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
    lambda,
    scheduler,
    scheduleGroups,
    dynamic: dynamicOver(api),
    subscriptions,
    verbs: { ...faultVerbs(parts), ...scheduleVerbs(parts) },
    setEndpoint: url => {
      endpoint = url
    },
    resume: async () => {
      await rds.open()
      lambda.resume()
      if (!options.pauseSchedules) scheduler.resume()
    },
    status: () => readStatus(parts),
    stop: async () => {
      scheduler.stop()
      await lambda.stop()
      await rds.close()
      await sns.settle()
      s3.close()
    },
  }
}

function eventMessage(event: RdsEvent): string {
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

/** Calls operations in process as the account's root: what CloudFormation may do. */
function apiOver(services: readonly Service[], account: string, identities: Identities): Api {
  const byName = new Map(services.map(service => [service.name, service]))
  return async (name, region, operation, input) => {
    const found = byName.get(name)?.operations[operation]
    if (!found) throw new Error(`the twin has no ${name}:${operation}`)
    const call: Call = {
      requestId: randomUUID(),
      service: name,
      region,
      account,
      operation,
      principal: identities.root().principal,
    }
    return found.run(input, call)
  }
}

/** Looks up `{{resolve:…}}` as CloudFormation does: `secretsmanager:<id>:SecretString:<key>:<stage>:<version>`, `ssm:<name>`. */
function dynamicOver(api: Api): Composition['dynamic'] {
  return async (region, service, reference) => {
    if (service === 'ssm' || service === 'ssm-secure') {
      const [Name] = reference.split(/:(?=\d+$)/)
      const { Parameter } = await api('ssm', region, 'GetParameter', { Name, WithDecryption: true })
      return String(Parameter.Value)
    }
    if (service !== 'secretsmanager')
      throw new Error(`the twin does not know the dynamic reference {{resolve:${service}:…}}`)
    // The secret may be named by its ARN, which holds colons itself.
    const [, id, key] =
      reference.match(/^(arn:(?:[^:]*:){5}[^:]*|[^:]*)(?::SecretString(?::([^:]*))?.*)?$/) ?? []
    const { SecretString } = await api('secretsmanager', region, 'GetSecretValue', { SecretId: id })
    if (!key) return String(SecretString)
    const value = (JSON.parse(SecretString) as Record<string, unknown>)[key]
    if (value === undefined) throw new Error(`secret ${id} has no ${key}`)
    return String(value)
  }
}
