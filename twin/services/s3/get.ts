import { open } from 'node:fs/promises'
import type { GetObjectCommandInput, HeadObjectCommandInput } from '@aws-sdk/client-s3'
import { type Call, type Operation, type Question, WireError } from '../../wire/call.ts'
import { STATUS } from '../../wire/rest.ts'
import { type Bucket, bucketArn, objectArn, requireBucket } from './buckets.ts'
import { checksumMembers } from './checksum.ts'
import type { S3 } from './context.ts'
import { assertKeyUsable, encryptionMembers, keyQuestions } from './encryption.ts'
import type { Version } from './objects.ts'
import { quote, requireVersion, unquote, versionIdOf } from './versions.ts'

type ReadInput = GetObjectCommandInput & HeadObjectCommandInput

/** What the caller must be allowed to read a version; nothing more when it is not there, as `find` then answers. */
function readQuestions(s3: S3, input: ReadInput, call: Call): Question[] {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  const key = input.Key ?? ''
  const versions = s3.objects.versions(bucket.name, key)
  const version = input.VersionId ? versions.find(({ id }) => id === input.VersionId) : versions[0]
  const tags = Object.entries(version?.tags ?? {}).map(([name, value]) => [
    `s3:ExistingObjectTag/${name}`,
    value,
  ])
  return [
    {
      action: input.VersionId ? 's3:GetObjectVersion' : 's3:GetObject',
      resource: objectArn(bucket.name, key),
      context: { ...Object.fromEntries(tags), ...(input.VersionId && { 's3:versionid': input.VersionId }) },
    },
    ...(version ? keyQuestions(s3, version.encryption, 'kms:Decrypt', bucket, key, call) : []),
  ]
}

/** The version to read. Whoever may not list the bucket learns only that access is denied, as in S3. */
function find(s3: S3, bucket: Bucket, input: ReadInput, call: Call): Version {
  try {
    return requireVersion(s3, bucket.name, input.Key ?? '', input.VersionId)
  } catch (error) {
    const isMissing = error instanceof WireError && error.status === 404
    const question = { action: 's3:ListBucket', resource: bucketArn(bucket.name) }
    if (!isMissing || s3.may(call, question)) throw error
    const message = `User: ${call.principal.arn} is not authorized to perform: s3:ListBucket on resource: "${question.resource}" because no identity-based policy allows the s3:ListBucket action`
    throw new WireError('AccessDenied', message, 403)
  }
}

const seconds = (time: number) => Math.floor(time / 1000)

function assertReadConditions(version: Version, input: ReadInput): void {
  const modified = seconds(Date.parse(version.lastModified))
  const failed = (condition: string) =>
    new WireError(
      'PreconditionFailed',
      'At least one of the pre-conditions you specified did not hold',
      412,
      {
        Condition: condition,
      },
    )
  const matches = (tags: string) =>
    tags.split(',').some(tag => tag.trim() === '*' || unquote(tag.trim()) === version.etag)
  if (input.IfMatch !== undefined && !matches(input.IfMatch)) throw failed('If-Match')
  if (
    input.IfMatch === undefined &&
    input.IfUnmodifiedSince &&
    modified > seconds(+input.IfUnmodifiedSince)
  ) {
    throw failed('If-Unmodified-Since')
  }
  const notModified = new WireError('NotModified', 'Not Modified', 304)
  if (input.IfNoneMatch !== undefined && matches(input.IfNoneMatch)) throw notModified
  if (
    input.IfNoneMatch === undefined &&
    input.IfModifiedSince &&
    modified <= seconds(+input.IfModifiedSince)
  ) {
    throw notModified
  }
}

type Slice = { readonly start: number; readonly end: number; readonly partial: boolean }

/** The bytes that a request asks for. A Range header that is no range is ignored, as in S3. */
function sliceOf(version: Version, input: ReadInput): Slice {
  const whole = { start: 0, end: version.size, partial: false }
  if (input.PartNumber !== undefined) return partSlice(version, input.PartNumber)
  const match = /^bytes=(\d*)-(\d*)$/.exec(input.Range ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return whole
  const start = match[1] === '' ? Math.max(0, version.size - Number(match[2])) : Number(match[1])
  const last =
    match[1] === '' || match[2] === '' ? version.size - 1 : Math.min(Number(match[2]), version.size - 1)
  if (start >= version.size || last < start) {
    const fields = { RangeRequested: input.Range, ActualObjectSize: version.size }
    throw new WireError('InvalidRange', 'The requested range is not satisfiable', 416, fields)
  }
  return { start, end: last + 1, partial: true }
}

function partSlice(version: Version, number: number): Slice {
  const sizes = version.parts ?? [version.size]
  const size = sizes[number - 1]
  if (size === undefined) {
    throw new WireError('InvalidPartNumber', 'The requested partnumber is not satisfiable', 416)
  }
  const start = sizes.slice(0, number - 1).reduce((sum, each) => sum + each, 0)
  return { start, end: start + size, partial: true }
}

function describe(bucket: Bucket, version: Version, input: ReadInput, slice: Slice): Record<string, unknown> {
  const tagCount = Object.keys(version.tags).length
  return {
    AcceptRanges: 'bytes',
    LastModified: new Date(version.lastModified),
    ContentLength: slice.end - slice.start,
    ETag: quote(version.etag),
    VersionId: versionIdOf(bucket, version),
    ContentType: 'binary/octet-stream',
    ...version.headers,
    ...overrides(input),
    Metadata: version.metadata,
    ...encryptionMembers(version.encryption),
    ...(version.retention && {
      ObjectLockMode: version.retention.mode,
      ObjectLockRetainUntilDate: new Date(version.retention.until),
    }),
    ...(version.legalHold && { ObjectLockLegalHoldStatus: 'ON' }),
    ...(version.replication && { ReplicationStatus: version.replication }),
    ...(version.storageClass &&
      version.storageClass !== 'STANDARD' && { StorageClass: version.storageClass }),
    ...(tagCount > 0 && { TagCount: tagCount }),
    ...(version.parts && input.PartNumber !== undefined && { PartsCount: version.parts.length }),
    ...(slice.partial && {
      ContentRange: `bytes ${slice.start}-${slice.end - 1}/${version.size}`,
      [STATUS]: 206,
    }),
    // A checksum is of the whole, so that a range carries none.
    ...(input.ChecksumMode === 'ENABLED' &&
      !slice.partial && { ...checksumMembers(version.checksums), ChecksumType: version.checksumType }),
  }
}

function overrides(input: ReadInput): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(input)
      .filter(([name, value]) => name.startsWith('Response') && value !== undefined)
      .map(([name, value]) => [name.slice('Response'.length), value]),
  )
}

/** GetObject and HeadObject. */
export function readOperations(s3: S3): Record<string, Operation> {
  const look = (input: ReadInput, call: Call) => {
    const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
    const version = find(s3, bucket, input, call)
    assertKeyUsable(s3, version.encryption, bucket.region)
    assertReadConditions(version, input)
    const slice = sliceOf(version, input)
    return { bucket, version, slice, answer: describe(bucket, version, input, slice) }
  }
  const questions = (input: ReadInput, call: Call) => readQuestions(s3, input, call)
  return {
    HeadObject: { questions, run: (input: ReadInput, call) => look(input, call).answer },
    GetObject: {
      questions,
      run: async (input: ReadInput, call) => {
        const { bucket, version, slice, answer } = look(input, call)
        if (slice.end === slice.start) return { ...answer, Body: Buffer.alloc(0) }
        const handle = await open(s3.objects.path(bucket.name, input.Key ?? '', version))
        return { ...answer, Body: handle.createReadStream({ start: slice.start, end: slice.end - 1 }) }
      },
    },
  }
}
