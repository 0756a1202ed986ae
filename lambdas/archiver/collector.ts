import { constants, createZstdCompress } from 'node:zlib'
import { FRAME } from '../runtime/segment/content.ts'
import type { SegmentHeader } from '../runtime/segment/header.ts'
import { formatLsn, type Lsn } from '../runtime/segment/lsn.ts'
import { formatMoment } from '../runtime/segment/moment.ts'
import { decodeChange, KIND } from '../runtime/segment/pgoutput.ts'
import type { SegmentUpload } from './upload.ts'

/** Bytes gathered before they go to the compressor's thread. */
const PAGE = 1024 * 1024

/** Pages that are filled and compressed in turns: the stream is read on while others are compressed. */
const PAGES = 4

/** Bytes that the compressor hands out at once. Node's own 16 KiB cost a turn of the event loop and a buffer each. */
const PIECE = 256 * 1024

/** Measured on the changes of a small-row workload: level 1 costs a third of level 3 and gives up a tenth of its size. */
const LEVEL = 1

/** Schema and name in the message that describes the heartbeats' table. */
const HEARTBEAT = Buffer.from('holdfast\0heartbeat\0', 'latin1')

/** Bytes of a commit message from its end position to its time. */
const COMMIT = 16

/** What a header says about the content. */
export type ContentFacts = Pick<
  SegmentHeader,
  | 'start'
  | 'end'
  | 'firstCommit'
  | 'lastCommit'
  | 'heartbeats'
  | 'transactions'
  | 'rows'
  | 'truncates'
  | 'messages'
  | 'contentBytes'
>

/** Gathers the messages of one segment, counts them and compresses them towards the bucket while they arrive. */
export class Collector {
  readonly start: Lsn
  readonly upload: SegmentUpload
  contentBytes = 0
  transactions = 0
  readonly #compressor = createZstdCompress({
    chunkSize: PIECE,
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  readonly #pumping: Promise<void>
  #failure: Error | undefined
  #page: Buffer = Buffer.allocUnsafe(PAGE)
  #used = 0
  /** Pages compressed already: used again, since new ones for each megabyte keep the garbage collector at work. */
  readonly #free: Buffer[] = []
  #filled = 0
  #turned: PromiseWithResolvers<void> | undefined
  #heartbeatTable: number | undefined
  #inserts = 0
  #updates = 0
  #deletes = 0
  #truncates = 0
  #messages = 0
  /** Where the server said that nothing more is before. */
  #reached: Lsn
  /** End and time of the first and the last commit, as the stream has them: numbers of that size cost too much each time. */
  readonly #firstCommit = Buffer.alloc(COMMIT)
  readonly #lastCommit = Buffer.alloc(COMMIT)
  #heartbeats: { first: string; last: string } | null = null

  constructor(start: Lsn, upload: SegmentUpload) {
    this.start = start
    this.#reached = start
    this.upload = upload
    // The pump tells of a failure; the compressor's own event would only end the process.
    this.#compressor.on('error', () => {})
    this.#pumping = this.#pump()
    this.#pumping.catch(error => {
      this.#failure = error
    })
  }

  /** Takes one pgoutput message; see Receiver.message. */
  take(bytes: Buffer, from: number, to: number): void {
    switch (bytes[from]) {
      case KIND.insert:
        this.#inserts++
        if (bytes.readUInt32BE(from + 1) === this.#heartbeatTable)
          this.#noteHeartbeat(bytes.subarray(from, to))
        break
      case KIND.update:
        this.#updates++
        break
      case KIND.delete:
        this.#deletes++
        break
      case KIND.commit:
        this.#noteCommit(bytes, from)
        break
      case KIND.relation:
        if (bytes.indexOf(HEARTBEAT, from) === from + 5) this.#heartbeatTable = bytes.readUInt32BE(from + 1)
        break
      case KIND.truncate:
        this.#truncates++
        break
      case KIND.message:
        this.#messages++
        break
    }
    this.#append(bytes, from, to)
  }

  /** Where the last complete transaction ended, or as far as is known that nothing more is before. */
  get end(): Lsn {
    const last = this.transactions > 0 ? this.#lastCommit.readBigUInt64BE(0) : this.start
    return last > this.#reached ? last : this.#reached
  }

  /** Nothing more is before this position. */
  reach(position: Lsn): void {
    this.#reached = position
  }

  /** True when the segment would hold something. */
  get hasContent(): boolean {
    return this.contentBytes > 0
  }

  /** Undefined while there is room; else resolves when the compressor and the upload have caught up. */
  room(): Promise<unknown> | undefined {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#filled < PAGES) return undefined
    this.#turned = Promise.withResolvers()
    return Promise.race([this.#turned.promise, this.#pumping])
  }

  /** Finishes the body. */
  async finish(): Promise<ContentFacts> {
    this.#turnPage()
    this.#compressor.end()
    await this.#pumping
    return {
      start: formatLsn(this.start),
      end: formatLsn(this.end),
      firstCommit: this.#momentOf(this.#firstCommit),
      lastCommit: this.#momentOf(this.#lastCommit),
      heartbeats: this.#heartbeats,
      transactions: this.transactions,
      rows: { insert: this.#inserts, update: this.#updates, delete: this.#deletes },
      truncates: this.#truncates,
      messages: this.#messages,
      contentBytes: this.contentBytes,
    }
  }

  /** Gives up what was gathered; nothing of it becomes visible. */
  async discard(): Promise<void> {
    this.#compressor.destroy()
    await this.#pumping.catch(() => {})
    await this.upload.abort()
  }

  async #pump(): Promise<void> {
    for await (const piece of this.#compressor) await this.upload.write(piece as Buffer)
  }

  #noteCommit(bytes: Buffer, from: number): void {
    bytes.copy(this.#lastCommit, 0, from + 10, from + 10 + COMMIT)
    if (this.transactions === 0) this.#lastCommit.copy(this.#firstCommit)
    this.transactions++
  }

  #momentOf(commit: Buffer): string | null {
    return this.transactions === 0 ? null : formatMoment(commit.readBigInt64BE(8))
  }

  #noteHeartbeat(message: Buffer): void {
    const change = decodeChange(message)
    const seq = change.kind === 'insert' ? change.row[0] : undefined
    if (seq) this.#heartbeats = { first: this.#heartbeats?.first ?? seq, last: seq }
  }

  /** The server sends position, length, message: turned round where they stand, they are a frame, and go as one. */
  #append(bytes: Buffer, from: number, to: number): void {
    const at = from - FRAME
    const length = to - at
    const high = bytes.readUInt32BE(at)
    const low = bytes.readUInt32BE(at + 4)
    bytes.writeUInt32BE(to - from, at)
    bytes.writeUInt32BE(high, at + 4)
    bytes.writeUInt32BE(low, at + 8)
    if (this.#used + length > this.#page.length) this.#turnPage(length)
    bytes.copy(this.#page, this.#used, at, to)
    this.#used += length
    this.contentBytes += length
  }

  #turnPage(needed = 0): void {
    const page = this.#page
    if (this.#used > 0) {
      this.#filled++
      this.#compressor.write(page.subarray(0, this.#used), () => this.#takeBack(page))
      this.#page = (needed <= PAGE && this.#free.pop()) || Buffer.allocUnsafe(Math.max(PAGE, needed))
    } else if (needed > page.length) this.#page = Buffer.allocUnsafe(needed)
    this.#used = 0
  }

  /** A failure is told by the pump. */
  #takeBack(page: Buffer): void {
    this.#filled--
    if (page.length === PAGE) this.#free.push(page)
    this.#turned?.resolve()
  }
}
