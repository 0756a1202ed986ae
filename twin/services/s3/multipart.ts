import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type {
  AbortMultipartUploadCommandInput,
  CompletedPart,
  CompleteMultipartUploadCommandInput,
  CreateMultipartUploadCommandInput,
  ListMultipartUploadsCommandInput,
  ListPartsCommandInput,
  UploadPartCommandInput,
} from '@aws-sdk/client-s3'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { type Bucket, bucketArn, objectArn, requireBucket } from './buckets.ts'
import {
  type Algorithm,
  checkDigest,
  checksumMembers,
  readAlgorithm,
  startChecksum,
  statedChecksums,
} from './checksum.ts'
import type { S3, Upload, UploadedPart } from './context.ts'
import { assertKeyUsable, encryptionFor, encryptionMembers } from './encryption.ts'
import { assertLockedContentIsProven, lockFor } from './lock.ts'
import { commit, writeQuestions } from './put.ts'
import { receive, write } from './receive.ts'
import { assertWriteConditions, quote, unquote, versionIdOf } from './versions.ts'

/** Every part but the last must be this big. */
const MIN_PART_BYTES = 5 * 1024 * 1024
const MAX_PARTS = 10_000

function requireUpload(s3: S3, id: string | undefined, bucket: string, key: string | undefined): Upload {
  const upload = s3.uploads.get(id ?? '')
  if (!upload || upload.bucket !== bucket || upload.key !== key) {
    const message =
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.'
    throw new WireError('NoSuchUpload', message, 404, { UploadId: id })
  }
  return upload
}

type OnUpload = { Bucket?: string; Key?: string; IfNoneMatch?: string; IfMatch?: string }

const question =
  (action: string, context?: (input: OnUpload) => Record<string, string>) => (input: OnUpload) => [
    {
      action,
      resource: objectArn(input.Bucket ?? '', input.Key ?? ''),
      ...(context && { context: context(input) }),
    },
  ]

// S3 takes conditions when an upload is completed, and only then is there an object.
const completing = ({ IfNoneMatch, IfMatch }: OnUpload) => ({
  's3:ObjectCreationOperation': 'true',
  ...(IfNoneMatch && { 's3:if-none-match': IfNoneMatch }),
  ...(IfMatch && { 's3:if-match': IfMatch }),
})

function create(s3: S3, input: CreateMultipartUploadCommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  readAlgorithm(input.ChecksumAlgorithm)
  lockFor(bucket, input, s3.clock())
  const id = randomBytes(32).toString('base64url')
  const kept = { ...input, ObjectLockRetainUntilDate: input.ObjectLockRetainUntilDate?.toISOString() }
  s3.uploads.set(id, {
    id,
    bucket: bucket.name,
    key: input.Key ?? '',
    startedAt: new Date(s3.clock()).toISOString(),
    input: kept,
    parts: {},
  })
  return {
    Bucket: bucket.name,
    Key: input.Key,
    UploadId: id,
    ChecksumAlgorithm: input.ChecksumAlgorithm,
    ChecksumType: input.ChecksumType,
    ...encryptionMembers(encryptionFor(s3, bucket, input)),
  }
}

async function uploadPart(s3: S3, input: UploadPartCommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  const upload = requireUpload(s3, input.UploadId, bucket.name, input.Key)
  const number = input.PartNumber ?? 0
  if (number < 1 || number > MAX_PARTS) {
    throw new WireError(
      'InvalidArgument',
      `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`,
    )
  }
  const encryption = encryptionFor(s3, bucket, upload.input)
  assertKeyUsable(s3, encryption, bucket.region)
  const algorithm = upload.input.ChecksumAlgorithm as string | undefined
  const named = { ChecksumAlgorithm: algorithm, ...input }
  const received = await receive(`${s3.objects.scratch()}.part`, { ...named })
  // The upload may have ended while the part was on its way.
  const now = requireUpload(s3, input.UploadId, bucket.name, input.Key)
  const part: UploadedPart = {
    path: received.path,
    size: received.size,
    etag: received.md5,
    checksums: received.checksums as Record<string, string>,
    modifiedAt: new Date(s3.clock()).toISOString(),
  }
  const replaced = now.parts[number]
  s3.uploads.set(upload.id, { ...now, parts: { ...now.parts, [number]: part } })
  if (replaced) await rm(replaced.path, { force: true })
  return { ETag: quote(part.etag), ...checksumMembers(received.checksums), ...encryptionMembers(encryption) }
}

/** The parts that a completion names, in order, as they were uploaded. */
function chosenParts(upload: Upload, named: readonly CompletedPart[]): UploadedPart[] {
  if (named.length === 0) throw new WireError('MalformedXML', 'The XML you provided was not well-formed')
  const isOutOfOrder = named.some(
    (part, index) => (part.PartNumber ?? 0) <= (named[index - 1]?.PartNumber ?? 0),
  )
  if (isOutOfOrder) throw new WireError('InvalidPartOrder', 'The list of parts was not in ascending order.')
  return named.map(({ PartNumber = 0, ETag = '' }, index) => {
    const part = upload.parts[PartNumber]
    if (!part || part.etag !== unquote(ETag)) {
      const message = 'One or more of the specified parts could not be found.'
      throw new WireError('InvalidPart', message, 400, { PartNumber, ETag, UploadId: upload.id })
    }
    if (part.size < MIN_PART_BYTES && index < named.length - 1) {
      const message = 'Your proposed upload is smaller than the minimum allowed size'
      throw new WireError('EntityTooSmall', message, 400, {
        ProposedSize: part.size,
        MinSizeAllowed: MIN_PART_BYTES,
      })
    }
    return part
  })
}

async function* contentOf(parts: readonly UploadedPart[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield* createReadStream(part.path) as AsyncIterable<Uint8Array>
}

const md5OfMd5s = (parts: readonly UploadedPart[]) => {
  const hash = createHash('md5')
  for (const part of parts) hash.update(Buffer.from(part.etag, 'hex'))
  return `${hash.digest('hex')}-${parts.length}`
}

/** SHA checksums of a multipart object, and CRC ones unless asked otherwise, are checksums of the parts' checksums. */
function isComposite(algorithm: Algorithm, type: unknown): boolean {
  if (type === 'FULL_OBJECT') return false
  return algorithm !== 'CRC64NVME'
}

function compositeOf(algorithm: Algorithm, parts: readonly UploadedPart[]): string {
  const running = startChecksum(algorithm)
  for (const part of parts) running.update(Buffer.from(part.checksums[algorithm] ?? '', 'base64'))
  return `${running.digest().toString('base64')}-${parts.length}`
}

async function complete(s3: S3, input: CompleteMultipartUploadCommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  const upload = requireUpload(s3, input.UploadId, bucket.name, input.Key)
  const parts = chosenParts(upload, input.MultipartUpload?.Parts ?? [])
  assertWriteConditions(s3, bucket.name, upload.key, input)
  const algorithm = readAlgorithm(upload.input.ChecksumAlgorithm) ?? 'CRC64NVME'
  const composite = isComposite(algorithm, input.ChecksumType ?? upload.input.ChecksumType)
  const whole = await write(s3.objects.scratch(), contentOf(parts), composite ? [] : [algorithm])
  const checksums = composite ? { [algorithm]: compositeOf(algorithm, parts) } : whole.checksums
  const stated = statedChecksums({ ...input })[algorithm]
  if (stated !== undefined) {
    try {
      checkDigest(algorithm, stated, checksums[algorithm] ?? '')
    } catch (error) {
      await rm(whole.path, { force: true })
      throw error
    }
  }
  const until = upload.input.ObjectLockRetainUntilDate as string | undefined
  const version = commit(
    s3,
    bucket,
    {
      ...upload.input,
      Bucket: bucket.name,
      Key: upload.key,
      ...(until && { ObjectLockRetainUntilDate: new Date(until) }),
      IfMatch: input.IfMatch,
      IfNoneMatch: input.IfNoneMatch,
    } as Parameters<typeof commit>[2],
    {
      ...whole,
      etag: md5OfMd5s(parts),
      parts: parts.map(part => part.size),
      checksums,
      checksumType: composite ? 'COMPOSITE' : 'FULL_OBJECT',
    },
  )
  await discard(s3, upload)
  return {
    Location: `https://${bucket.name}.s3.${bucket.region}.amazonaws.com/${upload.key}`,
    Bucket: bucket.name,
    Key: upload.key,
    ETag: quote(version.etag),
    VersionId: versionIdOf(bucket, version),
    ChecksumType: version.checksumType,
    ...checksumMembers(version.checksums),
    ...encryptionMembers(version.encryption),
  }
}

async function discard(s3: S3, upload: Upload): Promise<void> {
  s3.uploads.delete(upload.id)
  await Promise.all(Object.values(upload.parts).map(part => rm(part.path, { force: true })))
}

function listParts(s3: S3, input: ListPartsCommandInput, bucket: Bucket) {
  const upload = requireUpload(s3, input.UploadId, bucket.name, input.Key)
  const after = Number(input.PartNumberMarker ?? 0)
  const most = Math.min(input.MaxParts ?? 1000, 1000)
  const rest = Object.entries(upload.parts)
    .map(([number, part]) => ({ number: Number(number), part }))
    .filter(({ number }) => number > after)
    .sort((left, right) => left.number - right.number)
  const shown = rest.slice(0, most)
  return {
    Bucket: bucket.name,
    Key: upload.key,
    UploadId: upload.id,
    MaxParts: most,
    IsTruncated: rest.length > shown.length,
    ...(rest.length > shown.length && { NextPartNumberMarker: String(shown.at(-1)?.number) }),
    ChecksumAlgorithm: upload.input.ChecksumAlgorithm,
    Parts: shown.map(({ number, part }) => ({
      PartNumber: number,
      LastModified: new Date(part.modifiedAt),
      ETag: quote(part.etag),
      Size: part.size,
      ...checksumMembers(part.checksums),
    })),
  }
}

function listUploads(s3: S3, input: ListMultipartUploadsCommandInput, bucket: Bucket) {
  const uploads = s3.uploads
    .values()
    .filter(upload => upload.bucket === bucket.name && upload.key.startsWith(input.Prefix ?? ''))
  return {
    Bucket: bucket.name,
    Prefix: input.Prefix,
    IsTruncated: false,
    Uploads: uploads.map(upload => ({
      Key: upload.key,
      UploadId: upload.id,
      Initiated: new Date(upload.startedAt),
      StorageClass: 'STANDARD',
    })),
  }
}

/** The multipart operations. */
export function multipartOperations(s3: S3): Record<string, Operation> {
  const at = (input: { Bucket?: string }, call: Call) => requireBucket(s3.buckets, input.Bucket ?? '', call)
  return {
    CreateMultipartUpload: {
      questions: (input: CreateMultipartUploadCommandInput, call) =>
        writeQuestions(s3, at(input as { Bucket?: string }, call), { ...input } as never, call, false),
      run: (input: CreateMultipartUploadCommandInput, call) => {
        const lock = lockFor(at(input as { Bucket?: string }, call), input, s3.clock())
        assertLockedContentIsProven(lock, { ...input })
        return create(s3, input, call)
      },
    },
    UploadPart: {
      questions: question('s3:PutObject', () => ({ 's3:ObjectCreationOperation': 'false' })),
      run: (input: UploadPartCommandInput, call) => uploadPart(s3, input, call),
    },
    CompleteMultipartUpload: {
      questions: question('s3:PutObject', completing),
      run: (input: CompleteMultipartUploadCommandInput, call) => complete(s3, input, call),
    },
    AbortMultipartUpload: {
      questions: question('s3:AbortMultipartUpload'),
      run: async (input: AbortMultipartUploadCommandInput, call) => {
        const bucket = at(input as { Bucket?: string }, call)
        await discard(s3, requireUpload(s3, input.UploadId, bucket.name, input.Key))
        return {}
      },
    },
    ListParts: {
      questions: question('s3:ListMultipartUploadParts'),
      run: (input: ListPartsCommandInput, call) =>
        listParts(s3, input, at(input as { Bucket?: string }, call)),
    },
    ListMultipartUploads: {
      questions: (input: ListMultipartUploadsCommandInput) => [
        { action: 's3:ListBucketMultipartUploads', resource: bucketArn(input.Bucket ?? '') },
      ],
      run: (input: ListMultipartUploadsCommandInput, call) =>
        listUploads(s3, input, at(input as { Bucket?: string }, call)),
    },
  }
}
