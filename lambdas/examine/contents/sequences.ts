import type { SegmentHeader, SequenceValue } from '../../runtime/segment/header.ts'
import { parseLsn } from '../../runtime/segment/lsn.ts'
import type { Archive } from '../../runtime/segment/store.ts'
import type { Check } from '../../runtime/verdict.ts'
import { several } from '../check.ts'
import type { Cut } from '../request.ts'
import type { Lane } from '../rows.ts'
import { isPast, type Place, readPlaces, slackOf } from '../sequences/places.ts'
import { segmentBefore, type Tail } from './archive.ts'

const NAME = 'contents.sequences'

/**
 * Milliseconds by which the archiver's clock, which dates a seal, and the primary's, which dates the cut, may differ for
 * a seal to count as older.
 */
const CLOCKS = 60_000

/** Segments that are read back for a seal of before the cut. */
const MOST_STEPS = 20

type Values = ReadonlyMap<string, bigint>

/** What the archive says of where sequences stood before and after the copy's end. */
export type Bounds = {
  readonly before: Values | undefined
  readonly after: Values | undefined
  /** TRUNCATE may have started a sequence anew between the two. */
  readonly truncated: boolean
}

/** The newest seal that is surely older than the cut, and the first one behind the copy's end. */
export async function readBounds(archive: Archive, { segments, end }: Tail, cut: Cut): Promise<Bounds> {
  const behind = segments.findIndex(({ header }) => parseLsn(header.end) > end)
  const around = segments.slice(0, behind + 1)
  let truncated = around.some(({ header }) => header.truncates > 0)
  const latest = Date.parse(cut.at) - CLOCKS
  let [at] = segments
  for (let step = 0; at !== undefined && step < MOST_STEPS; step++) {
    if (Date.parse(at.header.sealedAt) <= latest) break
    at = await segmentBefore(archive, at)
    truncated ||= (at?.header.truncates ?? 0) > 0
  }
  const isOlder = at !== undefined && Date.parse(at.header.sealedAt) <= latest
  return {
    before: isOlder ? valuesOf(at?.header) : undefined,
    after: valuesOf(segments[behind]?.header),
    truncated,
  }
}

function valuesOf(header: SegmentHeader | undefined): Values | undefined {
  return (
    header &&
    new Map(
      header.sequences.flatMap(({ schema, name, last }: SequenceValue) =>
        last === null ? [] : [[`${schema}.${name}`, BigInt(last)] as const],
      ),
    )
  )
}

/**
 * Holds each of the copy's sequences against the seals around its end. It may not have stood further back than before,
 * nor further on than after: what feeds no column, or a column whose newest rows are gone, is told by nothing else. Who
 * sets a sequence back and on again between two seals leaves the same picture, so what is found is not known, not wrong.
 */
export async function checkBounds(lane: Lane, bounds: Bounds): Promise<Check> {
  const [mine, theirs] = await Promise.all([readPlaces(lane.copy), readPlaces(lane.primary)])
  const places = [...mine.places.values()].filter(own => isComparable(own, theirs.places.get(own.oid)))
  return judgeBounds(places, bounds)
}

/** One that was started anew or changed its step since is another one. */
const isComparable = (own: Place, other: Place | undefined) =>
  !own.cycles && other?.filenode === own.filenode && other.increment === own.increment

export function judgeBounds(places: readonly Place[], { before, after, truncated }: Bounds): Check {
  const skipped = (detail: string): Check => ({ name: NAME, verdict: 'skipped', detail })
  if (after === undefined) return skipped('the archive does not say where sequences stood')
  if (truncated)
    return skipped('tables were emptied around the copy’s end, which may have started sequences anew')
  const found: string[] = []
  let bounded = 0
  for (const place of places) {
    const [low, high] = [before?.get(place.title), after.get(place.title)]
    if (high === undefined) continue
    bounded += 1
    if (isPast(place, high, slackOf(place)))
      found.push(`${place.title} at ${place.last}, at ${high} after the copy’s end`)
    // Where the later seal is behind as well, it was set back in between.
    else if (low !== undefined && isBehind(place, low) && !isBehind({ ...place, last: high }, low))
      found.push(`${place.title} at ${place.last}, at ${low} before the copy’s end`)
  }
  return found.length > 0
    ? {
        name: NAME,
        verdict: 'unknown',
        detail: `sequences that do not stand between where the archive saw them before and after the copy’s end, unless somebody set them in between: ${several(found)}`,
        answer: found.slice(0, 20),
      }
    : {
        name: NAME,
        verdict: 'pass',
        detail: `${bounded} of ${places.length} sequences stand ${before === undefined ? 'no further than where the archive saw them after the copy’s end; no seal is older than it' : 'between where the archive saw them before and after the copy’s end'}`,
      }
}

const isBehind = (place: Place, other: bigint) =>
  place.increment > 0n ? place.last < other : place.last > other

/** For a copy whose end the archive does not hold. */
export const boundsUnread = (why: string): Check => ({
  name: NAME,
  verdict: 'skipped',
  detail: `the archive could not be read: ${why}`,
})
