import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as s3 from 'aws-cdk-lib/aws-s3'
import { Construct } from 'constructs'
import { partitionOf } from '../config/regions.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import { KEPT } from './kept.ts'
import { type BucketPurpose, bucketArn, bucketName, keyAlias } from './names.ts'

export type BucketsProps = {
  readonly config: EnvironmentConfig
  readonly region: string
  readonly key: kms.IKey
  /** Region whose bucket of the same purpose receives a copy of every object; that bucket must exist already. */
  readonly replicateTo?: string
}

type ArchivePurpose = Exclude<BucketPurpose, 'logs'>

const DAY = 86_400

/** The archives of one region: versioned, locked, encrypted, TLS only, and nothing in them public. */
export class Buckets extends Construct {
  readonly segments: s3.CfnBucket
  readonly exports: s3.CfnBucket
  readonly evidence: s3.CfnBucket

  constructor(scope: Construct, id: string, props: BucketsProps) {
    super(scope, id)
    const { config } = props
    const logs = this.#accessLogs(props)
    const role = props.replicateTo === undefined ? undefined : replicationRole(this, props, props.replicateTo)
    const archive = (purpose: ArchivePurpose, settings: ArchiveSettings) =>
      this.#archive(purpose, settings, props, logs, role)
    this.segments = archive('segments', segmentsSettings(config))
    this.exports = archive('exports', {
      lock: lock('GOVERNANCE', config.vault.retention),
      rules: EXPORT_TIERS,
    })
    this.evidence = archive('evidence', {
      lock: lock('COMPLIANCE', config.evidence.retention),
      rules: EVIDENCE_TIERS,
      writtenOnce: config.evidence.retention,
    })
  }

  #accessLogs({ config, region }: BucketsProps): s3.CfnBucket {
    const name = bucketName(config, 'logs', region)
    const bucket = new s3.CfnBucket(this, 'Logs', {
      bucketName: name,
      // S3 delivers access logs only into a bucket that encrypts with its own key.
      bucketEncryption: {
        serverSideEncryptionConfiguration: [{ serverSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
      },
      publicAccessBlockConfiguration: PRIVATE,
      ownershipControls: OWNER_ENFORCED,
      versioningConfiguration: { status: 'Enabled' },
      lifecycleConfiguration: { rules: [expire(90)] },
    })
    bucket.applyRemovalPolicy(KEPT)
    policy(this, 'LogsPolicy', bucket, [
      {
        Effect: 'Allow',
        Principal: { Service: 'logging.s3.amazonaws.com' },
        Action: 's3:PutObject',
        Resource: `${bucket.attrArn}/*`,
        Condition: { StringEquals: { 'aws:SourceAccount': config.account } },
      },
    ])
    return bucket
  }

  #archive(
    purpose: ArchivePurpose,
    settings: ArchiveSettings,
    props: BucketsProps,
    logs: s3.CfnBucket,
    role: iam.CfnRole | undefined,
  ): s3.CfnBucket {
    const { config, region, key } = props
    const id = `${purpose.charAt(0).toUpperCase()}${purpose.slice(1)}`
    const bucket = new s3.CfnBucket(this, id, {
      bucketName: bucketName(config, purpose, region),
      bucketEncryption: {
        serverSideEncryptionConfiguration: [
          {
            bucketKeyEnabled: true,
            serverSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: key.keyArn },
          },
        ],
      },
      publicAccessBlockConfiguration: PRIVATE,
      ownershipControls: OWNER_ENFORCED,
      versioningConfiguration: { status: 'Enabled' },
      objectLockEnabled: true,
      objectLockConfiguration: { objectLockEnabled: 'Enabled', rule: { defaultRetention: settings.lock } },
      lifecycleConfiguration: { rules: settings.rules },
      loggingConfiguration: { destinationBucketName: logs.ref, logFilePrefix: `${purpose}/` },
      replicationConfiguration: role && replication(config, purpose, props.replicateTo ?? region, role),
    })
    bucket.applyRemovalPolicy(KEPT)
    policy(this, `${id}Policy`, bucket, settings.writtenOnce ? writtenOnce(bucket, settings.writtenOnce) : [])
    return bucket
  }
}

type ArchiveSettings = {
  readonly lock: s3.CfnBucket.DefaultRetentionProperty
  readonly rules: s3.CfnBucket.RuleProperty[]
  /** Given where whoever writes may not write again: the seconds for which the writer locks each object. */
  readonly writtenOnce?: number
}

const PRIVATE: s3.CfnBucket.PublicAccessBlockConfigurationProperty = {
  blockPublicAcls: true,
  blockPublicPolicy: true,
  ignorePublicAcls: true,
  restrictPublicBuckets: true,
}

const OWNER_ENFORCED: s3.CfnBucket.OwnershipControlsProperty = {
  rules: [{ objectOwnership: 'BucketOwnerEnforced' }],
}

const ABORT_UPLOADS: s3.CfnBucket.RuleProperty = {
  id: 'abandon-incomplete-uploads',
  status: 'Enabled',
  abortIncompleteMultipartUpload: { daysAfterInitiation: 3 },
}

// Exports are read by analysts for a while and then only by auditors; evidence is read once and then by auditors.
const EXPORT_TIERS: s3.CfnBucket.RuleProperty[] = [
  tier([
    { storageClass: 'STANDARD_IA', transitionInDays: 30 },
    { storageClass: 'GLACIER_IR', transitionInDays: 90 },
  ]),
  ABORT_UPLOADS,
]
const EVIDENCE_TIERS: s3.CfnBucket.RuleProperty[] = [
  tier([{ storageClass: 'GLACIER_IR', transitionInDays: 90 }]),
  ABORT_UPLOADS,
]

function tier(transitions: s3.CfnBucket.TransitionProperty[]): s3.CfnBucket.RuleProperty {
  return { id: 'cool-down', status: 'Enabled', transitions }
}

function expire(days: number): s3.CfnBucket.RuleProperty {
  return {
    id: 'expire',
    status: 'Enabled',
    expirationInDays: days,
    noncurrentVersionExpiration: { noncurrentDays: 1 },
    abortIncompleteMultipartUpload: { daysAfterInitiation: 3 },
  }
}

function lock(mode: 'GOVERNANCE' | 'COMPLIANCE', seconds: number): s3.CfnBucket.DefaultRetentionProperty {
  return { mode, days: Math.ceil(seconds / DAY) }
}

// A segment is useless once no backup is left that it could roll forward, and needed until then.
function segmentsSettings(config: EnvironmentConfig): ArchiveSettings {
  const days = Math.ceil(Math.max(config.archive.retention, config.database.backup.retention) / DAY)
  // Infrequent access bills 30 days at least, so a shorter life stays in the standard class.
  const transitions = days >= 60 ? [{ storageClass: 'STANDARD_IA', transitionInDays: 30 }] : undefined
  return {
    lock: lock('GOVERNANCE', config.archive.retention),
    rules: [{ ...expire(days + 1), transitions }],
    writtenOnce: config.archive.retention,
  }
}

type Statement = Record<string, unknown>

/**
 * Whoever may add, the thief of a writer's key too, adds under a new key and locks as long as the writer does. The
 * older version of an overwritten object would be locked, but everybody reads the newest.
 */
function writtenOnce(bucket: s3.CfnBucket, seconds: number): Statement[] {
  const everybody = { Effect: 'Deny', Principal: '*', Resource: `${bucket.attrArn}/*` }
  // A day less, since S3 counts whole days and the request takes its time.
  const days = Math.floor(seconds / DAY) - 1
  return [
    // What is encrypted with the writer's own key, or must be thawed first, is there and cannot be read.
    {
      ...everybody,
      Sid: 'NobodyHidesTheKey',
      Action: 's3:PutObject',
      Condition: { Null: { 's3:x-amz-server-side-encryption-customer-algorithm': 'false' } },
    },
    {
      ...everybody,
      Sid: 'NobodyFreezes',
      Action: 's3:PutObject',
      Condition: {
        Null: { 's3:x-amz-storage-class': 'false' },
        StringNotEquals: { 's3:x-amz-storage-class': 'STANDARD' },
      },
    },
    {
      ...everybody,
      Sid: 'NobodyOverwrites',
      Action: 's3:PutObject',
      // The parts of an upload carry no condition; what completes it does.
      Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
    },
    {
      ...everybody,
      Sid: 'NobodyLocksBriefly',
      Action: ['s3:PutObject', 's3:PutObjectRetention'],
      Condition: { NumericLessThan: { 's3:object-lock-remaining-retention-days': String(days) } },
    },
  ]
}

function policy(scope: Construct, id: string, bucket: s3.CfnBucket, more: Statement[]): void {
  const arn = bucket.attrArn
  new s3.CfnBucketPolicy(scope, id, {
    bucket: bucket.ref,
    policyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'TlsOnly',
          Effect: 'Deny',
          Principal: '*',
          Action: 's3:*',
          Resource: [arn, `${arn}/*`],
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
        {
          Sid: 'NobodyShortensALock',
          Effect: 'Deny',
          Principal: '*',
          Action: 's3:BypassGovernanceRetention',
          Resource: [arn, `${arn}/*`],
        },
        ...more,
      ],
    },
  })
}

function replication(
  config: EnvironmentConfig,
  purpose: ArchivePurpose,
  to: string,
  role: iam.CfnRole,
): s3.CfnBucket.ReplicationConfigurationProperty {
  return {
    role: role.attrArn,
    rules: [
      {
        id: 'other-region',
        status: 'Enabled',
        priority: 1,
        filter: { prefix: '' },
        // A delete marker must not travel: a deletion here is no reason to hide the copy there.
        deleteMarkerReplication: { status: 'Disabled' },
        sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: 'Enabled' } },
        destination: {
          bucket: bucketArn(config, purpose, to),
          // S3 takes an alias here, so the other region's key need not be known.
          encryptionConfiguration: {
            replicaKmsKeyId: `arn:${partitionOf(to)}:kms:${to}:${config.account}:${keyAlias(config)}`,
          },
          replicationTime: { status: 'Enabled', time: { minutes: 15 } },
          metrics: { status: 'Enabled', eventThreshold: { minutes: 15 } },
        },
      },
    ],
  }
}

function replicationRole(scope: Construct, { config, region, key }: BucketsProps, to: string): iam.CfnRole {
  const purposes: ArchivePurpose[] = ['segments', 'exports', 'evidence']
  const sources = purposes.map(purpose => bucketArn(config, purpose, region))
  const targets = purposes.map(purpose => `${bucketArn(config, purpose, to)}/*`)
  return new iam.CfnRole(scope, 'Replication', {
    assumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 's3.amazonaws.com' },
          // Without a condition, as AWS documents it: S3 is not known to say for whom it assumes this role, and a
          // refusal would be seen only as objects that never arrive. The role can be passed in its own account alone.
          Action: 'sts:AssumeRole',
        },
      ],
    },
    policies: [
      {
        policyName: 'replicate',
        policyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Action: ['s3:GetReplicationConfiguration', 's3:ListBucket'],
              Resource: sources,
            },
            {
              Effect: 'Allow',
              Action: [
                's3:GetObjectVersionForReplication',
                's3:GetObjectVersionAcl',
                's3:GetObjectVersionTagging',
                's3:GetObjectRetention',
                's3:GetObjectLegalHold',
              ],
              Resource: sources.map(arn => `${arn}/*`),
            },
            { Effect: 'Allow', Action: ['s3:ReplicateObject', 's3:ReplicateTags'], Resource: targets },
            { Effect: 'Allow', Action: 'kms:Decrypt', Resource: key.keyArn },
            {
              Effect: 'Allow',
              Action: ['kms:Encrypt', 'kms:GenerateDataKey'],
              Resource: `arn:${partitionOf(to)}:kms:${to}:${config.account}:key/*`,
              Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': keyAlias(config) } },
            },
          ],
        },
      },
    ],
  })
}
