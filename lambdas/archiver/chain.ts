import type { Gap, Origin, SegmentHeader } from '../runtime/segment/header.ts'
import { segmentKey } from '../runtime/segment/key.ts'
import { formatLsn, type Lsn, parseLsn } from '../runtime/segment/lsn.ts'
import { listSegments, readHeader, type Stored } from '../runtime/segment/store.ts'
import type { Newest } from './continuity.ts'
import type { State } from './server.ts'
import { type Destination, SegmentUpload } from './upload.ts'

/** Keys whose successors were already looked for, by history: a warm function lists only what came after. */
const seen = new Map<string, string>()

/** The newest segment of a database's archive, or null when there is none. */
export async function findNewest(destination: Destination, systemIdentifier: string): Promise<Stored | null> {
  const place = `${destination.bucket}/${systemIdentifier}`
  let newest = seen.get(place)
  for await (const listed of listSegments(destination, `${systemIdentifier}/`, newest)) newest = listed.key
  if (newest === undefined) return null
  seen.set(place, newest)
  return readHeader(destination, newest)
}

/** What continuity asks of the newest segment. */
export function newestOf(stored: Stored): Newest {
  const { end, timeline, publications } = stored.header
  return { end: parseLsn(end), timeline, publications }
}

export type Sealing = {
  readonly destination: Destination
  readonly origin: Omit<Origin, 'publications'>
  readonly previous: Stored | null
  readonly state: State
}

/** The part of a header that is not content. */
export function frameOf(sealing: Sealing): Omit<SegmentHeader, keyof ContentPart> {
  const { origin, previous, state } = sealing
  return {
    ...origin,
    publications: state.publications,
    format: 1,
    compression: 'zstd',
    previous: previous && { key: previous.key, seal: previous.seal },
    sequences: state.sequences,
    schemaDigest: state.schemaDigest,
    schemaChangesRecorded: state.schemaChangesRecorded,
    unpublished: state.unpublished,
    insertsOnly: state.insertsOnly,
    sealedAt: new Date().toISOString(),
  }
}

type ContentPart = Pick<
  SegmentHeader,
  | 'kind'
  | 'gap'
  | 'start'
  | 'end'
  | 'firstCommit'
  | 'lastCommit'
  | 'heartbeats'
  | 'transactions'
  | 'rows'
  | 'truncates'
  | 'messages'
  | 'contentBytes'
  | 'bodyBytes'
  | 'bodySha256'
>

/** Writes down that nothing is known between two positions. Proven like any segment before it counts. */
export async function putGap(sealing: Sealing, gap: Gap, start: Lsn, end: Lsn): Promise<Stored> {
  const from = start < end ? start : end
  const upload = new SegmentUpload(
    sealing.destination,
    segmentKey({ ...sealing.origin, start: from, kind: 'gap' }),
  )
  return upload.seal({
    ...frameOf(sealing),
    ...upload.facts(),
    kind: 'gap',
    gap,
    start: formatLsn(from),
    end: formatLsn(end),
    firstCommit: null,
    lastCommit: null,
    heartbeats: null,
    transactions: 0,
    rows: { insert: 0, update: 0, delete: 0 },
    truncates: 0,
    messages: 0,
    contentBytes: 0,
  })
}
