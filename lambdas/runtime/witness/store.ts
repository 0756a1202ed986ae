import { createHash } from 'node:crypto'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import canonicalize from 'canonicalize'
import { WITNESS } from '../../examine/names.ts'
import { Refusal } from '../failure.ts'
import type { Archive } from '../segment/store.ts'
import { decodeVersions, encodeVersions, type Versions } from './versions.ts'

/** docs/witness-format.md explains what lies there. */

const FORMAT = 1

/** Consecutive blocks of one table, as one object holds their rows. */
export type Part = {
  readonly key: string
  readonly sha256: string
  readonly oid: number
  readonly filenode: number
  /** What the hash was made of: one of another shape says nothing. */
  readonly shape: string
  readonly from: number
  /** Exclusive; null: to the end of the file. */
  readonly to: number | null
  readonly rows: number
  /** Of the object. */
  readonly bytes: number
}

/** What one reading of a database saw. Its seal covers every part, and the seal of the reading before. */
export type Index = {
  readonly format: typeof FORMAT
  readonly systemIdentifier: string
  readonly timeline: number
  readonly database: string
  /** Who was read. */
  readonly instance: string
  /** A position in the log before the first row was read, and the time then, by the server's clock. */
  readonly lsn: string
  readonly at: string
  readonly code: string
  readonly parts: readonly Part[]
  /** Tables for which there was no time, and tables that could not be read, with the reason. */
  readonly left: readonly { readonly table: string; readonly why: string }[]
  readonly previous: Sealed | null
}

/** A key and the SHA-256 of the object under it. */
export type Sealed = { readonly key: string; readonly sha256: string }

/** A bucket that may be written to. */
export type Shelf = Archive & {
  /** Seconds that S3 refuses to delete an object. */
  readonly retention: number
}

/** Where the readings of one history lie, in order of time. */
export const historyPrefix = (systemIdentifier: string, timeline: number) =>
  `${WITNESS}${systemIdentifier}/${timeline.toString(16).padStart(8, '0')}/`

/** The folder of one reading. @param at ISO */
export const runPrefix = (systemIdentifier: string, timeline: number, at: string) =>
  `${historyPrefix(systemIdentifier, timeline)}${at.replaceAll(/[-:]/g, '')}/`

const INDEX = 'index'

/** Writes one part's rows, and says where they are. */
export async function putPart(
  shelf: Shelf,
  folder: string,
  part: Omit<Part, 'key' | 'sha256' | 'rows' | 'bytes'>,
  versions: Versions,
): Promise<Part> {
  const key = `${folder}${part.oid}.${part.from.toString(16).padStart(8, '0')}`
  const body = encodeVersions(versions)
  await put(shelf, key, body)
  return { ...part, key, sha256: sha256(body), rows: versions.places.length, bytes: body.length }
}

/** Writes what makes a reading count: until then nobody looks at its parts. */
export async function putIndex(shelf: Shelf, folder: string, index: Omit<Index, 'format'>): Promise<Sealed> {
  const body = Buffer.from(canonicalize({ format: FORMAT, ...index }) ?? '')
  const key = `${folder}${INDEX}`
  await put(shelf, key, body)
  return { key, sha256: sha256(body) }
}

async function put(shelf: Shelf, key: string, body: Buffer): Promise<void> {
  await shelf.s3.send(
    new PutObjectCommand({
      Bucket: shelf.bucket,
      Key: key,
      Body: body,
      IfNoneMatch: '*',
      ContentType: 'application/vnd.holdfast.witness',
      ChecksumAlgorithm: 'SHA256',
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: new Date(Date.now() + shelf.retention * 1_000),
    }),
  )
}

/** Folders of the readings of one history, oldest first, whether they were finished or not. */
export async function listRuns(archive: Archive, systemIdentifier: string, timeline: number) {
  const folders: string[] = []
  let token: string | undefined
  do {
    const page = await archive.s3.send(
      new ListObjectsV2Command({
        Bucket: archive.bucket,
        Prefix: historyPrefix(systemIdentifier, timeline),
        Delimiter: '/',
        ...(token !== undefined && { ContinuationToken: token }),
      }),
    )
    for (const { Prefix: folder } of page.CommonPrefixes ?? []) if (folder !== undefined) folders.push(folder)
    token = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (token !== undefined)
  return folders.sort()
}

/** The index of a reading, or undefined for one that was not finished. @throws Refusal `NotAWitness` */
export async function readIndex(archive: Archive, folder: string): Promise<(Index & Sealed) | undefined> {
  const key = `${folder}${INDEX}`
  const body = await get(archive, key).catch(error => {
    if (error instanceof Error && error.name === 'NoSuchKey') return undefined
    throw error
  })
  if (body === undefined) return undefined
  const index = JSON.parse(body.toString('utf8')) as Index
  if (index.format !== FORMAT)
    throw damaged(`${key} has format ${index.format}, this version reads ${FORMAT}`)
  return { ...index, key, sha256: sha256(body) }
}

/** The rows of a part, proven to be what the index says. @throws Refusal `NotAWitness` */
export async function readPart(archive: Archive, part: Part): Promise<Versions> {
  const body = await get(archive, part.key)
  if (sha256(body) !== part.sha256) throw damaged(`${part.key} is not what its index names`)
  return decodeVersions(body)
}

async function get({ s3, bucket }: Archive, key: string): Promise<Buffer> {
  const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
  return Buffer.from((await answer.Body?.transformToByteArray()) ?? [])
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

function damaged(fact: string): Refusal {
  return new Refusal('NotAWitness', fact, 'compare it with the copy in the other region')
}
