import { createHash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { Transient } from '../failure.ts'
import { type Message, messagesOf } from './content.ts'
import { damaged, decodeHeader, headerLength, PREAMBLE, type SegmentHeader, sealOf } from './header.ts'
import { placeOf } from './key.ts'

/** First bytes asked for: holds the header of all but databases with hundreds of sequences. */
const FIRST_RANGE = 65_536

/** A body no longer than this is checked in memory before a byte of it is used; a longer one is read twice. */
const MEMORY_BODY = 32 * 1024 * 1024

/** A bucket of segments and a client that may read it. */
export type Archive = { readonly s3: S3Client; readonly bucket: string }

export type Listed = { readonly key: string; readonly size: number; readonly modified: Date | undefined }

/** A segment's header as it was stored, with its seal and the length of the whole object in bytes. */
export type Stored = {
  readonly key: string
  readonly header: SegmentHeader
  readonly seal: string
  readonly headerBytes: number
  readonly objectBytes: number
}

/** Every segment under `prefix`, by history and position. Objects that are no segments are left out. */
export async function* listSegments(archive: Archive, prefix = '', after?: string): AsyncGenerator<Listed> {
  let token: string | undefined
  do {
    const page = await archive.s3.send(
      new ListObjectsV2Command({
        Bucket: archive.bucket,
        Prefix: prefix,
        ...(after !== undefined && { StartAfter: after }),
        ...(token !== undefined && { ContinuationToken: token }),
      }),
    )
    for (const { Key: key, Size: size, LastModified: modified } of page.Contents ?? [])
      if (key !== undefined && placeOf(key) !== undefined) yield { key, size: size ?? 0, modified }
    token = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}

/** Reads a segment's header and no more. @throws Refusal `NotASegment` when it is damaged. */
export async function readHeader(archive: Archive, key: string): Promise<Stored> {
  const first = await getRange(archive, key, FIRST_RANGE)
  if (first.bytes.length < PREAMBLE) throw damaged(`${key} is only ${first.bytes.length} bytes long`)
  const length = headerLength(first.bytes)
  const bytes = first.bytes.length < length ? (await getRange(archive, key, length)).bytes : first.bytes
  const header = decodeHeader(bytes)
  const objectBytes = first.total
  if (objectBytes !== length + header.bodyBytes)
    throw damaged(`${key} is ${objectBytes} bytes long, its header says ${length + header.bodyBytes}`)
  return { key, header, seal: sealOf(bytes.subarray(0, length)), headerBytes: length, objectBytes }
}

/** Reads the whole object and proves length and SHA-256 of header and body. @throws Refusal `NotASegment`. */
export async function proveStored(archive: Archive, stored: Stored): Promise<void> {
  for await (const _ of provenBody(archive, stored));
}

/**
 * The messages of a segment whose bytes were proven first: nothing of a damaged segment is ever handed on.
 * @throws Refusal `NotASegment` before the first message when a byte differs, or where the content does not parse.
 */
export async function* readMessages(archive: Archive, stored: Stored): AsyncGenerator<Message> {
  if (stored.header.bodyBytes === 0) return
  let pieces: AsyncIterable<Buffer>
  if (stored.header.bodyBytes <= MEMORY_BODY) {
    const body: Buffer[] = []
    for await (const piece of provenBody(archive, stored)) body.push(piece)
    pieces = (async function* () {
      yield* body
    })()
  } else {
    await proveStored(archive, stored)
    pieces = provenBody(archive, stored)
  }
  yield* messagesOf(inflate(pieces, stored.key))
}

async function* provenBody(archive: Archive, stored: Stored): AsyncGenerator<Buffer> {
  const whole = await archive.s3.send(new GetObjectCommand({ Bucket: archive.bucket, Key: stored.key }))
  const hash = createHash('sha256')
  const head: Buffer[] = []
  let before = stored.headerBytes
  let length = 0
  for await (const chunk of whole.Body as Readable) {
    let piece: Buffer = chunk
    if (before > 0) {
      head.push(piece.subarray(0, before))
      const cut = Math.min(before, piece.length)
      before -= cut
      piece = piece.subarray(cut)
    }
    length += piece.length
    hash.update(piece)
    if (piece.length > 0) yield piece
  }
  if (sealOf(Buffer.concat(head)) !== stored.seal) throw damaged(`${stored.key} changed while it was read`)
  if (length !== stored.header.bodyBytes)
    throw damaged(`${stored.key} has a body of ${length} bytes, its header says ${stored.header.bodyBytes}`)
  const digest = hash.digest('hex')
  if (digest !== stored.header.bodySha256)
    throw damaged(
      `${stored.key} has a body with SHA-256 ${digest}, its header says ${stored.header.bodySha256}`,
    )
}

async function* inflate(pieces: AsyncIterable<Buffer>, key: string): AsyncGenerator<Buffer> {
  const inflater = createZstdDecompress()
  // What goes wrong on either side arrives at the reader below.
  const source = pipeline(Readable.from(pieces), inflater, () => {})
  try {
    for await (const piece of source) yield piece as Buffer
  } catch (cause) {
    throw damaged(`${key} does not inflate`, cause)
  } finally {
    inflater.destroy()
  }
}

async function getRange(
  archive: Archive,
  key: string,
  length: number,
): Promise<{ bytes: Buffer; total: number }> {
  const answer = await archive.s3.send(
    new GetObjectCommand({ Bucket: archive.bucket, Key: key, Range: `bytes=0-${length - 1}` }),
  )
  const bytes = Buffer.from((await answer.Body?.transformToByteArray()) ?? [])
  const total = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? answer.ContentLength)
  if (!Number.isFinite(total)) throw new Transient('NoLength', `S3 answered ${key} without its length`)
  return { bytes, total }
}
