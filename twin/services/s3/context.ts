import type { Collection } from '../../state/collection.ts'
import type { Call, Question } from '../../wire/call.ts'
import type { Bucket } from './buckets.ts'
import type { ObjectStore } from './objects.ts'
import type { Replicator } from './replication.ts'

/** A key as S3 needs it: refused (`KMS.DisabledException`, `KMS.NotFoundException`) when it cannot be used. */
export type KeyFinder = (reference: string, region: string) => UsableKey

/** A key as another service uses it. `context`: the condition keys that the key brings to a question about it. */
export type UsableKey = {
  readonly arn: string
  readonly context: Readonly<Record<string, string | readonly string[]>>
  assertUsable(): void
}

/** What the operations of S3 share. */
export type S3 = {
  readonly account: string
  readonly clock: () => number
  readonly buckets: Collection<Bucket>
  readonly uploads: Collection<Upload>
  readonly objects: ObjectStore
  readonly findKey: KeyFinder
  readonly may: (call: Call, question: Question) => boolean
  readonly replicator: Replicator
}

/** A multipart upload that is under way. */
export type Upload = {
  readonly id: string
  readonly bucket: string
  readonly key: string
  readonly startedAt: string
  /** Members of CreateMultipartUpload that the object gets. */
  readonly input: Readonly<Record<string, unknown>>
  readonly parts: Readonly<Record<string, UploadedPart>>
}

/** A part of it; `path` lies in the scratch folder of uploads. */
export type UploadedPart = {
  readonly path: string
  readonly size: number
  readonly etag: string
  readonly checksums: Readonly<Record<string, string>>
  readonly modifiedAt: string
}
