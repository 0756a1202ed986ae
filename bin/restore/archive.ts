import { Refusal } from '../../lambdas/runtime/failure.ts'
import { placeOf } from '../../lambdas/runtime/segment/key.ts'
import { gapFault, linkFaults } from '../../lambdas/runtime/segment/link.ts'
import { formatLsn } from '../../lambdas/runtime/segment/lsn.ts'
import {
  type Archive,
  listSegments,
  readHeader,
  readMessages,
  type Stored,
} from '../../lambdas/runtime/segment/store.ts'
import { placedChanges } from '../../lambdas/runtime/segment/transactions.ts'

/** How far the archive leads from a moment. */
export type Tail = {
  readonly systemIdentifier: string
  /** Where the first commit after the asked time begins; `null` where no time was asked: to the archive's end. */
  readonly end: string | null
  /** ISO with microseconds: the newest commit that the archive holds. */
  readonly lastCommit: string
}

/**
 * Proves, before anything is restored, that the archive leads without a gap from `from` to `to`.
 * @param from ISO, what RDS restores by itself
 * @param to ISO, or `null` for the archive's end
 * @throws Refusal `ArchiveEmpty`, `WhichDatabase`, `ArchiveGap`, `ArchiveTooYoung`, `ArchiveEndsBefore`
 */
export async function findTail(archive: Archive, from: string, to: string | null): Promise<Tail> {
  const keys = await keysOf(archive)
  const systemIdentifier = placeOf(keys.at(-1) ?? '')?.systemIdentifier ?? ''
  const stretch = await stretchFrom(archive, keys, from)
  refuseGaps(stretch, from, to)
  const lastCommit = stretch
    .map(({ header }) => header.lastCommit ?? '')
    .reduce((a, b) => (a > b ? a : b), '')
  if (to === null) return { systemIdentifier, end: null, lastCommit }
  const end = await firstCommitAfter(archive, stretch, micros(to))
  if (end !== null) return { systemIdentifier, end, lastCommit }
  throw new Refusal(
    'ArchiveEndsBefore',
    `the archive holds no commit after ${to}, its newest is of ${lastCommit || 'no time'}: it cannot be known to be whole up to there`,
    'wait for the archiver, which runs every minute, and ask again, or use --to latest --with-archive',
  )
}

async function keysOf(archive: Archive): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of listSegments(archive)) keys.push(key)
  const histories = new Set(keys.map(key => placeOf(key)?.systemIdentifier))
  if (histories.size === 1) return keys
  if (histories.size === 0)
    throw new Refusal(
      'ArchiveEmpty',
      `the bucket ${archive.bucket} holds no segment`,
      'holdfast logs archiver shows why; restore without --with-archive',
    )
  throw new Refusal(
    'WhichDatabase',
    `the bucket ${archive.bucket} holds the histories of ${histories.size} databases`,
    'restore without --with-archive, or move the older history to another bucket',
  )
}

/** The segments from the newest that lies wholly before `from` to the last, oldest first. */
async function stretchFrom(archive: Archive, keys: readonly string[], from: string): Promise<Stored[]> {
  const found: Stored[] = []
  for (const key of keys.toReversed()) {
    const stored = await readHeader(archive, key)
    found.unshift(stored)
    const { lastCommit } = stored.header
    if (lastCommit !== null && lastCommit < micros(from)) return found
  }
  const first = found.find(({ header }) => header.firstCommit !== null)?.header.firstCommit
  if (first != null && first <= micros(from)) return found
  throw new Refusal(
    'ArchiveTooYoung',
    `the archive begins with a commit of ${first ?? 'no time'}, after ${from}, where the restored copy ends`,
    'restore to a later moment, or without --with-archive',
  )
}

function refuseGaps(stretch: readonly Stored[], from: string, to: string | null): void {
  let before: Stored | null = null
  let reached = from
  for (const stored of stretch) {
    const fault = before === null ? undefined : (linkFaults(before, stored)[0] ?? gapFault(stored))
    if (fault)
      throw new Refusal(
        'ArchiveGap',
        `the archive is whole only until ${reached}, then ${fault.key} does not follow: ${fault.detail}`,
        `restore --to ${reached} --with-archive, or without --with-archive`,
      )
    before = stored
    reached = stored.header.lastCommit ?? reached
    // What comes after the asked time is of no concern.
    if (to !== null && reached > micros(to)) return
  }
}

async function firstCommitAfter(
  archive: Archive,
  stretch: readonly Stored[],
  to: string,
): Promise<string | null> {
  for (const stored of stretch) {
    if (stored.header.lastCommit === null || stored.header.lastCommit <= to) continue
    for await (const { change } of placedChanges(readMessages(archive, stored)))
      if (change.kind === 'begin' && change.at > to) return formatLsn(change.commit)
  }
  return null
}

/** Commit times carry microseconds: texts of one length compare as times. */
function micros(time: string): string {
  return new Date(time).toISOString().replace('Z', '000Z')
}
