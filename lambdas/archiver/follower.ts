import type pg from 'pg'
import type { Origin } from '../runtime/segment/header.ts'
import { segmentKey } from '../runtime/segment/key.ts'
import type { Lsn } from '../runtime/segment/lsn.ts'
import type { Stored } from '../runtime/segment/store.ts'
import { openBell } from './bell.ts'
import { frameOf } from './chain.ts'
import { Collector } from './collector.ts'
import { peek } from './peek.ts'
import type { ArchiverAnswer } from './request.ts'
import { advanceSlot, readFlushed, readState } from './server.ts'
import { type Destination, SegmentUpload } from './upload.ts'

/** Bytes of log without a change after which an empty segment is written, so that a quiet database keeps no log. */
const QUIET_BYTES = 1_048_576n

/** Bytes of log that one segment covers at most, except that it ends with a whole transaction. */
const SPAN = 256n * 1_048_576n

/**
 * With a long backlog each peek begins where the oldest open transaction did, and the slot forgets that only bit by
 * bit: taking a quarter of what is left bounds the log that is decoded again.
 */
const SHARE = 4n

export type FollowOptions = {
  /** For short questions, and for the peek, which keeps its connection to itself. */
  readonly control: pg.Client
  readonly reader: pg.Client
  readonly destination: Destination
  readonly origin: Omit<Origin, 'publications'>
  readonly previous: Stored | null
  /** Where the slot stands and the archive ends. */
  readonly from: Lsn
  readonly seconds: number
  /** Milliseconds between two segments while there is something to write and nobody waits for it. */
  readonly pause: number
}

/** Turns the slot's changes into segments, one after the other, each linked to the one before. */
export async function follow(options: FollowOptions): Promise<Omit<ArchiverAnswer, 'gaps' | 'state'>> {
  const began = performance.now()
  const { lsn: until } = await readFlushed(options.control)
  const bell = await openBell(options.control)
  const sum = { segments: 0, transactions: 0, rows: 0, slowestMs: 0 }
  let previous = options.previous
  let lastCommit = previous?.header.lastCommit ?? null
  let from = options.from
  for (;;) {
    const started = performance.now()
    const { lsn: flushed, at } = await readFlushed(options.control)
    const upto = fenceOf(from, flushed)
    const isLast = upto >= until && performance.now() - began + options.pause >= options.seconds * 1_000
    const stored = upto > from ? await writeSegment({ ...options, previous, from }, upto) : undefined
    sum.slowestMs = Math.max(sum.slowestMs, performance.now() - started)
    if (stored !== undefined) {
      const { header } = stored.stored
      sum.segments++
      sum.transactions += header.transactions
      sum.rows += header.rows.insert + header.rows.update + header.rows.delete
      lastCommit = header.lastCommit ?? lastCommit
      previous = stored.stored
      from = stored.end
    }
    if (isLast) {
      const caughtUpAt = upto === flushed ? at.toISOString() : null
      return { ...sum, lastCommit, caughtUpAt, end: previous?.header.end ?? null }
    }
    if (upto === flushed) await bell.wait(Math.max(0, options.pause - (performance.now() - started)))
  }
}

/** Up to where the next segment reads. */
function fenceOf(from: Lsn, flushed: Lsn): Lsn {
  const backlog = flushed - from
  const span = backlog / SHARE > SPAN ? backlog / SHARE : SPAN
  return backlog > span ? from + span : flushed
}

/** Undefined when nothing happened that is worth a segment: the slot then stays where the archive ends. */
async function writeSegment(
  options: FollowOptions,
  upto: Lsn,
): Promise<{ stored: Stored; end: Lsn } | undefined> {
  const { control, reader, destination, origin, previous, from } = options
  const key = segmentKey({ ...origin, start: from, kind: 'changes' })
  const collector = new Collector(from, new SegmentUpload(destination, key))
  try {
    await peek(reader, upto, {
      message: (bytes, start, end) => collector.take(bytes, start, end),
      room: () => collector.room(),
    })
    // All that was committed before the fence has come, so the segment reaches at least to it.
    collector.reach(upto)
    if (!collector.hasContent && collector.end - from < QUIET_BYTES) {
      await collector.discard()
      return undefined
    }
    const facts = await collector.finish()
    const frame = frameOf({ destination, origin, previous, state: await readState(control) })
    const body = collector.upload.facts()
    const stored = await collector.upload.seal({ ...frame, ...facts, ...body, kind: 'changes', gap: null })
    // Only now: what is not proven to be in the bucket must be sent again.
    await advanceSlot(control, collector.end)
    return { stored, end: collector.end }
  } catch (error) {
    await collector.discard().catch(() => {
      // What stands in the way of tidying up is the error that is thrown already.
    })
    throw error
  }
}
