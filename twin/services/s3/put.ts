import { rmSync } from 'node:fs'
import type { PutObjectCommandInput } from '@aws-sdk/client-s3'
import type { Call, Operation, Question } from '../../wire/call.ts'
import { type Bucket, objectArn, requireBucket } from './buckets.ts'
import { checksumMembers } from './checksum.ts'
import type { S3 } from './context.ts'
import { assertKeyUsable, encryptionFor, encryptionMembers, keyQuestions } from './encryption.ts'
import { assertLockedContentIsProven, lockFor, retentionContext } from './lock.ts'
import type { Version } from './objects.ts'
import { type Received, receive } from './receive.ts'
import { parseTagging } from './tagging.ts'
import { assertWriteConditions, pushVersion, quote, versionIdOf } from './versions.ts'

/** Members of a write that come back as they were when the object is read. */
const KEPT = [
  'CacheControl',
  'ContentDisposition',
  'ContentEncoding',
  'ContentLanguage',
  'ContentType',
  'WebsiteRedirectLocation',
] as const

type WriteInput = Readonly<Record<string, unknown>> & Omit<PutObjectCommandInput, 'Body'>

/** What the caller must be allowed to write an object with these members. `creates` is false for the beginning of one. */
export function writeQuestions(
  s3: S3,
  bucket: Bucket,
  input: WriteInput,
  call: Call,
  creates = true,
): Question[] {
  const resource = objectArn(bucket.name, input.Key ?? '')
  const tags = parseTagging(input.Tagging)
  const context = {
    's3:ObjectCreationOperation': String(creates),
    ...(input.ServerSideEncryption && { 's3:x-amz-server-side-encryption': input.ServerSideEncryption }),
    ...(input.SSEKMSKeyId && { 's3:x-amz-server-side-encryption-aws-kms-key-id': input.SSEKMSKeyId }),
    ...(input.ACL && { 's3:x-amz-acl': input.ACL }),
    ...(input.StorageClass && { 's3:x-amz-storage-class': input.StorageClass }),
    ...(input.IfNoneMatch && { 's3:if-none-match': input.IfNoneMatch }),
    ...(input.IfMatch && { 's3:if-match': input.IfMatch }),
    ...(input.ObjectLockLegalHoldStatus && { 's3:object-lock-legal-hold': input.ObjectLockLegalHoldStatus }),
    ...retentionContext(input.ObjectLockMode, input.ObjectLockRetainUntilDate, s3.clock()),
    ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`s3:RequestObjectTag/${key}`, value])),
  }
  const actions = [
    's3:PutObject',
    ...(input.Tagging ? ['s3:PutObjectTagging'] : []),
    ...(input.ObjectLockMode ? ['s3:PutObjectRetention'] : []),
    ...(input.ObjectLockLegalHoldStatus ? ['s3:PutObjectLegalHold'] : []),
  ]
  return [
    ...actions.map(action => ({ action, resource, context })),
    ...keyQuestions(
      s3,
      encryptionFor(s3, bucket, input),
      'kms:GenerateDataKey',
      bucket,
      input.Key ?? '',
      call,
    ),
  ]
}

/**
 * Makes received content a version of the object: its condition is judged and the version shown in one breath. When
 * it is refused the content is removed.
 */
export function commit(
  s3: S3,
  bucket: Bucket,
  input: WriteInput,
  content: Received & Partial<Pick<Version, 'etag' | 'parts' | 'checksumType'>>,
): Version {
  try {
    return show(s3, bucket, input, content)
  } catch (error) {
    rmSync(content.path, { force: true })
    throw error
  }
}

function show(
  s3: S3,
  bucket: Bucket,
  input: WriteInput,
  content: Received & Partial<Pick<Version, 'etag' | 'parts' | 'checksumType'>>,
): Version {
  const key = input.Key ?? ''
  assertWriteConditions(s3, bucket.name, key, input)
  const now = s3.clock()
  const version = pushVersion(s3, bucket, key, {
    lastModified: new Date(now).toISOString(),
    size: content.size,
    etag: content.etag ?? content.md5,
    checksums: content.checksums,
    checksumType: content.checksumType ?? 'FULL_OBJECT',
    file: s3.objects.adopt(bucket.name, key, content.path),
    ...(content.parts && { parts: content.parts }),
    headers: Object.fromEntries(
      KEPT.filter(name => input[name] !== undefined).map(name => [name, String(input[name])]),
    ),
    metadata: input.Metadata ?? {},
    tags: parseTagging(input.Tagging),
    encryption: encryptionFor(s3, bucket, input),
    ...lockFor(bucket, input, now),
    ...(input.StorageClass && { storageClass: input.StorageClass }),
  })
  return s3.replicator.schedule(bucket, key, version)
}

/** PutObject. */
export const putObject = (s3: S3): Operation<PutObjectCommandInput> => ({
  questions: (input, call) =>
    writeQuestions(s3, requireBucket(s3.buckets, input.Bucket ?? '', call), { ...input }, call),
  run: async (input, call) => {
    const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
    assertKeyUsable(s3, encryptionFor(s3, bucket, input), bucket.region)
    assertLockedContentIsProven(lockFor(bucket, input, s3.clock()), { ...input })
    const received = await receive(s3.objects.scratch(), { ...input })
    const version = commit(s3, bucket, { ...input }, received)
    return {
      ETag: quote(version.etag),
      VersionId: versionIdOf(bucket, version),
      ChecksumType: 'FULL_OBJECT',
      ...checksumMembers(version.checksums),
      ...encryptionMembers(version.encryption),
    }
  },
})
