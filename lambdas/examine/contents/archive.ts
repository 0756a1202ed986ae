import type pg from 'pg'
import { Refusal, Transient } from '../../runtime/failure.ts'
import { BoundaryFinder } from '../../runtime/segment/boundary.ts'
import { placeOf, segmentKey } from '../../runtime/segment/key.ts'
import { gapFault, linkFaults } from '../../runtime/segment/link.ts'
import { formatLsn, type Lsn, parseLsn } from '../../runtime/segment/lsn.ts'
import {
  type Archive,
  listSegments,
  readHeader,
  readMessages,
  type Stored,
} from '../../runtime/segment/store.ts'
import { placedChanges } from '../../runtime/segment/transactions.ts'
import type { Boundary, Cut } from '../request.ts'
import type { Images } from './images.ts'

export type Stretch = {
  readonly archive: Archive
  readonly systemIdentifier: string
  readonly cut: Cut
  /** A position of the primary's log behind every change that counts. */
  readonly until: Lsn
}

/** The segments around the copy's end and those behind it, oldest first, and where among their commits that end lies. */
export type Tail = { readonly segments: readonly Stored[]; readonly end: Lsn }

/**
 * Finds the copy's end in the archive.
 * @param whole true to read on to `until`: where whole rows are archived, later changes say what was there before
 * @throws Transient `ArchiveBehind` while the archive does not reach so far: ask again
 * @throws Refusal `ArchiveTooYoung`, `ArchiveBroken`
 */
export async function findEnd(
  copy: pg.Client,
  boundary: Boundary,
  stretch: Stretch,
  whole: boolean,
): Promise<Tail> {
  const finder = await BoundaryFinder.open(copy, boundary, parseLsn(stretch.cut.lsn))
  const segments: Stored[] = []
  let end: Lsn | undefined
  for await (const stored of segmentsFrom(stretch)) {
    segments.push(stored)
    end ??= await endIn(stretch.archive, stored, finder)
    if (end !== undefined && (!whole || parseLsn(stored.header.end) >= stretch.until))
      return { segments, end }
  }
  // A heartbeat a second is archived: without any transaction behind the copy's end the archive has not come so far.
  const last = segments.at(-1)?.header.end ?? 'a position before the copy’s end'
  throw new Transient('ArchiveBehind', `the archive ends at ${last}`)
}

/** The commit position of the first transaction that the copy has not. */
async function endIn(archive: Archive, stored: Stored, finder: BoundaryFinder): Promise<Lsn | undefined> {
  for await (const { change } of placedChanges(readMessages(archive, stored))) {
    if (change.kind !== 'begin') continue
    const { xid, commit, at } = change
    if (!(await finder.has({ xid, commit, at }))) return commit
  }
  return undefined
}

/** Bytes of log before the copy's end behind which segments are looked for: the fewer keys must be listed, the better. */
const LOOKED_BACK = [0n, 1n << 28n, 1n << 34n, 1n << 40n]

/** The segment that covers the copy's end and all behind it, each proven to follow the one before. */
async function* segmentsFrom({ archive, systemIdentifier, cut }: Stretch): AsyncGenerator<Stored> {
  const from = parseLsn(cut.lsn)
  const keys = await keysAround(archive, systemIdentifier, cut.timeline, from)
  let before: Stored | undefined
  for (const key of keys) {
    const stored = await readHeader(archive, key)
    if (before === undefined && parseLsn(stored.header.start) > from) {
      before = await segmentBefore(archive, stored)
      if (before === undefined || parseLsn(before.header.start) > from) throw tooYoung(from)
      yield before
    }
    const [fault] = linkFaults(before ?? null, stored)
    const why = fault ?? (parseLsn(stored.header.end) > from ? gapFault(stored) : undefined)
    if (why) throw broken(why.detail, key)
    before = stored
    yield stored
  }
}

/** Keys from the last one at or before the position, or from the first one behind it where none was listed. */
async function keysAround(archive: Archive, systemIdentifier: string, timeline: number, from: Lsn) {
  for (const back of LOOKED_BACK) {
    const start = from > back ? from - back : 0n
    const after = segmentKey({ systemIdentifier, timeline, start, kind: 'changes' })
    const keys: string[] = []
    for await (const { key } of listSegments(archive, `${systemIdentifier}/`, after)) keys.push(key)
    const covering = keys.findLastIndex(key => {
      const place = placeOf(key)
      return place !== undefined && place.timeline === timeline && place.start <= from
    })
    if (keys.length > 0) return keys.slice(Math.max(0, covering))
  }
  throw tooYoung(from)
}

function tooYoung(from: Lsn): Refusal {
  return new Refusal(
    'ArchiveTooYoung',
    `the archive holds nothing at or before ${formatLsn(from)}`,
    'drill to a later moment',
  )
}

/** The segment before this one; undefined where the archive begins or has a gap. */
export async function segmentBefore(archive: Archive, next: Stored): Promise<Stored | undefined> {
  const { previous, timeline } = next.header
  if (previous === null) return undefined
  const before = await readHeader(archive, previous.key).catch(error => {
    // Expired, as its time was over.
    if (error instanceof Error && error.name === 'NoSuchKey') return undefined
    throw error
  })
  if (before === undefined || before.header.timeline !== timeline || gapFault(before)) return undefined
  const [fault] = linkFaults(before, next)
  if (fault) throw broken(fault.detail, next.key)
  return before
}

/** Reads back from the newest segment until every row is settled. Says where it ended, and why, if rows are left. */
export async function readBack(
  archive: Archive,
  { segments, end }: Tail,
  images: Images,
  isLate: () => boolean,
): Promise<string | undefined> {
  // Changes behind the copy's end say something only where they carry what was there before.
  const wanted = images.hasWholeRows ? segments : segments.filter(one => parseLsn(one.header.start) < end)
  let at: Stored | undefined
  for (const stored of wanted.toReversed()) {
    at = stored
    await images.take(() => placedChanges(readMessages(archive, stored)), end)
  }
  while (at !== undefined && images.left > 0) {
    const { start } = at.header
    if (isLate()) return `the time was over with the archive read back to ${start}`
    const reached = parseLsn(start)
    images.settle(
      ({ witness, image }) => witness?.found === 'equal' && image !== 'other' && reached <= witness.lsn,
    )
    if (images.left === 0) return undefined
    const stored = await segmentBefore(archive, at)
    if (stored === undefined) return `the archive begins at ${start}`
    at = stored
    await images.take(() => placedChanges(readMessages(archive, stored)), end)
  }
  return undefined
}

function broken(detail: string, key: string): Refusal {
  return new Refusal(
    'ArchiveBroken',
    `the archive cannot be followed past ${key}: ${detail}`,
    'drill to a moment behind it',
  )
}
