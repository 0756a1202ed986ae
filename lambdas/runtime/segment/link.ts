import { placeOf } from './key.ts'
import { parseLsn } from './lsn.ts'
import type { Stored } from './store.ts'

/** What can be wrong with a segment or between two. `gap` was recorded by the archiver itself; the others were not. */
export type FaultKind = 'damaged' | 'misplaced' | 'missing' | 'overlap' | 'broken-link' | 'gap'

export type Fault = { readonly key: string; readonly kind: FaultKind; readonly detail: string }

/** Faults between a segment and the one before it in the bucket; `before` is null for the oldest that is retained. */
export function linkFaults(before: Stored | null, next: Stored): Fault[] {
  const { key, header } = next
  const fault = (kind: FaultKind, detail: string): Fault => ({ key, kind, detail })
  const faults: Fault[] = []
  const place = placeOf(key)
  if (
    place === undefined ||
    place.start !== parseLsn(header.start) ||
    place.systemIdentifier !== header.systemIdentifier ||
    place.timeline !== header.timeline ||
    place.kind !== header.kind
  )
    faults.push(
      fault(
        'misplaced',
        `its header belongs to ${header.kind} at ${header.start} of timeline ${header.timeline} of ${header.systemIdentifier}`,
      ),
    )
  if (before === null) return faults
  if (header.previous === null)
    faults.push(fault('broken-link', `it says that it is the first, but ${before.key} is before it`))
  else if (header.previous.key !== before.key)
    faults.push(fault('missing', `it follows ${header.previous.key}, but ${before.key} is before it`))
  else if (header.previous.seal !== before.seal)
    faults.push(
      fault(
        'broken-link',
        `it follows a ${before.key} with seal ${header.previous.seal}, which has ${before.seal}`,
      ),
    )
  const end = parseLsn(before.header.end)
  const start = parseLsn(header.start)
  // A new timeline begins where the old one was left, which only its gap tells.
  if (before.header.timeline !== header.timeline) return faults
  if (start > end) faults.push(fault('missing', `nothing covers ${before.header.end} to ${header.start}`))
  if (start < end)
    faults.push(
      fault('overlap', `it begins at ${header.start}, before the end ${before.header.end} of ${before.key}`),
    )
  return faults
}

/** The fault that a gap segment is, or undefined. The first segment of an archive misses nothing. */
export function gapFault(stored: Stored): Fault | undefined {
  const { gap, start, end, kind } = stored.header
  if (kind !== 'gap' || gap === null || gap.cause === 'archive-began') return undefined
  return {
    key: stored.key,
    kind: 'gap',
    detail: `${gap.cause}: ${start} to ${end} is missing (${gap.detail})`,
  }
}
