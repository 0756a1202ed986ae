import { type Desired, keep, nameWithin, type Physical, type Provisioner, tagList } from '../provisioner.ts'
import { type Api, amount, createOrAdopt, flag, given, removeIfThere } from './api.ts'

/** Buckets and their policies. */
export function bucketProvisioners(api: Api): Record<string, Provisioner> {
  const configure = async (desired: Desired): Promise<Physical> => {
    const { properties, region } = desired
    const Bucket = nameOf(desired)
    const put = (operation: string, input: Record<string, unknown>) =>
      api('s3', region, operation, { Bucket, ...input })
    if (properties.VersioningConfiguration)
      await put('PutBucketVersioning', { VersioningConfiguration: properties.VersioningConfiguration })
    if (properties.ObjectLockConfiguration)
      await put('PutObjectLockConfiguration', {
        ObjectLockConfiguration: lockOf(properties.ObjectLockConfiguration),
      })
    if (properties.BucketEncryption)
      await put('PutBucketEncryption', {
        ServerSideEncryptionConfiguration: encryptionOf(properties.BucketEncryption),
      })
    if (properties.PublicAccessBlockConfiguration)
      await put('PutPublicAccessBlock', {
        PublicAccessBlockConfiguration: properties.PublicAccessBlockConfiguration,
      })
    if (properties.OwnershipControls)
      await put('PutBucketOwnershipControls', { OwnershipControls: properties.OwnershipControls })
    if (properties.LifecycleConfiguration)
      await put('PutBucketLifecycleConfiguration', {
        LifecycleConfiguration: { Rules: properties.LifecycleConfiguration.Rules.map(lifecycleRule) },
      })
    if (properties.LoggingConfiguration)
      await put('PutBucketLogging', {
        BucketLoggingStatus: {
          LoggingEnabled: given({
            TargetBucket: properties.LoggingConfiguration.DestinationBucketName ?? Bucket,
            TargetPrefix: properties.LoggingConfiguration.LogFilePrefix ?? '',
          }),
        },
      })
    if (properties.ReplicationConfiguration)
      await put('PutBucketReplication', {
        ReplicationConfiguration: replicationOf(properties.ReplicationConfiguration),
      })
    if (Object.keys(desired.tags).length > 0)
      await put('PutBucketTagging', { Tagging: { TagSet: tagList(desired.tags) } })
    return {
      ref: Bucket,
      attributes: {
        Arn: `arn:aws:s3:::${Bucket}`,
        DomainName: `${Bucket}.s3.amazonaws.com`,
        RegionalDomainName: `${Bucket}.s3.${region}.amazonaws.com`,
      },
    }
  }
  const putPolicy = async (desired: Desired): Promise<Physical> => {
    const { Bucket, PolicyDocument } = desired.properties
    await api('s3', desired.region, 'PutBucketPolicy', { Bucket, Policy: JSON.stringify(PolicyDocument) })
    return { ref: Bucket, attributes: {} }
  }
  return {
    'AWS::S3::Bucket': {
      kind: 'real',
      create: async desired => {
        const Bucket = nameOf(desired)
        await createOrAdopt(
          'BucketAlreadyOwnedByYou',
          () =>
            api('s3', desired.region, 'CreateBucket', {
              Bucket,
              ...given({ ObjectLockEnabledForBucket: flag(desired.properties.ObjectLockEnabled) }),
              ...(desired.region === 'us-east-1'
                ? {}
                : { CreateBucketConfiguration: { LocationConstraint: desired.region } }),
            }),
          async () => undefined,
        )
        return configure(desired)
      },
      update: async (desired, before) => {
        keep(desired, before, ['BucketName', 'ObjectLockEnabled'])
        return configure(desired)
      },
    },
    'AWS::S3::BucketPolicy': {
      kind: 'real',
      create: putPolicy,
      update: putPolicy,
      remove: before =>
        removeIfThere(() =>
          api('s3', before.region, 'DeleteBucketPolicy', { Bucket: before.properties.Bucket }),
        ),
    },
  }
}

function nameOf(desired: Desired): string {
  return String(desired.properties.BucketName ?? nameWithin(desired, 63).toLowerCase())
}

type Loose = Readonly<Record<string, unknown>>

function lockOf(configuration: {
  Rule?: { DefaultRetention?: { Mode?: string; Days?: unknown; Years?: unknown } }
}) {
  const retention = configuration.Rule?.DefaultRetention
  return {
    ObjectLockEnabled: 'Enabled',
    ...(retention
      ? {
          Rule: {
            DefaultRetention: given({
              Mode: retention.Mode,
              Days: amount(retention.Days),
              Years: amount(retention.Years),
            }),
          },
        }
      : {}),
  }
}

function encryptionOf(configuration: { ServerSideEncryptionConfiguration: Loose[] }) {
  return {
    Rules: configuration.ServerSideEncryptionConfiguration.map(rule =>
      given({
        ApplyServerSideEncryptionByDefault: rule.ServerSideEncryptionByDefault,
        BucketKeyEnabled: flag(rule.BucketKeyEnabled),
      }),
    ),
  }
}

function lifecycleRule(rule: Loose): Loose {
  const noncurrent = rule.NoncurrentVersionExpiration as Loose | undefined
  const prefix = rule.Prefix as string | undefined
  return given({
    ID: rule.Id,
    Status: rule.Status,
    Filter: { Prefix: prefix ?? '' },
    Expiration:
      rule.ExpirationInDays === undefined && rule.ExpiredObjectDeleteMarker === undefined
        ? undefined
        : given({
            Days: amount(rule.ExpirationInDays),
            ExpiredObjectDeleteMarker: flag(rule.ExpiredObjectDeleteMarker),
          }),
    AbortIncompleteMultipartUpload: rule.AbortIncompleteMultipartUpload,
    NoncurrentVersionExpiration: noncurrent && given({ NoncurrentDays: amount(noncurrent.NoncurrentDays) }),
    Transitions: (rule.Transitions as Loose[] | undefined)?.map(({ StorageClass, TransitionInDays }) => ({
      StorageClass,
      Days: amount(TransitionInDays),
    })),
  })
}

// CloudFormation spells one member differently from the API.
function replicationOf(configuration: { Role: string; Rules: Loose[] }) {
  return {
    Role: configuration.Role,
    Rules: configuration.Rules.map(({ Id, ...rule }) => ({ ...rule, ...given({ ID: Id }) })),
  }
}
