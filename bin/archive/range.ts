import { Refusal } from '../../lambdas/runtime/failure.ts'
import { placeOf } from '../../lambdas/runtime/segment/key.ts'
import { parseLsn } from '../../lambdas/runtime/segment/lsn.ts'
import { type Archive, listSegments, readHeader, readMessages } from '../../lambdas/runtime/segment/store.ts'
import { type Placed, placedChanges } from '../../lambdas/runtime/segment/transactions.ts'

export type Bounds = { readonly from?: string; readonly to?: string; readonly database?: string }

type Point = { readonly lsn: bigint } | { readonly at: string } | undefined

/** The changes of the transactions committed at or after `from` and before `to`, each a log position or an ISO time. */
export async function* changesBetween(archive: Archive, bounds: Bounds): AsyncGenerator<Placed> {
  const from = pointOf(bounds.from)
  const to = pointOf(bounds.to)
  const keys: string[] = []
  for await (const { key } of listSegments(archive, bounds.database ? `${bounds.database}/` : ''))
    keys.push(key)
  const histories = new Set(keys.map(key => placeOf(key)?.systemIdentifier))
  if (histories.size > 1)
    throw new Refusal(
      'WhichDatabase',
      `the bucket holds the histories of ${histories.size} databases`,
      `say which one: --database ${[...histories][0]}`,
    )
  for (const [index, key] of keys.entries()) {
    if (endsBefore(keys[index + 1], from)) continue
    const stored = await readHeader(archive, key)
    const { header } = stored
    if (from && 'lsn' in from && parseLsn(header.end) <= from.lsn) continue
    if (from && 'at' in from && (header.lastCommit === null || header.lastCommit < from.at)) continue
    if (to && 'lsn' in to && parseLsn(header.start) >= to.lsn) return
    for await (const placed of placedChanges(readMessages(archive, stored))) {
      if (placed.commit === null || placed.at === null) continue
      if (from && isBefore(placed.commit, placed.at, from)) continue
      // Commits are timed just before they take their place in the log: a later one may carry an earlier time.
      if (to && !isBefore(placed.commit, placed.at, to)) continue
      yield placed
    }
  }
}

function isBefore(commit: bigint, at: string, point: NonNullable<Point>): boolean {
  return 'lsn' in point ? commit < point.lsn : at < point.at
}

/** Whether the segment before `next` surely holds nothing of interest: the next begins at or before the point. */
function endsBefore(next: string | undefined, from: Point): boolean {
  if (next === undefined || from === undefined || !('lsn' in from)) return false
  const place = placeOf(next)
  return place !== undefined && place.start <= from.lsn
}

function pointOf(text: string | undefined): Point {
  if (text === undefined) return undefined
  if (text.includes('/')) return { lsn: parseLsn(text) }
  const moment = Date.parse(text)
  if (Number.isNaN(moment))
    throw new Refusal(
      'NotAPoint',
      `"${text}" is neither a log position nor a time`,
      'write 1A/2B3C4D50 or 2026-11-20T09:00Z',
    )
  return { at: new Date(moment).toISOString().replace('Z', '000Z') }
}
