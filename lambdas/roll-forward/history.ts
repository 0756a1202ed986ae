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

/** Every key of one database's archive, oldest first. */
export async function keysOf(archive: Archive, systemIdentifier: string): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const listed of listSegments(archive, `${systemIdentifier}/`)) keys.push(listed.key)
  return keys
}

/**
 * The segments from the one that covers `from` to the newest, each proven to follow the one before.
 * @throws Refusal `ArchiveTooYoung` when nothing covers `from`, `ArchiveBroken` at a gap or a fault: what came before
 * it was handed on and may be kept
 */
export async function* segmentsFrom(archive: Archive, stretch: Stretch): AsyncGenerator<Stored> {
  const keys = await keysOf(archive, stretch.systemIdentifier)
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
  let before: Stored | null = null
  for (const key of keys.slice(first)) {
    const stored = await readHeader(archive, key)
    const [fault] = linkFaults(before, stored)
    const gap = parseLsn(stored.header.end) > stretch.from ? gapFault(stored) : undefined
    if (fault ?? gap) throw broken(fault?.detail ?? gap?.detail ?? '', key)
    before = stored
    yield stored
  }
}

/** The newest position that the archive covers. @throws Refusal `ArchiveEmpty` */
export async function archivedUntil(archive: Archive, systemIdentifier: string): Promise<Lsn> {
  const newest = (await keysOf(archive, systemIdentifier)).at(-1)
  if (newest === undefined)
    throw new Refusal(
      'ArchiveEmpty',
      `the bucket holds no segment of database ${systemIdentifier}`,
      'invoke the archiver, and look at its log',
    )
  return parseLsn((await readHeader(archive, newest)).header.end)
}

/** @throws Transient `ArchiveBehind` while the archive ends before `wanted`. */
export async function mustReach(archive: Archive, systemIdentifier: string, wanted: Lsn): Promise<void> {
  const end = await archivedUntil(archive, systemIdentifier)
  if (end < wanted)
    throw new Transient('ArchiveBehind', `the archive ends at ${formatLsn(end)}, before ${formatLsn(wanted)}`)
}

function broken(detail: string, key: string): Refusal {
  return new Refusal(
    'ArchiveBroken',
    `the archive cannot be followed past ${key}: ${detail}`,
    'what came before it was applied; only a later restore goes beyond it',
  )
}
