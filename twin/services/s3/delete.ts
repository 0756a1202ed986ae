import type { DeleteObjectCommandInput, DeleteObjectsCommandInput } from '@aws-sdk/client-s3'
import { type Call, type Operation, type Question, WireError } from '../../wire/call.ts'
import { type Bucket, objectArn, requireBucket } from './buckets.ts'
import type { S3 } from './context.ts'
import { assertDeletable } from './lock.ts'
import type { Version } from './objects.ts'
import { pushVersion, unquote } from './versions.ts'

type Target = { readonly Key?: string; readonly VersionId?: string; readonly ETag?: string }

function questionsOf(bucket: string, target: Target, bypass: boolean | undefined): Question[] {
  const resource = objectArn(bucket, target.Key ?? '')
  return [
    {
      action: target.VersionId ? 's3:DeleteObjectVersion' : 's3:DeleteObject',
      resource,
      ...(target.VersionId && { context: { 's3:versionid': target.VersionId } }),
    },
    ...(bypass ? [{ action: 's3:BypassGovernanceRetention', resource }] : []),
  ]
}

const marker = (now: number): Omit<Version, 'id'> => ({
  lastModified: new Date(now).toISOString(),
  deleteMarker: true,
  size: 0,
  etag: '',
  checksums: {},
  checksumType: 'FULL_OBJECT',
  file: '',
  headers: {},
  metadata: {},
  tags: {},
  encryption: { algorithm: 'AES256' },
})

type Deleted = { readonly VersionId?: string | undefined; readonly DeleteMarker?: boolean | undefined }

/** Deletes one version for good, or hides the object behind a delete marker. */
function remove(s3: S3, bucket: Bucket, target: Target, bypass: boolean): Deleted {
  const key = target.Key ?? ''
  const versions = s3.objects.versions(bucket.name, key)
  if (target.ETag !== undefined && target.ETag !== '*' && unquote(target.ETag) !== versions[0]?.etag) {
    const message = 'At least one of the pre-conditions you specified did not hold'
    throw new WireError('PreconditionFailed', message, 412, { Condition: 'If-Match' })
  }
  if (target.VersionId !== undefined) return removeVersion(s3, bucket, key, target.VersionId, bypass)
  if (!bucket.versioning) {
    s3.objects.save(bucket.name, key, [])
    return {}
  }
  const pushed = pushVersion(s3, bucket, key, marker(s3.clock()))
  s3.replicator.scheduleMarker(bucket, key, pushed)
  return { VersionId: pushed.id, DeleteMarker: true }
}

function removeVersion(s3: S3, bucket: Bucket, key: string, id: string, bypass: boolean): Deleted {
  const versions = s3.objects.versions(bucket.name, key)
  const found = versions.find(version => version.id === id)
  // Deleting what is not there succeeds.
  if (!found) return { VersionId: id }
  if (!found.deleteMarker) assertDeletable(found, bypass, s3.clock())
  s3.objects.save(
    bucket.name,
    key,
    versions.filter(version => version.id !== id),
  )
  return { VersionId: id, ...(found.deleteMarker && { DeleteMarker: true }) }
}

function removeMany(s3: S3, bucket: Bucket, input: DeleteObjectsCommandInput, call: Call) {
  const bypass = input.BypassGovernanceRetention ?? false
  const done: object[] = []
  const errors: object[] = []
  for (const target of input.Delete?.Objects ?? []) {
    const at = { Key: target.Key, ...(target.VersionId && { VersionId: target.VersionId }) }
    try {
      // Each object is judged by itself: the ones that the caller may not delete are errors in the answer.
      for (const question of questionsOf(bucket.name, target as Target, bypass)) {
        if (!s3.may(call, question)) throw new WireError('AccessDenied', 'Access Denied', 403)
      }
      const { VersionId, DeleteMarker } = remove(s3, bucket, target as Target, bypass)
      done.push({ ...at, ...(DeleteMarker && { DeleteMarker, DeleteMarkerVersionId: VersionId }) })
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      errors.push({ ...at, Code: error.code, Message: error.message })
    }
  }
  return { ...(input.Delete?.Quiet ? {} : { Deleted: done }), ...(errors.length > 0 && { Errors: errors }) }
}

/** DeleteObject and DeleteObjects. */
export function deleteOperations(s3: S3): Record<string, Operation> {
  return {
    DeleteObject: {
      questions: (input: DeleteObjectCommandInput) =>
        questionsOf(input.Bucket ?? '', input as Target, input.BypassGovernanceRetention),
      run: (input: DeleteObjectCommandInput, call) => {
        const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
        const target = { Key: input.Key, VersionId: input.VersionId, ETag: input.IfMatch }
        return remove(s3, bucket, target as Target, input.BypassGovernanceRetention ?? false)
      },
    },
    DeleteObjects: {
      questions: () => [],
      run: (input: DeleteObjectsCommandInput, call) => {
        if ((input.Delete?.Objects?.length ?? 0) > 1000) {
          throw new WireError('MalformedXML', 'The XML you provided was not well-formed or did not validate')
        }
        return removeMany(s3, requireBucket(s3.buckets, input.Bucket ?? '', call), input, call)
      },
    },
  }
}
