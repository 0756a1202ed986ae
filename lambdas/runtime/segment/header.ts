import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { Refusal } from '../failure.ts'
import { type Lsn, parseLsn } from './lsn.ts'

/** The first eight bytes of every segment. */
export const MAGIC = Buffer.from('HOLDFAST', 'latin1')

/** The layout that this code writes. A reader refuses a number that it does not know. */
export const FORMAT = 1

/** Bytes before the header's text: the magic, the format's number, the header's length. */
export const PREAMBLE = 16

/** No header is longer, in bytes: a length beyond it is damage, not a header. */
const LONGEST_HEADER = 64 * 1024 * 1024

/** Why a stretch of the log is not in the archive. */
export type GapCause =
  | 'archive-began'
  | 'slot-missing'
  | 'slot-invalidated'
  | 'slot-ahead'
  | 'publication-missing'
  | 'timeline-changed'
  | 'undecodable'

export type Gap = {
  readonly cause: GapCause
  /** What was found, in a sentence. */
  readonly detail: string
}

export type SequenceValue = {
  readonly schema: string
  readonly name: string
  /** The last value given out, as text since a sequence may pass 2^53; null when none was yet. */
  readonly last: string | null
}

/** Where a stretch of history comes from. */
export type Origin = {
  readonly systemIdentifier: string
  readonly timeline: number
  readonly database: string
  readonly instance: string
  readonly serverVersion: string
  readonly slot: string
  /** `name:object id`: a publication made anew is another one, and what happened between was not published. */
  readonly publications: readonly string[]
  /** Version of the archiver's code. */
  readonly code: string
}

/** What one segment says about itself; docs/segment-format.md explains each field. */
export type SegmentHeader = Origin & {
  readonly format: typeof FORMAT
  readonly kind: 'changes' | 'gap'
  /** The segment holds every published transaction whose commit record begins in [start, end). */
  readonly start: string
  readonly end: string
  readonly gap: Gap | null
  readonly firstCommit: string | null
  readonly lastCommit: string | null
  /** `holdfast.heartbeat.seq` of the first and last heartbeat inside. */
  readonly heartbeats: { readonly first: string; readonly last: string } | null
  readonly transactions: number
  readonly rows: { readonly insert: number; readonly update: number; readonly delete: number }
  readonly truncates: number
  /** Logical messages, which anybody may write: counted, and believed by nobody. */
  readonly messages: number
  readonly compression: 'zstd'
  /** Before and after compression. */
  readonly contentBytes: number
  readonly bodyBytes: number
  readonly bodySha256: string
  /** Key and seal of the segment before; null only in an archive's first. */
  readonly previous: { readonly key: string; readonly seal: string } | null
  readonly sequences: readonly SequenceValue[]
  /** SHA-256 of the tables, columns, types and constraints at the time of sealing. */
  readonly schemaDigest: string
  /** False when the database could not record schema changes: a roll-forward across one is then not exact. */
  readonly schemaChangesRecorded: boolean
  /** Tables that should be archived and are not, and tables of which only inserts are. */
  readonly unpublished: readonly string[]
  readonly insertsOnly: readonly string[]
  /** The archiver's clock; never used to order anything. */
  readonly sealedAt: string
}

/** The bytes before the body: magic, format, length, canonical JSON. */
export function encodeHeader(header: SegmentHeader): Buffer {
  const text = Buffer.from(canonicalize(header) ?? '', 'utf8')
  const preamble = Buffer.alloc(PREAMBLE)
  MAGIC.copy(preamble)
  preamble.writeUInt32BE(header.format, 8)
  preamble.writeUInt32BE(text.length, 12)
  return Buffer.concat([preamble, text])
}

/**
 * The seal of a segment: SHA-256 over everything before the body. The header names the body's SHA-256, so the
 * seal covers every byte, and a chain of headers proves a chain of segments.
 */
export function sealOf(headerBytes: Uint8Array): string {
  return createHash('sha256').update(headerBytes).digest('hex')
}

/** How many bytes the preamble and header take together. @throws Refusal `NotASegment` or `UnknownFormat`. */
export function headerLength(bytes: Buffer): number {
  if (bytes.length < PREAMBLE || !bytes.subarray(0, 8).equals(MAGIC))
    throw damaged('does not begin with HOLDFAST')
  const format = bytes.readUInt32BE(8)
  if (format !== FORMAT)
    throw new Refusal(
      'UnknownFormat',
      `the segment has format ${format}, this version reads ${FORMAT}`,
      'read it with the version of holdfast that its header names in "code", or a newer one',
    )
  const length = bytes.readUInt32BE(12)
  if (length > LONGEST_HEADER) throw damaged(`says that its header is ${length} bytes long`)
  return PREAMBLE + length
}

/** Reads the header at the beginning of `bytes`. @throws Refusal `NotASegment` when it is damaged. */
export function decodeHeader(bytes: Buffer): SegmentHeader {
  const length = headerLength(bytes)
  if (bytes.length < length) throw damaged(`ends inside its header, after ${bytes.length} of ${length} bytes`)
  const header = parse(bytes.toString('utf8', PREAMBLE, length))
  if (parseLsn(header.start) > parseLsn(header.end))
    throw damaged(`ends at ${header.end}, before its start ${header.start}`)
  return header
}

/** Start and end as numbers. */
export function span(header: Pick<SegmentHeader, 'start' | 'end'>): { start: Lsn; end: Lsn } {
  return { start: parseLsn(header.start), end: parseLsn(header.end) }
}

function parse(text: string): SegmentHeader {
  try {
    const value = JSON.parse(text) as SegmentHeader
    if (
      typeof value.start !== 'string' ||
      typeof value.end !== 'string' ||
      typeof value.bodySha256 !== 'string'
    )
      throw new TypeError('start, end or bodySha256 is missing')
    return value
  } catch (cause) {
    throw damaged('has a header that is not its JSON', cause)
  }
}

/** A fault of the bytes themselves. */
export function damaged(fact: string, cause?: unknown): Refusal {
  return new Refusal(
    'NotASegment',
    `the segment ${fact}`,
    'compare it with the copy in the other region; holdfast archive verify names every damaged segment',
    { cause },
  )
}
