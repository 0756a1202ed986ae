import { GetObjectCommand, HeadObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3'
import { type Inspected, inspectFile, tooLarge } from './inspect.ts'
import { evidencePrefix, sequenceOf } from './key.ts'
import { LARGEST_RECORD } from './record.ts'
import { followChain, type Walk } from './walk.ts'

/** An object that lies where a record could. */
export type Placed = {
  readonly key: string
  /** Bytes; undefined where S3 did not list them. */
  readonly size: number | undefined
  readonly tag: string
  /** Milliseconds since the epoch. */
  readonly writtenAt: number
}

export type Chain = {
  /** The region whose chain it is. */
  readonly region: string
  readonly bucket: string
  /** `shop-prod/us-east-1`. */
  readonly chain: string
  /** PEM of the key that must have signed. */
  readonly pin: string
}

/** So many objects are on their way at once. */
export const AT_ONCE = 16

/**
 * S3's words for an object that the writer stored so that a plain reading cannot have it: with a key of its own
 * (SSE-C), or in a class that must be thawed first. Any other refusal is about the reader and is thrown: who cannot
 * read the bucket must not step over what is in it.
 */
export const UNREADABLE = /^(InvalidRequest|InvalidObjectState)$/

/**
 * Reads a region's chain from its first record to its last, and tells of each object as it was judged.
 * Time and requests grow with the number of drills ever kept; an object is in memory only while it is read.
 */
export async function readChain(
  s3: S3Client,
  chain: Chain,
  onObject: (placed: Placed, inspected: Inspected, isRecord: boolean) => void = () => {},
  known: (placed: Placed) => Inspected | undefined = () => undefined,
): Promise<{ readonly walk: Walk; readonly objects: readonly Placed[] }> {
  const objects = await listPlaces(s3, chain)
  const walk = followChain(true)
  for (let from = 0; from < objects.length; from += AT_ONCE) {
    const some = objects.slice(from, from + AT_ONCE)
    const read = await Promise.all(
      some.map(async placed => known(placed) ?? (await inspectObject(s3, chain, placed))),
    )
    for (const [index, inspected] of read.entries()) {
      const placed = some[index]
      if (placed) onObject(placed, inspected, walk.add(inspected))
    }
  }
  return { walk, objects }
}

async function listPlaces(s3: S3Client, { bucket, region }: Chain): Promise<Placed[]> {
  const found: Placed[] = []
  const asked = { Bucket: bucket, Prefix: evidencePrefix(region) }
  for await (const page of paginateListObjectsV2({ client: s3 }, asked))
    for (const { Key, Size, ETag = '', LastModified } of page.Contents ?? [])
      if (Key !== undefined && sequenceOf(Key) !== null)
        found.push({ key: Key, size: Size, tag: ETag, writtenAt: LastModified?.getTime() ?? 0 })
  return found.sort((a, b) => (a.key < b.key ? -1 : 1))
}

async function inspectObject(
  s3: S3Client,
  { bucket, pin, chain }: Chain,
  { key, size }: Placed,
): Promise<Inspected> {
  const at = { Bucket: bucket, Key: key }
  const named = { name: key, ...(size === undefined ? {} : { size }) }
  if (size !== undefined && size > LARGEST_RECORD) {
    const version = await s3.send(new HeadObjectCommand(at)).then(
      head => head.VersionId,
      // Its version is a courtesy to whoever looks: what cannot be had of it is left out.
      () => undefined,
    )
    return inspectFile({ ...named, text: tooLarge(size), ...(version && { version }) }, pin, chain)
  }
  try {
    const { Body, VersionId } = await s3.send(new GetObjectCommand(at))
    const text = (await Body?.transformToString()) ?? ''
    return inspectFile({ ...named, text, ...(VersionId && { version: VersionId }) }, pin, chain)
  } catch (error) {
    if (!(error instanceof Error && UNREADABLE.test(error.name))) throw error
    const detail = `S3 does not give it out: ${error.name}`
    return inspectFile({ ...named, text: { why: 'unreadable', detail } }, pin, chain)
  }
}
