import { parsePolicy } from '../../iam/document.ts'
import { WireError } from '../../wire/call.ts'
import type { Setting } from './bucket-operations.ts'
import type { Bucket } from './buckets.ts'
import { readTagSet, tagSet } from './tagging.ts'

const without = <Name extends keyof Bucket>(bucket: Bucket, name: Name): Bucket => {
  const { [name]: _, ...rest } = bucket
  return rest as Bucket
}

const VERSIONING: Setting = {
  get: 'GetBucketVersioning',
  put: 'PutBucketVersioning',
  actions: ['s3:GetBucketVersioning', 's3:PutBucketVersioning'],
  read: bucket => (bucket.versioning ? { Status: bucket.versioning } : {}),
  write: (bucket, input) => {
    const { Status } = input.VersioningConfiguration as { Status?: 'Enabled' | 'Suspended' }
    if (Status === 'Suspended' && bucket.objectLock) {
      const message =
        'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.'
      throw new WireError('InvalidBucketState', message, 409)
    }
    return { ...bucket, ...(Status && { versioning: Status }) }
  },
}

const ENCRYPTION: Setting = {
  get: 'GetBucketEncryption',
  put: 'PutBucketEncryption',
  remove: 'DeleteBucketEncryption',
  actions: ['s3:GetEncryptionConfiguration', 's3:PutEncryptionConfiguration'],
  // S3 encrypts every bucket: without a rule of its own it is SSE-S3.
  read: ({ encryption }) => {
    const { BucketKeyEnabled = false, ...byDefault } = encryption ?? { SSEAlgorithm: 'AES256' as const }
    const Rules = [{ ApplyServerSideEncryptionByDefault: byDefault, BucketKeyEnabled }]
    return { ServerSideEncryptionConfiguration: { Rules } }
  },
  write: (bucket, input) => {
    const configuration = input.ServerSideEncryptionConfiguration as {
      Rules?: { ApplyServerSideEncryptionByDefault?: Bucket['encryption']; BucketKeyEnabled?: boolean }[]
    }
    const rule = configuration.Rules?.[0]
    if (!rule?.ApplyServerSideEncryptionByDefault) {
      throw new WireError('MalformedXML', 'The XML you provided was not well-formed or did not validate')
    }
    const encryption = {
      ...rule.ApplyServerSideEncryptionByDefault,
      ...(rule.BucketKeyEnabled !== undefined && { BucketKeyEnabled: rule.BucketKeyEnabled }),
    }
    return { ...bucket, encryption }
  },
  clear: bucket => without(bucket, 'encryption'),
}

const POLICY: Setting = {
  get: 'GetBucketPolicy',
  put: 'PutBucketPolicy',
  remove: 'DeleteBucketPolicy',
  actions: ['s3:GetBucketPolicy', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy'],
  read: ({ policy }) => (policy === undefined ? undefined : { Policy: policy }),
  missing: ['NoSuchBucketPolicy', 'The bucket policy does not exist'],
  write: (bucket, input) => {
    try {
      parsePolicy(bucket.name, String(input.Policy))
    } catch (cause) {
      const error = new WireError('MalformedPolicy', (cause as Error).message)
      error.cause = cause
      throw error
    }
    return { ...bucket, policy: String(input.Policy) }
  },
  clear: bucket => without(bucket, 'policy'),
}

const PUBLIC_ACCESS: Setting = {
  get: 'GetPublicAccessBlock',
  put: 'PutPublicAccessBlock',
  remove: 'DeletePublicAccessBlock',
  actions: ['s3:GetBucketPublicAccessBlock', 's3:PutBucketPublicAccessBlock'],
  read: ({ publicAccessBlock }) => publicAccessBlock && { PublicAccessBlockConfiguration: publicAccessBlock },
  missing: ['NoSuchPublicAccessBlockConfiguration', 'The public access block configuration was not found'],
  write: (bucket, input) => ({
    ...bucket,
    publicAccessBlock: input.PublicAccessBlockConfiguration as NonNullable<Bucket['publicAccessBlock']>,
  }),
  clear: bucket => without(bucket, 'publicAccessBlock'),
}

const LIFECYCLE: Setting = {
  get: 'GetBucketLifecycleConfiguration',
  put: 'PutBucketLifecycleConfiguration',
  remove: 'DeleteBucketLifecycle',
  actions: ['s3:GetLifecycleConfiguration', 's3:PutLifecycleConfiguration'],
  read: ({ lifecycle }) => lifecycle && { Rules: lifecycle },
  missing: ['NoSuchLifecycleConfiguration', 'The lifecycle configuration does not exist'],
  write: (bucket, input) => {
    const { Rules } = (input.LifecycleConfiguration ?? {}) as { Rules?: NonNullable<Bucket['lifecycle']> }
    return { ...bucket, lifecycle: Rules ?? [] }
  },
  clear: bucket => without(bucket, 'lifecycle'),
}

const REPLICATION: Setting = {
  get: 'GetBucketReplication',
  put: 'PutBucketReplication',
  remove: 'DeleteBucketReplication',
  actions: ['s3:GetReplicationConfiguration', 's3:PutReplicationConfiguration'],
  read: ({ replication }) => replication && { ReplicationConfiguration: replication },
  missing: ['ReplicationConfigurationNotFoundError', 'The replication configuration was not found'],
  write: (bucket, input) => {
    if (bucket.versioning !== 'Enabled') {
      const message = "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
      throw new WireError('InvalidRequest', message)
    }
    return { ...bucket, replication: input.ReplicationConfiguration as NonNullable<Bucket['replication']> }
  },
  clear: bucket => without(bucket, 'replication'),
}

const TAGGING: Setting = {
  get: 'GetBucketTagging',
  put: 'PutBucketTagging',
  remove: 'DeleteBucketTagging',
  actions: ['s3:GetBucketTagging', 's3:PutBucketTagging'],
  read: ({ tags }) => tags && { TagSet: tagSet(tags) },
  missing: ['NoSuchTagSet', 'The TagSet does not exist'],
  write: (bucket, input) => {
    const { TagSet } = (input.Tagging ?? {}) as { TagSet?: { Key: string; Value: string }[] }
    return { ...bucket, tags: readTagSet(TagSet, 50) }
  },
  clear: bucket => without(bucket, 'tags'),
}

const OWNERSHIP: Setting = {
  get: 'GetBucketOwnershipControls',
  put: 'PutBucketOwnershipControls',
  actions: ['s3:GetBucketOwnershipControls', 's3:PutBucketOwnershipControls'],
  read: ({ ownership }) =>
    ownership ? { OwnershipControls: { Rules: [{ ObjectOwnership: ownership }] } } : undefined,
  missing: ['OwnershipControlsNotFoundError', 'The bucket ownership controls were not found'],
  write: (bucket, input) => {
    const { Rules } = (input.OwnershipControls ?? {}) as { Rules?: { ObjectOwnership?: string }[] }
    return { ...bucket, ownership: Rules?.[0]?.ObjectOwnership ?? 'BucketOwnerEnforced' }
  },
}

const LOGGING: Setting = {
  get: 'GetBucketLogging',
  put: 'PutBucketLogging',
  actions: ['s3:GetBucketLogging', 's3:PutBucketLogging'],
  read: ({ logging }) => (logging ? { LoggingEnabled: logging } : {}),
  write: (bucket, input) => {
    const { LoggingEnabled } = (input.BucketLoggingStatus ?? {}) as {
      LoggingEnabled?: Record<string, unknown>
    }
    return LoggingEnabled ? { ...bucket, logging: LoggingEnabled } : without(bucket, 'logging')
  },
}

/** The settings of a bucket that can be read and written. */
export const SETTINGS: readonly Setting[] = [
  VERSIONING,
  ENCRYPTION,
  POLICY,
  PUBLIC_ACCESS,
  LIFECYCLE,
  REPLICATION,
  TAGGING,
  OWNERSHIP,
  LOGGING,
]
