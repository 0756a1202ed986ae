import { sentence } from '../runtime/failure.ts'
import { placeOf } from '../runtime/segment/key.ts'
import { type Fault, gapFault, linkFaults } from '../runtime/segment/link.ts'
import {
  type Archive,
  listSegments,
  readHeader,
  readMessages,
  type Stored,
} from '../runtime/segment/store.ts'
import { placedChanges } from '../runtime/segment/transactions.ts'
import type { ArchiveReport, HistoryReport } from './request.ts'

/**
 * Reads every retained segment of a bucket from its first byte to its last: each must be what its header says, decode
 * to whole transactions in order, and follow the one before it. One fault does not hide the next.
 * @param told called after each segment
 */
export async function verifyArchive(
  archive: Archive,
  told: (key: string, faults: readonly Fault[]) => void = () => {},
): Promise<ArchiveReport> {
  const histories = new Map<string, History>()
  for await (const listed of listSegments(archive)) {
    const id = placeOf(listed.key)?.systemIdentifier ?? ''
    const history = histories.get(id) ?? new History(id)
    histories.set(id, history)
    const faults = await history.read(archive, listed.key)
    told(listed.key, faults)
  }
  const reports = [...histories.values()].map(history => history.report())
  return { histories: reports, verdict: verdictOf(reports) }
}

/** An empty archive proves nothing; a recorded gap is a fault of the archive, though an honest one. */
function verdictOf(reports: readonly HistoryReport[]): ArchiveReport['verdict'] {
  if (reports.some(report => report.faults.length > 0)) return 'fail'
  return reports.length === 0 ? 'unknown' : 'pass'
}

class History {
  readonly #id: string
  readonly #faults: Fault[] = []
  #before: Stored | null = null
  #skipped = false
  #segments = 0
  #transactions = 0
  #rows = 0
  #bytes = 0
  #oldest: Stored | undefined
  #newest: Stored | undefined

  constructor(id: string) {
    this.#id = id
  }

  async read(archive: Archive, key: string): Promise<readonly Fault[]> {
    const faults: Fault[] = []
    try {
      const stored = await readHeader(archive, key)
      // Behind a segment that could not be read nothing says what should follow it; its own fault is told already.
      if (!this.#skipped) faults.push(...linkFaults(this.#before, stored))
      this.#skipped = false
      const gap = gapFault(stored)
      if (gap) faults.push(gap)
      this.#before = stored
      this.#oldest ??= stored
      this.#newest = stored
      this.#bytes += stored.objectBytes
      faults.push(...(await this.#decode(archive, stored)))
      this.#segments++
    } catch (error) {
      this.#skipped = true
      faults.push({ key, kind: 'damaged', detail: sentence(error) })
    }
    this.#faults.push(...faults)
    return faults
  }

  async #decode(archive: Archive, stored: Stored): Promise<Fault[]> {
    const { key, header } = stored
    const found = { transactions: 0, insert: 0, update: 0, delete: 0 }
    let last = -1n
    try {
      for await (const { change } of placedChanges(readMessages(archive, stored))) {
        if (change.kind === 'insert' || change.kind === 'update' || change.kind === 'delete')
          found[change.kind]++
        if (change.kind !== 'commit') continue
        found.transactions++
        if (change.commit <= last)
          return [{ key, kind: 'misplaced', detail: 'its transactions are not in order' }]
        last = change.commit
      }
    } catch (error) {
      return [{ key, kind: 'damaged', detail: sentence(error) }]
    }
    const { insert, update } = header.rows
    this.#transactions += found.transactions
    this.#rows += found.insert + found.update + found.delete
    const same =
      found.transactions === header.transactions &&
      found.insert === insert &&
      found.update === update &&
      found.delete === header.rows.delete
    if (same) return []
    return [{ key, kind: 'damaged', detail: 'its content does not count as its header says' }]
  }

  report(): HistoryReport {
    return {
      systemIdentifier: this.#id,
      segments: this.#segments,
      transactions: this.#transactions,
      rows: this.#rows,
      bytes: this.#bytes,
      from: this.#oldest?.header.start ?? null,
      to: this.#newest?.header.end ?? null,
      newestSealedAt: this.#newest?.header.sealedAt ?? null,
      faults: this.#faults,
    }
  }
}
