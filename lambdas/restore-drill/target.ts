import { Refusal } from '../runtime/failure.ts'
import type { DrillTarget } from './request.ts'

/** Milliseconds since the epoch, both ends inclusive. */
export type Window = { readonly earliest: number; readonly latest: number }

/** A moment that lies further ahead than this is a mistake, not a wish to wait. */
export const PATIENCE_SECONDS = 900

/**
 * The moment to restore, in whole seconds since RDS takes no finer, or `null` where the target has none of its own
 * (`now` is chosen with the sentinels, a snapshot brings its time).
 * @param room seconds at the old end of the window that may expire while the drill runs
 * @param draw a number from 0 (inclusive) to 1 (exclusive), for `random`
 * @param now milliseconds since the epoch, for `before-backup-window`
 * @throws Refusal `NothingRestorable`, `ImpossibleTime`
 */
export function chooseMoment(
  target: DrillTarget,
  window: Window | null,
  room: number,
  draw: number,
  now = Date.now(),
): number | null {
  if (target.kind === 'snapshot' || target.kind === 'now') return null
  if (!window)
    throw new Refusal(
      'NothingRestorable',
      'the source has no restorable window: no automated backup is complete',
      'set a backup retention above zero and wait for the first backup',
    )
  const first = Math.ceil(window.earliest / 1_000) * 1_000
  const last = Math.floor(window.latest / 1_000) * 1_000
  if (target.kind === 'time') return askedMoment(target.at, first, last)
  if (target.kind === 'before-backup-window')
    return askedMoment(iso(beforeWindow(target.window, now)), first, last)
  if (last < first)
    throw new Refusal(
      'NothingRestorable',
      `the restorable window holds no whole second yet: it begins at ${new Date(window.earliest).toISOString()} and ends at ${new Date(window.latest).toISOString()}`,
      'the first backup has only just ended: ask again in five minutes',
    )
  if (target.kind === 'latest') return last
  // A young window has no room to spare: the whole of it then, and hold says what may expire.
  const from = first + room * 1_000 < last ? first + room * 1_000 : first
  return from + Math.floor(draw * (Math.floor((last - from) / 1_000) + 1)) * 1_000
}

const DAY_MS = 86_400_000
const LEAD_MS = 60_000

function beforeWindow(window: string, now: number): number {
  const [hours = 0, minutes = 0] = window.split(/[:-]/).map(Number)
  const today = new Date(now).setUTCHours(hours, minutes, 0, 0) - LEAD_MS
  return today < now ? today : today - DAY_MS
}

function askedMoment(text: string, first: number, last: number): number {
  const at = Math.floor(Date.parse(text) / 1_000) * 1_000
  const window = `${iso(first)} to ${iso(last)}`
  if (at < first)
    throw new Refusal(
      'ImpossibleTime',
      `${iso(at)} lies before the restorable window ${window}`,
      'ask for a moment inside the window, or restore a snapshot',
    )
  if (at > last + PATIENCE_SECONDS * 1_000)
    throw new Refusal(
      'ImpossibleTime',
      `${iso(at)} lies ${Math.round((at - last) / 1_000)} s after the restorable window ${window}`,
      'ask for a moment inside the window; check the time zone',
    )
  return at
}

/** ISO 8601 in UTC without fractions, as RDS takes it. */
export function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z')
}

/** Seconds that a restore may take before it counts as stuck: three times the objective, between 10 minutes and 4 hours. */
export function restoreDeadline(rtoSeconds: number): number {
  return Math.min(Math.max(3 * rtoSeconds, 600), 4 * 3_600)
}
