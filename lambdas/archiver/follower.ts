import type pg from 'pg'
import { Transient } from '../runtime/failure.ts'
import type { Origin } from '../runtime/segment/header.ts'
import { segmentKey } from '../runtime/segment/key.ts'
import type { Lsn } from '../runtime/segment/lsn.ts'
import type { Stored } from '../runtime/segment/store.ts'
import { frameOf } from './chain.ts'
import { Collector, type Shapes } from './collector.ts'
import type { ArchiverAnswer } from './request.ts'
import { readState, startCommand } from './server.ts'
import { ReplicationStream } from './stream.ts'
import { type Destination, SegmentUpload } from './upload.ts'

/** Milliseconds between two looks at the clock while the stream is quiet. */
const TICK = 100

/** Bytes of log without a change after which an empty segment is written, so that a quiet database keeps no log. */
const QUIET_BYTES = 1_048_576n

export type FollowerOptions = {
  readonly control: pg.Client
  readonly replication: pg.Client
  readonly destination: Destination
  readonly origin: Omit<Origin, 'publications'>
  readonly previous: Stored | null
  readonly seconds: number
  readonly hardLimit: number
  readonly sealAfter?: number
  readonly sealBytes?: number
}

/** Turns the stream into segments, one after the other, each linked to the one before. */
export class Follower {
  readonly #options: FollowerOptions
  readonly #sealAfter: number
  readonly #sealBytes: number
  readonly #shapes: Shapes = new Map()
  readonly #began = performance.now()
  readonly #done = Promise.withResolvers<void>()
  #stream: ReplicationStream | undefined
  #current: Collector | undefined
  #previous: Stored | null
  #sealing: Promise<void> | undefined
  #reached: Lsn = 0n
  #until: Lsn = 0n
  #over = false
  #segments = 0
  #transactions = 0
  #rows = 0
  #lastCommit: string | null

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#previous = options.previous
    this.#lastCommit = options.previous?.header.lastCommit ?? null
    this.#sealAfter = options.sealAfter ?? 10_000
    this.#sealBytes = options.sealBytes ?? 128 * 1_048_576
  }

  /** Follows from `from` for the options' seconds, and at least until everything before `until` is archived. */
  async follow(from: Lsn, until: Lsn): Promise<Omit<ArchiverAnswer, 'gaps'>> {
    this.#until = until
    this.#reached = from
    this.#open(from)
    const stream = new ReplicationStream(
      this.#options.replication,
      {
        message: (bytes, start, end, lsnAt) => this.#message(bytes, start, end, lsnAt),
        reached: lsn => this.#reach(lsn),
        burst: () => this.#burst(),
        failed: error => this.#done.reject(error),
      },
      from,
    )
    this.#stream = stream
    // A failure may come before anybody waits for the end.
    this.#done.promise.catch(() => {})
    const clock = setInterval(() => this.#tick(), TICK)
    try {
      await stream.start(startCommand(from))
      await this.#done.promise
      await this.#sealing
    } catch (error) {
      if (error instanceof Error && error.name === 'SlotBusy') return this.#answer('busy')
      throw error
    } finally {
      clearInterval(clock)
      await this.#current?.discard()
      await stream.end()
    }
    return this.#answer('archived')
  }

  #answer(state: ArchiverAnswer['state']): Omit<ArchiverAnswer, 'gaps'> {
    return {
      state,
      segments: this.#segments,
      transactions: this.#transactions,
      rows: this.#rows,
      end: this.#previous?.header.end ?? null,
      lastCommit: this.#lastCommit,
    }
  }

  #open(start: Lsn): Collector {
    const key = segmentKey({ ...this.#options.origin, start, kind: 'changes' })
    this.#current = new Collector(start, new SegmentUpload(this.#options.destination, key), this.#shapes)
    return this.#current
  }

  #message(bytes: Buffer, from: number, to: number, lsnAt: number): void {
    const collector = this.#current
    if (collector === undefined || this.#over) return
    collector.take(bytes, from, to, lsnAt)
    if (collector.inTransaction || bytes[from] !== 0x43) return
    if (this.#sealing === undefined && this.#isDue(collector)) this.#rotate(collector)
  }

  #reach(lsn: Lsn): void {
    if (lsn > this.#reached) this.#reached = lsn
    const collector = this.#current
    // What the server has sent ends before this position, so an open transaction's commit comes after it.
    if (collector && !collector.inTransaction && lsn > collector.end) collector.end = lsn
  }

  /** Stops the stream while the compressor is full, or while one segment is sealed and the next is full too. */
  #burst(): Promise<void> | undefined {
    const collector = this.#current
    if (collector === undefined) return undefined
    const full = this.#sealing !== undefined && collector.contentBytes >= this.#sealBytes
    if (full && !collector.inTransaction) return this.#sealing
    return collector.room()?.then(() => {})
  }

  #isDue(collector: Collector): boolean {
    return (
      collector.contentBytes >= this.#sealBytes || performance.now() - collector.openedAt >= this.#sealAfter
    )
  }

  #tick(): void {
    const collector = this.#current
    if (collector === undefined || this.#over) return
    const elapsed = performance.now() - this.#began
    if (collector.inTransaction) {
      if (elapsed >= this.#options.hardLimit) this.#done.reject(tooLong(elapsed))
      return
    }
    if (this.#sealing !== undefined) return
    const position = collector.end > this.#reached ? collector.end : this.#reached
    if (elapsed >= this.#options.seconds * 1_000 && position >= this.#until) {
      this.#over = true
      if (this.#isWorthSealing(collector)) this.#rotate(collector)
      else this.#done.resolve()
    } else if (collector.hasContent && this.#isDue(collector)) this.#rotate(collector)
  }

  #isWorthSealing(collector: Collector): boolean {
    return collector.hasContent || collector.end - collector.start >= QUIET_BYTES
  }

  /** Puts the collected segment away while the next one already fills. */
  #rotate(collector: Collector): void {
    if (this.#over) this.#current = undefined
    else this.#open(collector.end)
    this.#sealing = this.#seal(collector).then(
      () => {
        this.#sealing = undefined
        if (this.#over) this.#done.resolve()
      },
      async error => {
        await collector.discard().catch(() => {})
        this.#done.reject(error)
      },
    )
  }

  async #seal(collector: Collector): Promise<void> {
    const { control, destination, origin } = this.#options
    const facts = await collector.finish()
    const state = await readState(control)
    const frame = frameOf({ destination, origin, previous: this.#previous, state })
    const header = { ...frame, ...facts, ...collector.upload.facts(), kind: 'changes', gap: null } as const
    this.#previous = await collector.upload.seal(header)
    this.#lastCommit = facts.lastCommit ?? this.#lastCommit
    this.#segments++
    this.#transactions += facts.transactions
    this.#rows += facts.rows.insert + facts.rows.update + facts.rows.delete
    // Only now: what is not proven to be in the bucket must be sent again.
    this.#stream?.confirm(collector.end)
  }
}

function tooLong(elapsed: number): Transient {
  return new Transient(
    'TransactionTooLong',
    `a transaction was still arriving after ${Math.round(elapsed / 1_000)} s; nothing of it was archived`,
  )
}
