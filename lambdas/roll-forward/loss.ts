import { parseLsn } from '../runtime/segment/lsn.ts'
import { type Archive, listSegments, readMessages, type Stored } from '../runtime/segment/store.ts'
import { placedChanges } from '../runtime/segment/transactions.ts'
import { segmentsFrom } from './history.ts'
import type { Loss, LossAnswer, LossRequest } from './request.ts'

/**
 * Measures what a disaster at `lostAt` would have cost with the bare copy and with the archive as it was at that
 * moment, in seconds by the primary's clock and in transactions and rows counted from the archive as it is now.
 */
export async function measureLoss(archive: Archive, request: Omit<LossRequest, 'task'>): Promise<LossAnswer> {
  const stored = await storedBy(archive, request.systemIdentifier, request.lostAt)
  const cut = parseLsn(request.cut.lsn)
  const tail = { at: request.cut.at, lsn: cut }
  const without = { transactions: 0, rows: 0 }
  const withTail = { transactions: 0, rows: 0 }
  let complete = false
  for await (const segment of segmentsFrom(archive, {
    systemIdentifier: request.systemIdentifier,
    timeline: request.cut.timeline,
    from: cut,
  })) {
    const inTime = stored.has(segment.key)
    for await (const transaction of transactionsOf(archive, segment)) {
      if (transaction.at > request.lostAt) {
        complete = true
        continue
      }
      if (transaction.commit <= cut) continue
      add(without, transaction.rows)
      if (inTime) {
        tail.at = transaction.at > tail.at ? transaction.at : tail.at
        tail.lsn = transaction.commit
      } else add(withTail, transaction.rows)
    }
    if (complete) break
  }
  return {
    withoutTail: { seconds: secondsBetween(request.cut.at, request.lostAt), ...without },
    withTail: { seconds: secondsBetween(tail.at, request.lostAt), ...withTail },
    complete,
  }
}

type Counted = { transactions: number; rows: number }

function add(loss: Counted, rows: number): void {
  loss.transactions++
  loss.rows += rows
}

/** Keys of the segments that S3 had by then, by its own clock. */
async function storedBy(
  archive: Archive,
  systemIdentifier: string,
  lostAt: string,
): Promise<ReadonlySet<string>> {
  const keys = new Set<string>()
  const moment = Date.parse(lostAt)
  for await (const { key, modified } of listSegments(archive, `${systemIdentifier}/`))
    if (modified !== undefined && modified.getTime() <= moment) keys.add(key)
  return keys
}

type Transaction = { readonly commit: bigint; readonly at: string; readonly rows: number }

async function* transactionsOf(archive: Archive, segment: Stored): AsyncGenerator<Transaction> {
  let rows = 0
  for await (const { change, commit, at } of placedChanges(readMessages(archive, segment))) {
    if (change.kind === 'begin') rows = 0
    if (change.kind === 'insert' || change.kind === 'update' || change.kind === 'delete') rows++
    if (change.kind === 'commit' && commit !== null && at !== null) yield { commit, at, rows }
  }
}

function secondsBetween(from: string, to: string): Loss['seconds'] {
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1_000)
}
