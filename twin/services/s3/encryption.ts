import { type Call, type Question, WireError } from '../../wire/call.ts'
import { type Bucket, objectArn } from './buckets.ts'
import type { S3 } from './context.ts'
import type { Version } from './objects.ts'

type Wish = {
  readonly ServerSideEncryption?: string
  readonly SSEKMSKeyId?: string
  readonly BucketKeyEnabled?: boolean
  readonly SSECustomerAlgorithm?: string
}

/** How a new version will be encrypted: what the request asks, else the bucket's default, else S3's own keys. */
export function encryptionFor(s3: S3, bucket: Bucket, wish: Wish): Version['encryption'] {
  if (wish.SSECustomerAlgorithm) {
    throw new WireError('NotImplemented', "the twin's S3 does not take keys of the customer's (SSE-C)", 501)
  }
  const algorithm = wish.ServerSideEncryption ?? bucket.encryption?.SSEAlgorithm ?? 'AES256'
  if (!algorithm.startsWith('aws:kms')) return { algorithm }
  const reference =
    wish.SSEKMSKeyId ?? (wish.ServerSideEncryption ? undefined : bucket.encryption?.KMSMasterKeyID)
  const chosen = reference ?? bucket.encryption?.KMSMasterKeyID ?? 'alias/aws/s3'
  return {
    algorithm,
    keyArn: s3.findKey(chosen, bucket.region).arn,
    bucketKey: wish.BucketKeyEnabled ?? bucket.encryption?.BucketKeyEnabled ?? false,
  }
}

/** Refuses when the version's key cannot be used now. */
export function assertKeyUsable(s3: S3, encryption: Version['encryption'], region: string): void {
  if (encryption.keyArn) s3.findKey(encryption.keyArn, region).assertUsable()
}

/** What the caller must be allowed at the key, through S3. */
export function keyQuestions(
  s3: S3,
  encryption: Version['encryption'],
  action: 'kms:GenerateDataKey' | 'kms:Decrypt',
  bucket: Bucket,
  key: string,
  call: Call,
): Question[] {
  if (!encryption.keyArn) return []
  const arn = encryption.bucketKey ? `arn:aws:s3:::${bucket.name}` : objectArn(bucket.name, key)
  return [
    {
      action,
      resource: encryption.keyArn,
      context: {
        ...s3.findKey(encryption.keyArn, bucket.region).context,
        'kms:ViaService': `s3.${call.region}.amazonaws.com`,
        'kms:EncryptionContext:aws:s3:arn': arn,
        'kms:EncryptionContextKeys': ['aws:s3:arn'],
      },
    },
  ]
}

/** The members that tell a reader how a version is encrypted. */
export const encryptionMembers = ({ algorithm, keyArn, bucketKey }: Version['encryption']) => ({
  ServerSideEncryption: algorithm,
  ...(keyArn && { SSEKMSKeyId: keyArn, BucketKeyEnabled: bucketKey || undefined }),
})
