import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal, Transient } from '../runtime/failure.ts'
import { placeOf } from '../runtime/segment/key.ts'
import { gapFault, linkFaults } from '../runtime/segment/link.ts'
import { formatLsn, type Lsn, parseLsn } from '../runtime/segment/lsn.ts'
import { type Archive, listSegments, readHeader, type Stored } from '../runtime/segment/store.ts'

export type Stretch = {
  readonly systemIdentifier: string
  /** The timeline on which `from` stands. */
  readonly timeline: number
  readonly from: Lsn
}

/** Milliseconds without a new segment after which the archive counts as standing still: it writes one every five seconds. */
const PATIENCE = 10_000

/** Milliseconds between two looks for a new segment. */
const LOOK = 250

/** Every key of one database's archive behind `after`, oldest first. */
async function keysOf(
  archive: Archive,
  systemIdentifier: string,
  after?: string,
): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const listed of listSegments(archive, `${systemIdentifier}/`, after)) keys.push(listed.key)
  return keys
}

/**
 * The segments from the one that covers `from` to the newest, each proven to follow the one before.
 * @param before the segment that was handed on last: only what follows it
 * @throws Refusal `ArchiveEmpty`; `ArchiveTooYoung` when nothing covers `from`; `ArchiveBroken` at a gap or a fault: what
 * came before it was handed on and may be kept
 */
export async function* segmentsFrom(
  archive: Archive,
  stretch: Stretch,
  before: Stored | null = null,
): AsyncGenerator<Stored> {
  const keys = before
    ? await keysOf(archive, stretch.systemIdentifier, before.key)
    : await keysCovering(archive, stretch)
  for (const key of keys) {
    const stored = await readHeader(archive, key)
    const [fault] = linkFaults(before, stored)
    const gap = parseLsn(stored.header.end) > stretch.from ? gapFault(stored) : undefined
    if (fault ?? gap) throw broken(fault?.detail ?? gap?.detail ?? '', key)
    before = stored
    yield stored
  }
}

/**
 * The same up to the segment that reaches `until`, waiting for what the archiver is about to write.
 * @throws Transient `ArchiveBehind` when the archive does not grow for `PATIENCE`: ask again.
 */
export async function* segmentsUntil(archive: Archive, stretch: Stretch, until: Lsn): AsyncGenerator<Stored> {
  let before: Stored | null = null
  let grown = performance.now()
  for (;;) {
    for await (const stored of segmentsFrom(archive, stretch, before)) {
      before = stored
      if (parseLsn(stored.header.start) >= until) return
      yield stored
      grown = performance.now()
    }
    const end = before?.header.end ?? ''
    if (parseLsn(end) >= until) return
    if (performance.now() - grown > PATIENCE)
      throw new Transient('ArchiveBehind', `the archive ends at ${end}, before ${formatLsn(until)}`)
    await sleep(LOOK)
  }
}

async function keysCovering(archive: Archive, stretch: Stretch): Promise<readonly string[]> {
  const keys = await keysOf(archive, stretch.systemIdentifier)
  if (keys.length === 0)
    throw new Refusal(
      'ArchiveEmpty',
      `the bucket holds no segment of database ${stretch.systemIdentifier}`,
      'invoke the archiver, and look at its log',
    )
  const first = keys.findLastIndex(key => {
    const place = placeOf(key)
    return place !== undefined && place.timeline === stretch.timeline && place.start <= stretch.from
  })
  if (first < 0)
    throw new Refusal(
      'ArchiveTooYoung',
      `the archive holds nothing of timeline ${stretch.timeline} at or before ${formatLsn(stretch.from)}`,
      'roll forward a copy that was restored to a later moment',
    )
  return keys.slice(first)
}

function broken(detail: string, key: string): Refusal {
  return new Refusal(
    'ArchiveBroken',
    `the archive cannot be followed past ${key}: ${detail}`,
    'what came before it was applied; only a later restore goes beyond it',
  )
}
