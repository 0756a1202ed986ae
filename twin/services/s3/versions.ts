import { WireError } from '../../wire/call.ts'
import type { Bucket } from './buckets.ts'
import type { S3 } from './context.ts'
import { newVersionId, type Version } from './objects.ts'

/** The current version: undefined when there is none or when it is a delete marker. */
export function currentVersion(s3: S3, bucket: string, key: string): Version | undefined {
  const [newest] = s3.objects.versions(bucket, key)
  return newest?.deleteMarker ? undefined : newest
}

const noSuchKey = (key: string) =>
  new WireError('NoSuchKey', 'The specified key does not exist.', 404, { Key: key })

/** The version that a request means, for reading it. */
export function requireVersion(s3: S3, bucket: string, key: string, versionId?: string): Version {
  if (versionId === undefined) {
    const current = currentVersion(s3, bucket, key)
    if (!current) throw noSuchKey(key)
    return current
  }
  const found = s3.objects.versions(bucket, key).find(version => version.id === versionId)
  if (!found) {
    const fields = { Key: key, VersionId: versionId }
    throw new WireError('NoSuchVersion', 'The specified version does not exist.', 404, fields)
  }
  if (found.deleteMarker) {
    const message = 'The specified method is not allowed against this resource.'
    throw new WireError('MethodNotAllowed', message, 405, { Method: 'GET', ResourceType: 'DeleteMarker' })
  }
  return found
}

type WriteConditions = { readonly IfNoneMatch?: string; readonly IfMatch?: string }

/** Holds a conditional write against what is there now. Called with nothing awaited before the write is made visible. */
export function assertWriteConditions(
  s3: S3,
  bucket: string,
  key: string,
  conditions: WriteConditions,
): void {
  const current = currentVersion(s3, bucket, key)
  const failed = (Condition: string) => {
    const message = 'At least one of the pre-conditions you specified did not hold'
    return new WireError('PreconditionFailed', message, 412, { Condition })
  }
  if (conditions.IfNoneMatch !== undefined) {
    if (conditions.IfNoneMatch !== '*') {
      throw new WireError(
        'NotImplemented',
        'A header you provided implies functionality that is not implemented',
        501,
      )
    }
    if (current) throw failed('If-None-Match')
  }
  if (conditions.IfMatch === undefined) return
  if (!current) throw noSuchKey(key)
  if (conditions.IfMatch !== '*' && unquote(conditions.IfMatch) !== current.etag) throw failed('If-Match')
}

/** An ETag without its quotes. */
export const unquote = (etag: string) => etag.replace(/^W\//, '').replace(/^"|"$/g, '')
export const quote = (etag: string) => `"${etag}"`

/** Puts a version in front, as the bucket's versioning says, and answers it with its id. */
export function pushVersion(s3: S3, bucket: Bucket, key: string, version: Omit<Version, 'id'>): Version {
  const versions = s3.objects.versions(bucket.name, key)
  const id = bucket.versioning === 'Enabled' ? newVersionId() : 'null'
  const pushed: Version = { id, ...version }
  s3.objects.save(bucket.name, key, [
    pushed,
    ...(id === 'null' ? versions.filter(each => each.id !== 'null') : versions),
  ])
  return pushed
}

/** Puts a changed version in the place of the old one with its id. */
export function replaceVersion(s3: S3, bucket: string, key: string, changed: Version): void {
  const versions = s3.objects.versions(bucket, key)
  s3.objects.save(
    bucket,
    key,
    versions.map(version => (version.id === changed.id ? changed : version)),
  )
}

/** The id as answers carry it: none in a bucket that never had versions. */
export const versionIdOf = (bucket: Bucket, version: Version) => (bucket.versioning ? version.id : undefined)
