import type {
  ListObjectsCommandInput,
  ListObjectsV2CommandInput,
  ListObjectVersionsCommandInput,
} from '@aws-sdk/client-s3'
import { type Call, type Operation, type Question, WireError } from '../../wire/call.ts'
import { type Bucket, bucketArn, requireBucket } from './buckets.ts'
import type { S3 } from './context.ts'
import type { Version } from './objects.ts'
import { currentVersion, quote } from './versions.ts'

/** The most that one page holds. */
const MAX_KEYS = 1000

type Page<Entry> = {
  readonly entries: readonly Entry[]
  readonly prefixes: readonly string[]
  readonly truncated: boolean
  /** The last key or common prefix of the page. */
  readonly last: string
}

type Listing = {
  readonly prefix: string
  readonly delimiter: string | undefined
  readonly maxKeys: number
  /** Names after this one, in the byte order of UTF-8. */
  readonly after: string
}

const isAfter = (name: string, after: string) => Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0

function commonPrefix(key: string, { prefix, delimiter }: Listing): string | undefined {
  if (!delimiter) return undefined
  const end = key.indexOf(delimiter, prefix.length)
  return end < 0 ? undefined : key.slice(0, end + delimiter.length)
}

/** Walks keys in order and fills one page; `entriesOf` answers what a key shows. */
function paginate<Entry>(
  keys: readonly string[],
  listing: Listing,
  entriesOf: (key: string) => readonly Entry[],
): Page<Entry> {
  const entries: Entry[] = []
  const prefixes: string[] = []
  let last = ''
  for (const key of keys) {
    if (!key.startsWith(listing.prefix)) continue
    const folded = commonPrefix(key, listing)
    const name = folded ?? key
    if (!isAfter(name, listing.after)) continue
    if (folded !== undefined && folded === prefixes.at(-1)) continue
    const found = entriesOf(key)
    if (found.length === 0) continue
    if (entries.length + prefixes.length >= listing.maxKeys)
      return { entries, prefixes, truncated: true, last }
    if (folded !== undefined) prefixes.push(folded)
    else entries.push(...found)
    last = name
  }
  return { entries, prefixes, truncated: false, last }
}

function readMaxKeys(value: number | undefined): number {
  if (value !== undefined && value < 0) {
    throw new WireError('InvalidArgument', 'Argument max-keys must be an integer between 0 and 2147483647')
  }
  return Math.min(value ?? MAX_KEYS, MAX_KEYS)
}

const encoder = (type: string | undefined) => (text: string) =>
  type === 'url' ? encodeURIComponent(text).replaceAll('%2F', '/') : text

function summary(key: string, version: Version, encode: (text: string) => string) {
  return {
    Key: encode(key),
    LastModified: new Date(version.lastModified),
    ETag: quote(version.etag),
    Size: version.size,
    StorageClass: version.storageClass ?? 'STANDARD',
    ChecksumAlgorithm: Object.keys(version.checksums),
    ChecksumType: version.checksumType,
  }
}

function listQuestions(action: string) {
  return (input: { Bucket?: string; Prefix?: string; Delimiter?: string; MaxKeys?: number }): Question[] => [
    {
      action,
      resource: bucketArn(input.Bucket ?? ''),
      context: {
        ...(input.Prefix !== undefined && { 's3:prefix': input.Prefix }),
        ...(input.Delimiter !== undefined && { 's3:delimiter': input.Delimiter }),
        ...(input.MaxKeys !== undefined && { 's3:max-keys': String(input.MaxKeys) }),
      },
    },
  ]
}

function listCurrent(s3: S3, bucket: Bucket, listing: Listing, encode: (text: string) => string) {
  return paginate(s3.objects.keys(bucket.name), listing, key => {
    const version = currentVersion(s3, bucket.name, key)
    return version ? [summary(key, version, encode)] : []
  })
}

const folded = (prefixes: readonly string[], encode: (text: string) => string) =>
  prefixes.length > 0 ? { CommonPrefixes: prefixes.map(Prefix => ({ Prefix: encode(Prefix) })) } : {}

function listV2(s3: S3, input: ListObjectsV2CommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  const encode = encoder(input.EncodingType)
  const after = input.ContinuationToken
    ? Buffer.from(input.ContinuationToken, 'base64url').toString('utf8')
    : (input.StartAfter ?? '')
  const maxKeys = readMaxKeys(input.MaxKeys)
  const page = listCurrent(
    s3,
    bucket,
    { prefix: input.Prefix ?? '', delimiter: input.Delimiter, maxKeys, after },
    encode,
  )
  return {
    Name: bucket.name,
    Prefix: encode(input.Prefix ?? ''),
    Delimiter: input.Delimiter,
    MaxKeys: maxKeys,
    EncodingType: input.EncodingType,
    KeyCount: page.entries.length + page.prefixes.length,
    IsTruncated: page.truncated,
    ContinuationToken: input.ContinuationToken,
    StartAfter: input.StartAfter,
    ...(page.truncated && { NextContinuationToken: Buffer.from(page.last).toString('base64url') }),
    Contents: page.entries,
    ...folded(page.prefixes, encode),
  }
}

function listV1(s3: S3, input: ListObjectsCommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  const encode = encoder(input.EncodingType)
  const maxKeys = readMaxKeys(input.MaxKeys)
  const listing = {
    prefix: input.Prefix ?? '',
    delimiter: input.Delimiter,
    maxKeys,
    after: input.Marker ?? '',
  }
  const page = listCurrent(s3, bucket, listing, encode)
  return {
    Name: bucket.name,
    Prefix: encode(listing.prefix),
    Marker: input.Marker ?? '',
    Delimiter: input.Delimiter,
    MaxKeys: maxKeys,
    EncodingType: input.EncodingType,
    IsTruncated: page.truncated,
    ...(page.truncated && input.Delimiter && { NextMarker: encode(page.last) }),
    Contents: page.entries,
    ...folded(page.prefixes, encode),
  }
}

function versionEntry(key: string, version: Version, isLatest: boolean, encode: (text: string) => string) {
  const at = { IsLatest: isLatest, VersionId: version.id }
  if (version.deleteMarker)
    return { Key: encode(key), LastModified: new Date(version.lastModified), ...at, marker: true }
  return { ...summary(key, version, encode), ...at, marker: false }
}

/** Versions page by version, not by key: a page may end in the middle of a key. */
function listVersions(s3: S3, input: ListObjectVersionsCommandInput, call: Call) {
  const bucket = requireBucket(s3.buckets, input.Bucket ?? '', call)
  const encode = encoder(input.EncodingType)
  const maxKeys = readMaxKeys(input.MaxKeys)
  const listing = {
    prefix: input.Prefix ?? '',
    delimiter: input.Delimiter,
    maxKeys: Number.POSITIVE_INFINITY,
    after: '',
  }
  const all = paginate(s3.objects.keys(bucket.name), listing, key =>
    s3.objects.versions(bucket.name, key).map((version, index) => ({ key, version, latest: index === 0 })),
  )
  const from = startOf(all.entries, input.KeyMarker, input.VersionIdMarker)
  const shown = all.entries.slice(from, from + maxKeys)
  const next = all.entries.length > from + maxKeys ? shown.at(-1) : undefined
  const entries = shown.map(({ key, version, latest }) => versionEntry(key, version, latest, encode))
  const strip = ({ marker: _, ...entry }: (typeof entries)[number]) => entry
  return {
    Name: bucket.name,
    Prefix: encode(listing.prefix),
    KeyMarker: input.KeyMarker ?? '',
    VersionIdMarker: input.VersionIdMarker ?? '',
    Delimiter: input.Delimiter,
    MaxKeys: maxKeys,
    EncodingType: input.EncodingType,
    IsTruncated: next !== undefined,
    ...(next && { NextKeyMarker: encode(next.key), NextVersionIdMarker: next.version.id }),
    Versions: entries.filter(entry => !entry.marker).map(strip),
    DeleteMarkers: entries.filter(entry => entry.marker).map(strip),
    ...folded(all.prefixes, encode),
  }
}

function startOf(
  entries: readonly { readonly key: string; readonly version: Version }[],
  key: string | undefined,
  versionId: string | undefined,
): number {
  if (key === undefined) return 0
  const at = versionId ? entries.findIndex(entry => entry.key === key && entry.version.id === versionId) : -1
  if (at >= 0) return at + 1
  const next = entries.findIndex(entry => isAfter(entry.key, key))
  return next < 0 ? entries.length : next
}

/** The operations that list objects and versions. */
export function listOperations(s3: S3): Record<string, Operation> {
  return {
    ListObjectsV2: {
      questions: listQuestions('s3:ListBucket'),
      run: (input: ListObjectsV2CommandInput, call) => listV2(s3, input, call),
    },
    ListObjects: {
      questions: listQuestions('s3:ListBucket'),
      run: (input: ListObjectsCommandInput, call) => listV1(s3, input, call),
    },
    ListObjectVersions: {
      questions: listQuestions('s3:ListBucketVersions'),
      run: (input: ListObjectVersionsCommandInput, call) => listVersions(s3, input, call),
    },
  }
}
