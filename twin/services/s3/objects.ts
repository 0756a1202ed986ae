import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Checksums } from './checksum.ts'

/** One version of an object, newest first in its object. */
export type Version = {
  readonly id: string
  readonly lastModified: string
  readonly deleteMarker?: true
  readonly size: number
  /** Without quotes. */
  readonly etag: string
  readonly checksums: Checksums
  readonly checksumType: 'FULL_OBJECT' | 'COMPOSITE'
  /** Name of its data file in the object's folder. */
  readonly file: string
  /** Sizes of the parts of a multipart upload. */
  readonly parts?: readonly number[]
  /** Members of PutObject that come back as they were: ContentType, CacheControl, … */
  readonly headers: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  readonly encryption: { readonly algorithm: string; readonly keyArn?: string; readonly bucketKey?: boolean }
  readonly retention?: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly until: string }
  readonly legalHold?: boolean
  readonly storageClass?: string
  readonly replication?: 'PENDING' | 'COMPLETED' | 'FAILED' | 'REPLICA'
}

type ObjectRecord = { readonly key: string; versions: Version[] }

/** The objects of all buckets: an index in memory, a folder an object on disk. */
export type ObjectStore = {
  /** Keys with at least one version, in the byte order of UTF-8. */
  keys(bucket: string): readonly string[]
  /** Newest first; empty for a key that is not there. */
  versions(bucket: string, key: string): readonly Version[]
  /** Makes this the list of versions, on disk when it returns; files that no version names any more are removed. */
  save(bucket: string, key: string, versions: readonly Version[]): void
  /** A new path to write content to, outside of any object until `adopt`. */
  scratch(): string
  /** Moves a written scratch file into the object's folder, and answers its name there. */
  adopt(bucket: string, key: string, scratch: string): string
  path(bucket: string, key: string, version: Version): string
  dropBucket(bucket: string): void
}

/** A version id of the length and alphabet of S3's. */
export const newVersionId = () => randomBytes(24).toString('base64url')

const folderOf = (key: string) => createHash('sha256').update(key).digest('hex').slice(0, 40)
const byBytes = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right))

function writeDurably(file: string, text: string): void {
  const next = `${file}.next`
  const handle = openSync(next, 'w')
  try {
    writeSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(next, file)
}

function load(dir: string): Map<string, Map<string, ObjectRecord>> {
  const buckets = new Map<string, Map<string, ObjectRecord>>()
  if (!existsSync(dir)) return buckets
  for (const bucket of readdirSync(dir)) {
    const objects = new Map<string, ObjectRecord>()
    for (const folder of readdirSync(join(dir, bucket))) {
      const file = join(dir, bucket, folder, 'object.json')
      // A crash between making the folder and naming its first version leaves a folder that holds nothing.
      if (!existsSync(file)) continue
      const record = JSON.parse(readFileSync(file, 'utf8')) as ObjectRecord
      objects.set(record.key, record)
    }
    buckets.set(bucket, objects)
  }
  return buckets
}

/** Opens the objects kept under `dir`. */
export function openObjects(dir: string): ObjectStore {
  const [data, scratch] = [join(dir, 'objects'), join(dir, 'scratch')]
  // What a crash left half written belongs to nobody.
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { recursive: true })
  const buckets = load(data)
  const sorted = new Map<string, string[]>()
  const objectsOf = (bucket: string) => {
    const found = buckets.get(bucket) ?? new Map<string, ObjectRecord>()
    buckets.set(bucket, found)
    return found
  }
  const folder = (bucket: string, key: string) => join(data, bucket, folderOf(key))
  return {
    keys: bucket => {
      const known = sorted.get(bucket)
      if (known) return known
      const keys = [...objectsOf(bucket).keys()].sort(byBytes)
      sorted.set(bucket, keys)
      return keys
    },
    versions: (bucket, key) => buckets.get(bucket)?.get(key)?.versions ?? [],
    save: (bucket, key, versions) => {
      const before = objectsOf(bucket).get(key)?.versions ?? []
      const kept = new Set(versions.map(version => version.file))
      if (before.length === 0 || versions.length === 0) sorted.delete(bucket)
      if (versions.length === 0) {
        objectsOf(bucket).delete(key)
        rmSync(folder(bucket, key), { recursive: true, force: true })
        return
      }
      mkdirSync(folder(bucket, key), { recursive: true })
      const record = { key, versions: [...versions] }
      writeDurably(join(folder(bucket, key), 'object.json'), JSON.stringify(record))
      objectsOf(bucket).set(key, record)
      for (const version of before) {
        if (version.file && !kept.has(version.file))
          rmSync(join(folder(bucket, key), version.file), { force: true })
      }
    },
    scratch: () => join(scratch, randomBytes(12).toString('hex')),
    adopt: (bucket, key, from) => {
      const name = randomBytes(12).toString('hex')
      mkdirSync(folder(bucket, key), { recursive: true })
      renameSync(from, join(folder(bucket, key), name))
      return name
    },
    path: (bucket, key, version) => join(folder(bucket, key), version.file),
    dropBucket: bucket => {
      buckets.delete(bucket)
      sorted.delete(bucket)
      rmSync(join(data, bucket), { recursive: true, force: true })
    },
  }
}
