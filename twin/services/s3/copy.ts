import { createReadStream } from 'node:fs'
import type { CopyObjectCommandInput } from '@aws-sdk/client-s3'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { type Bucket, objectArn, requireBucket } from './buckets.ts'
import { type Algorithm, checksumMembers, readAlgorithm } from './checksum.ts'
import type { S3 } from './context.ts'
import { assertKeyUsable, encryptionFor, encryptionMembers, keyQuestions } from './encryption.ts'
import type { Version } from './objects.ts'
import { commit, writeQuestions } from './put.ts'
import { write } from './receive.ts'
import { quote, requireVersion, unquote, versionIdOf } from './versions.ts'

type Source = { readonly bucket: string; readonly key: string; readonly versionId: string | undefined }

/** Reads `bucket/key?versionId=v`, percent-encoded or not. */
function parseCopySource(text: string): Source {
  const [path = '', query = ''] = text.replace(/^\//, '').split('?')
  const slash = path.indexOf('/')
  if (slash < 1) {
    throw new WireError(
      'InvalidArgument',
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
    )
  }
  return {
    bucket: path.slice(0, slash),
    key: decodeURIComponent(path.slice(slash + 1)),
    versionId: new URLSearchParams(query).get('versionId') ?? undefined,
  }
}

function find(s3: S3, source: Source): { bucket: Bucket; version: Version } {
  const bucket = s3.buckets.get(source.bucket)
  if (!bucket) {
    throw new WireError('NoSuchBucket', 'The specified bucket does not exist', 404, {
      BucketName: source.bucket,
    })
  }
  return { bucket, version: requireVersion(s3, bucket.name, source.key, source.versionId) }
}

function assertConditions(version: Version, input: CopyObjectCommandInput): void {
  const failed = (Condition: string) =>
    new WireError(
      'PreconditionFailed',
      'At least one of the pre-conditions you specified did not hold',
      412,
      { Condition },
    )
  if (input.CopySourceIfMatch !== undefined && unquote(input.CopySourceIfMatch) !== version.etag) {
    throw failed('x-amz-copy-source-If-Match')
  }
  if (input.CopySourceIfNoneMatch !== undefined && unquote(input.CopySourceIfNoneMatch) === version.etag) {
    throw failed('x-amz-copy-source-If-None-Match')
  }
}

function questions(s3: S3, input: CopyObjectCommandInput, call: Call) {
  const source = parseCopySource(input.CopySource ?? '')
  const action = source.versionId ? 's3:GetObjectVersion' : 's3:GetObject'
  const from = s3.buckets.get(source.bucket)
  const versions = s3.objects.versions(source.bucket, source.key)
  const version = source.versionId ? versions.find(({ id }) => id === source.versionId) : versions[0]
  return [
    { action, resource: objectArn(source.bucket, source.key) },
    ...(version && from ? keyQuestions(s3, version.encryption, 'kms:Decrypt', from, source.key, call) : []),
    ...writeQuestions(s3, requireBucket(s3.buckets, input.Bucket ?? '', call), { ...input } as never, call),
  ]
}

async function copy(s3: S3, input: CopyObjectCommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  const source = parseCopySource(input.CopySource ?? '')
  const { bucket: from, version } = find(s3, source)
  assertConditions(version, input)
  assertKeyUsable(s3, version.encryption, from.region)
  assertKeyUsable(s3, encryptionFor(s3, bucket, input), bucket.region)
  const replace = input.MetadataDirective === 'REPLACE'
  if (
    from.name === bucket.name &&
    source.key === input.Key &&
    !replace &&
    !source.versionId &&
    !input.StorageClass
  ) {
    const message =
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
    if (!input.ServerSideEncryption) throw new WireError('InvalidRequest', message)
  }
  const algorithm =
    readAlgorithm(input.ChecksumAlgorithm) ??
    (Object.keys(version.checksums)[0] as Algorithm | undefined) ??
    'CRC64NVME'
  const content = createReadStream(
    s3.objects.path(from.name, source.key, version),
  ) as AsyncIterable<Uint8Array>
  const written = await write(s3.objects.scratch(), content, [algorithm])
  const tagging =
    input.TaggingDirective === 'REPLACE' ? input.Tagging : new URLSearchParams(version.tags).toString()
  const kept = replace ? {} : { ...version.headers, Metadata: version.metadata }
  const copied = commit(s3, bucket, { ...input, ...kept, Tagging: tagging } as never, written)
  return {
    CopyObjectResult: {
      ETag: quote(copied.etag),
      LastModified: new Date(copied.lastModified),
      ChecksumType: copied.checksumType,
      ...checksumMembers(copied.checksums),
    },
    CopySourceVersionId: versionIdOf(from, version),
    VersionId: versionIdOf(bucket, copied),
    ...encryptionMembers(copied.encryption),
  }
}

/** CopyObject. */
export function copyOperations(s3: S3): Record<string, Operation> {
  return {
    CopyObject: {
      questions: (input: CopyObjectCommandInput, call) => questions(s3, input, call),
      run: (input: CopyObjectCommandInput, call) => copy(s3, input, call),
    },
  }
}
