import type { SegmentHeader } from './header.ts'
import { type Lsn, sortableLsn } from './lsn.ts'

const PATTERN = /^(\d+)\/([0-9a-f]{8})\/([0-9a-f]{16})\.(gap|segment)$/

export type Place = {
  readonly systemIdentifier: string
  readonly timeline: number
  readonly start: Lsn
  readonly kind: SegmentHeader['kind']
}

/**
 * `<system identifier>/<timeline>/<start>.segment`, or `.gap` for one that records a missing stretch: sorts by
 * history, then by position, a gap before the changes that follow it. The end is not part of the key, so that two
 * archivers that both believe themselves next collide, and put-if-absent lets one win.
 */
export function segmentKey(place: Place): string {
  const timeline = place.timeline.toString(16).padStart(8, '0')
  const suffix = place.kind === 'gap' ? 'gap' : 'segment'
  return `${place.systemIdentifier}/${timeline}/${sortableLsn(place.start)}.${suffix}`
}

/** The place that a key names, or undefined when it is no segment's. */
export function placeOf(key: string): Place | undefined {
  const [, systemIdentifier, timeline, start, suffix] = PATTERN.exec(key) ?? []
  if (systemIdentifier === undefined) return undefined
  return {
    systemIdentifier,
    timeline: Number.parseInt(timeline ?? '', 16),
    start: BigInt(`0x${start}`),
    kind: suffix === 'gap' ? 'gap' : 'changes',
  }
}
