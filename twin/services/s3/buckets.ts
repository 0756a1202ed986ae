import type {
  LifecycleRule,
  PublicAccessBlockConfiguration,
  ReplicationConfiguration,
  ServerSideEncryptionByDefault,
} from '@aws-sdk/client-s3'
import type { Collection } from '../../state/collection.ts'
import { type Call, WireError } from '../../wire/call.ts'

/** How long a version that says nothing of its own is kept. */
export type DefaultRetention = {
  readonly Mode: 'GOVERNANCE' | 'COMPLIANCE'
  readonly Days?: number
  readonly Years?: number
}

/** A bucket and its configuration. */
export type Bucket = {
  readonly name: string
  readonly region: string
  readonly createdAt: string
  readonly versioning?: 'Enabled' | 'Suspended'
  /** Present when the bucket was made with Object Lock, or got it later; it cannot be taken away. */
  readonly objectLock?: { readonly defaultRetention?: DefaultRetention }
  readonly encryption?: ServerSideEncryptionByDefault & { readonly BucketKeyEnabled?: boolean }
  /** Policy document, as given. */
  readonly policy?: string
  readonly publicAccessBlock?: PublicAccessBlockConfiguration
  readonly ownership?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly lifecycle?: readonly LifecycleRule[]
  readonly replication?: ReplicationConfiguration
  readonly logging?: Readonly<Record<string, unknown>>
}

export const bucketArn = (name: string) => `arn:aws:s3:::${name}`
export const objectArn = (bucket: string, key: string) => `arn:aws:s3:::${bucket}/${key}`

const NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

/** Refuses a name that S3 does not take. */
export function checkBucketName(name: string): void {
  if (NAME.test(name) && !name.includes('..')) return
  throw new WireError('InvalidBucketName', 'The specified bucket is not valid.', 400, { BucketName: name })
}

/** The bucket that a call means; one in another region is redirected as S3 does. */
export function requireBucket(buckets: Collection<Bucket>, name: string, call: Call): Bucket {
  const bucket = buckets.get(name)
  if (!bucket) {
    throw new WireError('NoSuchBucket', 'The specified bucket does not exist', 404, { BucketName: name })
  }
  if (bucket.region !== call.region) {
    const message =
      'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.'
    const Endpoint = `${name}.s3.${bucket.region}.amazonaws.com`
    throw new WireError('PermanentRedirect', message, 301, { Endpoint, Bucket: name })
  }
  return bucket
}
