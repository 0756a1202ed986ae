import { Annotations, type App, Validations } from 'aws-cdk-lib'
import type { IConstruct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { USER as ARCHIVER } from '../lambdas/archiver/names.ts'
import { ASSERT_USER, USER as EXAMINE, WITNESS } from '../lambdas/examine/names.ts'
import { USER as HEARTBEAT } from '../lambdas/heartbeat/names.ts'
import { COPY_PREFIX } from '../lambdas/restore-drill/names.ts'
import { USER as ROLL_FORWARD, SCHEMA_USER } from '../lambdas/roll-forward/names.ts'
import { USER as WORKLOAD } from '../lambdas/workload/names.ts'
import { type BucketPurpose, bucketName } from './names.ts'

/** A finding that stands, on purpose. */
export type Acknowledgement = {
  /** Rule ids as the report prints them. */
  readonly rules: readonly string[]
  /** Construct paths, without the environment's name in front. */
  readonly where: RegExp
  readonly reason: string
}

const REMARK = 'Annotation::'
// Rules that run at every synth: CloudFormation's own, and what constructs remark.
const ALWAYS = /^(CloudFormation-Validate|Annotation)::/

const INSTANCES = /^(database\/(Primary|Replica\w+)|standby-database\/Standby)$/
const REPLICAS = /^(database\/Replica\w+|standby-database\/Standby)$/
const FUNCTIONS = /recovery\/Functions\/\w+\/Function\/Resource$/
const USERS = [HEARTBEAT, ARCHIVER, WORKLOAD, EXAMINE, ASSERT_USER, ROLL_FORWARD, SCHEMA_USER]
const ROLES = /(Role|IAMRole)\/DefaultPolicy\/Resource$|\/Replication$/

/** Every finding that stands, and why. One that is not in this table fails the compliance run. */
export function acknowledgements(config: EnvironmentConfig): readonly Acknowledgement[] {
  return [
    ...templateFindings(),
    ...databaseFindings(config),
    ...archiveFindings(),
    ...functionFindings(),
    ...permissionFindings(config),
  ]
}

/** Puts the table on the constructs. CloudFormation's own rules always run; the packs only when asked for. */
export function acknowledge(app: App, config: EnvironmentConfig, withPacks: boolean): void {
  const rows = acknowledgements(config).flatMap(({ rules, where, reason }) =>
    rules.filter(rule => withPacks || ALWAYS.test(rule)).map(id => ({ id, where, reason })),
  )
  for (const construct of app.node.findAll()) {
    const path = construct.node.path.slice(config.name.length + 1)
    for (const { id, where, reason } of rows) if (where.test(path)) accept(construct, id, reason)
  }
}

// A remark of a construct has its own way to be acknowledged.
function accept(construct: IConstruct, id: string, reason: string): void {
  if (id.startsWith(REMARK)) Annotations.of(construct).acknowledgeInfo(id.slice(REMARK.length), reason)
  else Validations.of(construct).acknowledge({ id, reason })
}

/** Adds the four rule packs to the validation that every synth ends with. */
export async function addPacks(app: App): Promise<void> {
  const { AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks } = await import(
    'cdk-nag'
  )
  Validations.of(app).addPlugins(
    new AwsSolutionsChecks(app),
    new NIST80053R5Checks(app),
    new HIPAASecurityChecks(app),
    new PCIDSS321Checks(app),
  )
}

function templateFindings(): Acknowledgement[] {
  return [
    {
      rules: ['CloudFormation-Validate::W3010'],
      where: /Subnet\d\/Subnet$/,
      reason:
        'Zones by letter: a list that AWS answers may change, and would then replace the subnets that databases live in.',
    },
    {
      rules: ['Annotation::aws-lambda:Function.DurableConfig'],
      where: /RestoreDrill\/Function$/,
      reason: 'It was durable from its first day, and has no name that a replacement could collide with.',
    },
  ]
}

function databaseFindings(config: EnvironmentConfig): Acknowledgement[] {
  return [
    {
      rules: ['AwsSolutions-RDS11'],
      where: INSTANCES,
      reason: 'RDS Proxy for PostgreSQL answers on 5432 only, and a port that only we know protects nothing.',
    },
    {
      rules: [
        'AwsSolutions-RDS2',
        'HIPAA.Security-RDSStorageEncrypted',
        'NIST.800.53.R5-RDSStorageEncrypted',
        'PCI.DSS.321-RDSStorageEncrypted',
      ],
      where: REPLICAS,
      reason:
        'A replica is encrypted because its source is, and KmsKeyId names the key; CloudFormation refuses StorageEncrypted beside a source.',
    },
    {
      rules: ['AwsSolutions-RDS3', 'HIPAA.Security-RDSMultiAZSupport', 'NIST.800.53.R5-RDSMultiAZSupport'],
      where: config.database.multiAz ? REPLICAS : INSTANCES,
      reason: config.database.multiAz
        ? 'The second zone of a replica is the next replica; the primary itself is Multi-AZ.'
        : 'This environment states a single zone, and its objective for the loss of an instance bears it.',
    },
    {
      rules: ['HIPAA.Security-RDSInBackupPlan', 'NIST.800.53.R5-RDSInBackupPlan'],
      where: INSTANCES,
      reason: config.vault.enabled
        ? 'The plan selects the primary by its literal ARN, which the rule does not read; a replica holds nothing that the primary has not.'
        : 'This environment keeps no vault; its automated backups are its point-in-time recovery.',
    },
    {
      rules: ['HIPAA.Security-CloudWatchAlarmAction', 'NIST.800.53.R5-CloudWatchAlarmAction'],
      where: /^database\/Names\/.*Stale$/,
      reason:
        'Its state is its action: Route 53 reads it as the health of a replica. Another alarm tells people.',
    },
    {
      rules: ['HIPAA.Security-CloudWatchAlarmAction', 'NIST.800.53.R5-CloudWatchAlarmAction'],
      where: /\/Alarms\/\w+$/,
      reason:
        'An alarm with known causes speaks through its composite, which stays silent while a cause is already speaking.',
    },
    ...(config.cache.nodes === 1
      ? [
          {
            rules: ['AwsSolutions-AEC4'],
            where: /^cache\/Cache$/,
            reason: 'This environment states one node: a cache holds nothing that is not elsewhere.',
          },
        ]
      : []),
    {
      rules: ['AwsSolutions-AEC6'],
      where: /^cache\/Cache$/,
      reason:
        'The user enters by an IAM token that lives fifteen minutes, which is more than a password that never changes.',
    },
  ]
}

function archiveFindings(): Acknowledgement[] {
  return [
    {
      rules: [
        'HIPAA.Security-S3BucketReplicationEnabled',
        'NIST.800.53.R5-S3BucketReplicationEnabled',
        'PCI.DSS.321-S3BucketReplicationEnabled',
      ],
      where: /^standby-foundation\/Archives\/\w+$|^foundation\/Archives\/Logs$/,
      reason:
        'The standby region holds the copies themselves; access logs are evidence of their own region only.',
    },
    {
      rules: [
        'HIPAA.Security-S3DefaultEncryptionKMS',
        'NIST.800.53.R5-S3DefaultEncryptionKMS',
        'PCI.DSS.321-S3DefaultEncryptionKMS',
      ],
      where: /foundation\/Archives\/Logs$/,
      reason: 'S3 delivers access logs only into a bucket that encrypts with its own key.',
    },
  ]
}

function functionFindings(): Acknowledgement[] {
  return [
    {
      rules: ['HIPAA.Security-LambdaConcurrency', 'NIST.800.53.R5-LambdaConcurrency'],
      where: FUNCTIONS,
      reason:
        'Each function bears a second run beside it, by a lock or by a slot; a reservation fails to deploy in an account with the initial quota of ten.',
    },
    {
      rules: ['HIPAA.Security-LambdaDLQ', 'NIST.800.53.R5-LambdaDLQ'],
      where: FUNCTIONS,
      reason:
        'A lost run is made up by the next one and seen as a missing metric, which alarms; a queue of missed minutes would be read by nobody.',
    },
    {
      rules: [
        'HIPAA.Security-LambdaInsideVPC',
        'NIST.800.53.R5-LambdaInsideVPC',
        'PCI.DSS.321-LambdaInsideVPC',
      ],
      where:
        /recovery\/Functions\/(ArchiveVerification|BackupVerification|Freshness|RestoreDrill|Reaper)\/Function\/Resource$/,
      reason:
        'It talks to AWS only and to no database; inside, it would need an endpoint for every service that it asks.',
    },
  ]
}

function permissionFindings(config: EnvironmentConfig): Acknowledgement[] {
  const { name, account, region, standbyRegion } = config
  const inBoth = (resource: (where: string) => string) =>
    [region, standbyRegion].map(where => wildcard(resource(where)))
  const archives = (purposes: readonly BucketPurpose[], suffix: string) =>
    purposes.flatMap(purpose =>
      inBoth(where => `arn:aws:s3:::${bucketName(config, purpose, where)}/${suffix}`),
    )
  return [
    {
      rules: [
        'HIPAA.Security-IAMNoInlinePolicy',
        'NIST.800.53.R5-IAMNoInlinePolicy',
        'PCI.DSS.321-IAMNoInlinePolicy',
      ],
      where: ROLES,
      reason:
        'One role a function and one policy a role: nothing else could share it, and both live and die together.',
    },
    {
      rules: [
        'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup]',
        'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole]',
      ],
      where: /(BackupRole|MonitoringRole)\/Resource$/,
      reason: 'The policy that AWS keeps in step with its own service.',
    },
    {
      rules: archives(['segments', 'exports', 'evidence'], '*'),
      where:
        /\/Replication$|(Archiver|ArchiveVerification|Examine|RollForward)\/Role\/DefaultPolicy\/Resource$/,
      reason: 'Every object of these buckets, and of no other.',
    },
    {
      rules: [...archives(['evidence'], 'evidence/*'), ...archives(['evidence'], 'reports/*')],
      where: /(RestoreDrill|Freshness)\/Role\/DefaultPolicy\/Resource$/,
      reason:
        'A drill writes its own record and report, under names that only it knows; their age is read there.',
    },
    {
      rules: archives(['segments'], `${WITNESS}*`),
      where: /Examine\/Role\/DefaultPolicy\/Resource$/,
      reason: 'Each reading writes under a name of its own, and none of the archive’s.',
    },
    {
      rules: inBoth(where => `arn:aws:kms:${where}:${account}:key/*`),
      where: /\/Replication$|Freshness\/Role\/DefaultPolicy\/Resource$/,
      reason:
        'Any key of the other region that bears our alias: the condition names it, its id is not known here.',
    },
    {
      rules: [`AwsSolutions-IAM5[Resource::arn:aws:rds-db:${region}:${account}:dbuser:*/*]`],
      where: /^database\/Pool\/Role\/DefaultPolicy\/Resource$/,
      reason: 'The pool enters as whoever entered it; what each user may do is the matter of the database.',
    },
    {
      rules: USERS.flatMap(user => inBoth(where => `arn:aws:rds-db:${where}:${account}:dbuser:*/${user}`)),
      where: /(Heartbeat|Archiver|Workload|Examine|RollForward)\/Role\/DefaultPolicy\/Resource$/,
      reason:
        'One database user; the tags say on which instances, since a resource id is born with each copy and replaced by each restore.',
    },
    {
      rules: [
        wildcard('*'),
        ...inBoth(where => `arn:aws:rds:${where}:${account}:db:${COPY_PREFIX}${name}-*`),
        ...inBoth(where => `arn:aws:rds:${where}:${account}:snapshot:${COPY_PREFIX}${name}-*`),
        ...inBoth(where => `arn:aws:rds:${where}:${account}:snapshot:*`),
        ...inBoth(where => `arn:aws:rds:${where}:${account}:auto-backup:*`),
        ...inBoth(where => `arn:aws:rds:${where}:${account}:og:default:*`),
        ...inBoth(where => `arn:aws:lambda:${where}:${account}:function:${name}-*`),
      ],
      where: /recovery\/Functions\/\w+\/Role\/DefaultPolicy\/Resource$/,
      reason:
        'Describing takes no resource; a snapshot is known by the tag of its environment; copies by the prefix of their name, and every change to one also asks for its tag.',
    },
  ]
}

function wildcard(resource: string): string {
  return `AwsSolutions-IAM5[Resource::${resource}]`
}
