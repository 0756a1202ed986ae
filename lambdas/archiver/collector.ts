import { once } from 'node:events'
import { constants, createZstdCompress } from 'node:zlib'
import { FRAME } from '../runtime/segment/content.ts'
import type { SegmentHeader } from '../runtime/segment/header.ts'
import { formatLsn, type Lsn } from '../runtime/segment/lsn.ts'
import { formatMoment } from '../runtime/segment/moment.ts'
import { decodeChange, KIND } from '../runtime/segment/pgoutput.ts'
import type { SegmentUpload } from './upload.ts'

/** Bytes gathered before they go to the compressor's thread. */
const PAGE = 1024 * 1024

/** Measured on the changes of a small-row workload: level 1 costs a third of level 3 and gives up a tenth of its size. */
const LEVEL = 1

/** Schema and name in the message that describes the heartbeats' table. */
const HEARTBEAT = Buffer.from('holdfast\0heartbeat\0', 'latin1')

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
  /** Where the last complete transaction ended, or where the server said that nothing more is before. */
  end: Lsn
  contentBytes = 0
  transactions = 0
  readonly #compressor = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  })
  readonly #pumping: Promise<void>
  #failure: Error | undefined
  #page = Buffer.allocUnsafe(PAGE)
  #used = 0
  #heartbeatTable: number | undefined
  #inserts = 0
  #updates = 0
  #deletes = 0
  #truncates = 0
  #messages = 0
  #firstCommit: bigint | undefined
  #lastCommit: bigint | undefined
  #heartbeats: { first: string; last: string } | null = null

  constructor(start: Lsn, upload: SegmentUpload) {
    this.start = start
    this.end = start
    this.upload = upload
    // The pump tells of a failure; the compressor's own event would only end the process.
    this.#compressor.on('error', () => {})
    this.#pumping = this.#pump()
    this.#pumping.catch(error => {
      this.#failure = error
    })
  }

  /** Takes one pgoutput message; see Receiver.message. */
  take(bytes: Buffer, from: number, to: number, lsnAt: number): void {
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
    this.#append(bytes, from, to, lsnAt)
  }

  /** True when the segment would hold something. */
  get hasContent(): boolean {
    return this.contentBytes > 0
  }

  /** Undefined while there is room; else resolves when the compressor and the upload have caught up. */
  room(): Promise<unknown> | undefined {
    if (this.#failure) return Promise.reject(this.#failure)
    if (!this.#compressor.writableNeedDrain) return undefined
    return Promise.race([once(this.#compressor, 'drain'), this.#pumping])
  }

  /** Finishes the body. */
  async finish(): Promise<ContentFacts> {
    this.#turnPage()
    this.#compressor.end()
    await this.#pumping
    return {
      start: formatLsn(this.start),
      end: formatLsn(this.end),
      firstCommit: this.#firstCommit === undefined ? null : formatMoment(this.#firstCommit),
      lastCommit: this.#lastCommit === undefined ? null : formatMoment(this.#lastCommit),
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
    this.transactions++
    this.end = bytes.readBigUInt64BE(from + 10)
    this.#lastCommit = bytes.readBigInt64BE(from + 18)
    this.#firstCommit ??= this.#lastCommit
  }

  #noteHeartbeat(message: Buffer): void {
    const change = decodeChange(message)
    const seq = change.kind === 'insert' ? change.row[0] : undefined
    if (seq) this.#heartbeats = { first: this.#heartbeats?.first ?? seq, last: seq }
  }

  #append(bytes: Buffer, from: number, to: number, lsnAt: number): void {
    const length = to - from
    if (this.#used + FRAME + length > this.#page.length) this.#turnPage(FRAME + length)
    const page = this.#page
    page.writeUInt32BE(length, this.#used)
    bytes.copy(page, this.#used + 4, lsnAt, lsnAt + 8)
    bytes.copy(page, this.#used + FRAME, from, to)
    this.#used += FRAME + length
    this.contentBytes += FRAME + length
  }

  #turnPage(needed = 0): void {
    if (this.#used > 0) this.#compressor.write(this.#page.subarray(0, this.#used))
    this.#page = Buffer.allocUnsafe(Math.max(PAGE, needed))
    this.#used = 0
  }
}
