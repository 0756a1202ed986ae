import type {
  GetObjectAttributesCommandInput,
  GetObjectLegalHoldCommandInput,
  GetObjectLockConfigurationCommandInput,
  GetObjectRetentionCommandInput,
  PutObjectLegalHoldCommandInput,
  PutObjectLockConfigurationCommandInput,
  PutObjectRetentionCommandInput,
} from '@aws-sdk/client-s3'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { bucketArn, objectArn, requireBucket } from './buckets.ts'
import { checksumMembers } from './checksum.ts'
import type { S3 } from './context.ts'
import { changeRetention, retentionContext } from './lock.ts'
import { replaceVersion, requireVersion, versionIdOf } from './versions.ts'

type At = { Bucket?: string | undefined; Key?: string | undefined; VersionId?: string | undefined }

const onObject = (action: string) => (input: At) => ({
  action,
  resource: objectArn(input.Bucket ?? '', input.Key ?? ''),
})

function lockedVersion(s3: S3, input: At, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  if (!bucket.objectLock) throw new WireError('InvalidRequest', 'Bucket is missing Object Lock Configuration')
  return { bucket, version: requireVersion(s3, bucket.name, input.Key ?? '', input.VersionId) }
}

const noLock = () =>
  new WireError(
    'NoSuchObjectLockConfiguration',
    'The specified object does not have a ObjectLock configuration',
    404,
  )

/** Retention and legal hold of a version. */
export function objectLockOperations(s3: S3): Record<string, Operation> {
  return {
    GetObjectRetention: {
      questions: (input: GetObjectRetentionCommandInput) => [onObject('s3:GetObjectRetention')(input as At)],
      run: (input: GetObjectRetentionCommandInput, call) => {
        const { retention } = lockedVersion(s3, input as At, call).version
        if (!retention) throw noLock()
        return { Retention: { Mode: retention.mode, RetainUntilDate: new Date(retention.until) } }
      },
    },
    PutObjectRetention: {
      questions: (input: PutObjectRetentionCommandInput) => [
        {
          ...onObject('s3:PutObjectRetention')(input as At),
          context: retentionContext(input.Retention?.Mode, input.Retention?.RetainUntilDate, s3.clock()),
        },
        ...(input.BypassGovernanceRetention ? [onObject('s3:BypassGovernanceRetention')(input as At)] : []),
      ],
      run: (input: PutObjectRetentionCommandInput, call) => {
        const { bucket, version } = lockedVersion(s3, input as At, call)
        const bypass = input.BypassGovernanceRetention ?? false
        const retention = changeRetention(version, input.Retention as never, bypass, s3.clock())
        const { retention: _, ...rest } = version
        replaceVersion(s3, bucket.name, input.Key ?? '', { ...rest, ...(retention && { retention }) })
        return {}
      },
    },
    GetObjectLegalHold: {
      questions: (input: GetObjectLegalHoldCommandInput) => [onObject('s3:GetObjectLegalHold')(input as At)],
      run: (input: GetObjectLegalHoldCommandInput, call) => {
        const { legalHold } = lockedVersion(s3, input as At, call).version
        if (legalHold === undefined) throw noLock()
        return { LegalHold: { Status: legalHold ? 'ON' : 'OFF' } }
      },
    },
    PutObjectLegalHold: {
      questions: (input: PutObjectLegalHoldCommandInput) => [onObject('s3:PutObjectLegalHold')(input as At)],
      run: (input: PutObjectLegalHoldCommandInput, call) => {
        const { bucket, version } = lockedVersion(s3, input as At, call)
        const legalHold = input.LegalHold?.Status === 'ON'
        replaceVersion(s3, bucket.name, input.Key ?? '', { ...version, legalHold })
        return {}
      },
    },
  }
}

function getLockConfiguration(s3: S3, input: GetObjectLockConfigurationCommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  if (!bucket.objectLock) {
    const message = 'Object Lock configuration does not exist for this bucket'
    throw new WireError('ObjectLockConfigurationNotFoundError', message, 404, { BucketName: bucket.name })
  }
  const retention = bucket.objectLock.defaultRetention
  return {
    ObjectLockConfiguration: {
      ObjectLockEnabled: 'Enabled',
      ...(retention && { Rule: { DefaultRetention: retention } }),
    },
  }
}

function putLockConfiguration(s3: S3, input: PutObjectLockConfigurationCommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  if (bucket.versioning !== 'Enabled') {
    throw new WireError(
      'InvalidBucketState',
      'Versioning must be Enabled on the bucket to apply a Object Lock configuration',
      409,
    )
  }
  const chosen = input.ObjectLockConfiguration?.Rule?.DefaultRetention
  if (chosen && Boolean(chosen.Days) === Boolean(chosen.Years)) {
    throw new WireError('MalformedXML', 'The XML you provided was not well-formed or did not validate')
  }
  s3.buckets.set(bucket.name, {
    ...bucket,
    objectLock: chosen ? { defaultRetention: chosen as never } : {},
  })
  return {}
}

const ATTRIBUTES: Record<string, string> = {
  ETag: 'ETag',
  Checksum: 'Checksum',
  ObjectParts: 'ObjectParts',
  StorageClass: 'StorageClass',
  ObjectSize: 'ObjectSize',
}

function attributes(s3: S3, input: GetObjectAttributesCommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  const version = requireVersion(s3, bucket.name, input.Key ?? '', input.VersionId)
  const all: Record<string, unknown> = {
    ETag: version.etag,
    Checksum: { ...checksumMembers(version.checksums), ChecksumType: version.checksumType },
    ObjectSize: version.size,
    StorageClass: version.storageClass ?? 'STANDARD',
    ...(version.parts && { ObjectParts: { TotalPartsCount: version.parts.length } }),
  }
  const wanted = (input.ObjectAttributes ?? []).filter(name => name && ATTRIBUTES[name])
  return {
    LastModified: new Date(version.lastModified),
    VersionId: versionIdOf(bucket, version),
    ...Object.fromEntries(wanted.map(name => [name, all[name ?? '']])),
  }
}

/** The lock configuration of a bucket, and the attributes of an object. */
export function bucketLockOperations(s3: S3): Record<string, Operation> {
  return {
    GetObjectLockConfiguration: {
      questions: (input: GetObjectLockConfigurationCommandInput) => [
        { action: 's3:GetBucketObjectLockConfiguration', resource: bucketArn(input.Bucket ?? '') },
      ],
      run: (input: GetObjectLockConfigurationCommandInput, call) => getLockConfiguration(s3, input, call),
    },
    PutObjectLockConfiguration: {
      questions: (input: PutObjectLockConfigurationCommandInput) => [
        { action: 's3:PutBucketObjectLockConfiguration', resource: bucketArn(input.Bucket ?? '') },
      ],
      run: (input: PutObjectLockConfigurationCommandInput, call) => putLockConfiguration(s3, input, call),
    },
    GetObjectAttributes: {
      questions: (input: GetObjectAttributesCommandInput) => {
        const version = input.VersionId ? 'Version' : ''
        return [
          onObject(`s3:GetObject${version}`)(input as At),
          onObject(`s3:GetObject${version}Attributes`)(input as At),
        ]
      },
      run: (input: GetObjectAttributesCommandInput, call) => attributes(s3, input, call),
    },
  }
}
