import { Refusal } from '../runtime/failure.ts'
import type { Gap, GapCause } from '../runtime/segment/header.ts'
import { formatLsn, type Lsn } from '../runtime/segment/lsn.ts'

/** The slot as the server shows it. */
export type Slot = {
  /** Everything before was confirmed as archived. */
  readonly confirmed: Lsn
  /** Why the server gave the slot up, or null while it can be read. */
  readonly invalid: string | null
}

/** The newest segment of the archive. */
export type Newest = {
  readonly end: Lsn
  readonly timeline: number
  /** Object ids of the publications when it was sealed: another id is another publication. */
  readonly publications: readonly string[]
}

export type Situation = {
  readonly newest: Newest | null
  readonly slot: Slot | null
  /** The server's own end of the log. */
  readonly flushed: Lsn
  readonly timeline: number
  readonly publications: readonly string[]
}

/** What to do before streaming. */
export type Step = {
  /** Make the slot anew: `drop` first when a dead one is in the way. */
  readonly slot: 'keep' | 'create' | 'drop-and-create' | 'skip-to-now'
  /** Record that a stretch is missing; its end is the slot's new position unless `end` says otherwise. */
  readonly gap: { readonly gap: Gap; readonly start: Lsn | null } | null
  /** Where streaming begins when no slot is made and no gap recorded. */
  readonly from: Lsn
}

/**
 * Decides how the archive goes on: exactly where it ended, or after a gap that is written down. Pure: every case is a
 * row of its test. Nothing is ever jumped silently.
 */
export function decide(situation: Situation): Step {
  const { newest, slot } = situation
  if (slot === null)
    return remade('create', newest, newest ? 'slot-missing' : 'archive-began', 'the slot is not there')
  if (slot.invalid !== null)
    return remade(
      'drop-and-create',
      newest,
      'slot-invalidated',
      `the server gave the slot up: ${slot.invalid}`,
    )
  if (newest === null)
    return { slot: 'keep', from: slot.confirmed, gap: recorded('archive-began', 'the first segment', null) }
  // Where the new history left the old one cannot be read by SQL: the archive may hold changes that it does not.
  if (newest.timeline !== situation.timeline) {
    const detail = `the archive reaches ${formatLsn(newest.end)} on timeline ${newest.timeline}, the server writes timeline ${situation.timeline}`
    return { slot: 'keep', from: slot.confirmed, gap: recorded('timeline-changed', detail, slot.confirmed) }
  }
  if (newest.end > situation.flushed)
    throw new Refusal(
      'HistoryDiverged',
      `the archive reaches ${formatLsn(newest.end)} and this server, on the same timeline, only ${formatLsn(situation.flushed)}`,
      'it lost log that was archived: find out what happened to its storage, and give it a new archive bucket',
    )
  if (newest.publications.join() !== situation.publications.join())
    return {
      slot: 'skip-to-now',
      from: newest.end,
      gap: recorded(
        'publication-missing',
        `publications were ${newest.publications.join(', ')} and are ${situation.publications.join(', ')}`,
        newest.end,
      ),
    }
  if (slot.confirmed > newest.end)
    return {
      slot: 'keep',
      from: slot.confirmed,
      gap: recorded(
        'slot-ahead',
        `the slot stands at ${formatLsn(slot.confirmed)}, the archive ends at ${formatLsn(newest.end)}`,
        newest.end,
      ),
    }
  return { slot: 'keep', from: newest.end, gap: null }
}

function remade(
  slot: 'create' | 'drop-and-create',
  newest: Newest | null,
  cause: GapCause,
  detail: string,
): Step {
  return { slot, from: 0n, gap: recorded(cause, detail, newest?.end ?? null) }
}

function recorded(cause: GapCause, detail: string, start: Lsn | null): Step['gap'] {
  return { gap: { cause, detail }, start }
}
