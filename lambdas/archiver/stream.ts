import type { Duplex } from 'node:stream'
import type pg from 'pg'
import { Transient } from '../runtime/failure.ts'
import type { Lsn } from '../runtime/segment/lsn.ts'

/** Byte codes of the replication protocol. */
const COPY_DATA = 0x64
const ERROR = 0x45
const READY = 0x5a
const COPY_BOTH = 0x57
const XLOG_DATA = 0x77
const KEEPALIVE = 0x6b

/** Bytes before the payload of an XLogData message: its letter, two positions, a time. */
const XLOG_HEADER = 25

/** Microseconds from 1970 to 2000, PostgreSQL's epoch. */
const EPOCH = 946_684_800_000_000n

/** What the server sends, as it arrives. Bytes are only valid during the call. */
export type Receiver = {
  /** One pgoutput message: `bytes` from `from` to `to`; its position in the log stands in the eight bytes at `lsnAt`. */
  readonly message: (bytes: Buffer, from: number, to: number, lsnAt: number) => void
  /** Everything before this position was sent. */
  readonly reached: (lsn: Lsn) => void
  /** After each burst of messages; a promise stops the stream until it settles. */
  readonly burst: () => Promise<void> | undefined
  /** The stream broke; nothing comes after it. */
  readonly failed: (error: Error) => void
}

/** SQLSTATE of a slot that another session reads. */
const OBJECT_IN_USE = '55006'

/**
 * The streaming replication protocol over a connection that pg opened and authenticated: from START_REPLICATION on
 * this class reads the socket itself. pg would make an object and an event of every row; reading frames in place
 * is what lets one Lambda keep up with the server's decoding.
 */
export class ReplicationStream {
  readonly #socket: Duplex
  readonly #receiver: Receiver
  #waiting: Buffer[] = []
  #gathered = 0
  #started: PromiseWithResolvers<void> | undefined
  #received: Lsn = 0n
  #flushed: Lsn
  #ended = false
  #finished = Promise.withResolvers<void>()

  constructor(client: pg.Client, receiver: Receiver, from: Lsn) {
    // pg's types leave the connection out; its socket is what a replication client must read and write.
    this.#socket = (client as unknown as { connection: { stream: Duplex } }).connection.stream
    this.#receiver = receiver
    this.#flushed = from
  }

  /**
   * Starts the stream; resolves when the server has begun.
   * @throws Transient `SlotBusy` when another session reads the slot, `StreamFailed` for everything else.
   */
  async start(command: string): Promise<void> {
    this.#started = Promise.withResolvers<void>()
    this.#socket.removeAllListeners('data')
    this.#socket.on('data', chunk => this.#read(chunk))
    this.#socket.once('close', () =>
      this.#fail(new Transient('StreamFailed', 'the server closed the stream')),
    )
    this.#socket.once('error', cause =>
      this.#fail(new Transient('StreamFailed', 'the stream broke', { cause })),
    )
    const text = Buffer.from(`${command}\0`, 'utf8')
    const query = Buffer.alloc(5)
    query.write('Q', 0, 'latin1')
    query.writeUInt32BE(4 + text.length, 1)
    this.#socket.write(Buffer.concat([query, text]))
    await this.#started.promise
  }

  /** Tells the server how far the archive reaches: the slot's confirmed position moves there. */
  confirm(lsn: Lsn): void {
    this.#flushed = lsn
    this.#report()
  }

  /** Says that this client lives and how far it is. */
  #report(): void {
    if (this.#ended) return
    const received = this.#received > this.#flushed ? this.#received : this.#flushed
    const status = Buffer.alloc(39)
    status.writeUInt8(COPY_DATA, 0)
    status.writeUInt32BE(38, 1)
    status.write('r', 5, 'latin1')
    status.writeBigUInt64BE(received, 6)
    status.writeBigUInt64BE(this.#flushed, 14)
    status.writeBigUInt64BE(this.#flushed, 22)
    status.writeBigInt64BE(BigInt(Date.now()) * 1_000n - EPOCH, 30)
    this.#socket.write(status)
  }

  /** Ends the stream and the connection; resolves when the server has let go of the slot, or after `patience` ms. */
  async end(patience = 10_000): Promise<void> {
    if (!this.#ended) {
      this.#report()
      this.#ended = true
      this.#socket.resume()
      this.#socket.write(Buffer.from([0x63, 0, 0, 0, 4])) // CopyDone
    }
    const timer = setTimeout(() => this.#socket.destroy(), patience)
    await this.#finished.promise
    clearTimeout(timer)
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    const bytes = this.#join(chunk)
    if (bytes === undefined) return
    let at = 0
    while (bytes.length - at >= 5) {
      const end = at + 1 + bytes.readUInt32BE(at + 1)
      if (end > bytes.length) break
      this.#frame(bytes, at, end)
      at = end
    }
    this.#waiting = at === bytes.length ? [] : [bytes.subarray(at)]
    this.#gathered = bytes.length - at
    const pause = this.#ended ? undefined : this.#receiver.burst()
    if (pause === undefined) return
    this.#socket.pause()
    pause.then(
      () => this.#socket.resume(),
      error => this.#fail(error),
    )
  }

  /** All bytes not yet read, or undefined while the frame that they begin is not complete: a row may take a gigabyte. */
  #join(chunk: Buffer): Buffer | undefined {
    this.#waiting.push(chunk)
    this.#gathered += chunk.length
    const first = this.#waiting[0]
    if (first === undefined || this.#waiting.length === 1) return chunk
    if (first.length >= 5 && this.#gathered < 1 + first.readUInt32BE(1)) return undefined
    return Buffer.concat(this.#waiting)
  }

  #frame(bytes: Buffer, at: number, end: number): void {
    const code = bytes[at]
    if (code === COPY_DATA) {
      if (this.#ended) return
      if (bytes[at + 5] === XLOG_DATA) this.#receiver.message(bytes, at + 5 + XLOG_HEADER, end, at + 6)
      else if (bytes[at + 5] === KEEPALIVE) this.#keepalive(bytes, at + 6)
    } else if (code === COPY_BOTH) this.#started?.resolve()
    else if (code === ERROR) this.#fail(failureOf(bytes.subarray(at + 5, end)))
    else if (code === READY) this.#finished.resolve()
  }

  #keepalive(bytes: Buffer, at: number): void {
    const reached = bytes.readBigUInt64BE(at)
    if (reached > this.#received) this.#received = reached
    this.#receiver.reached(reached)
    if (bytes[at + 16] === 1) this.#report()
  }

  #fail(error: Error): void {
    this.#started?.reject(error)
    this.#finished.resolve()
    if (this.#ended) return
    this.#ended = true
    this.#receiver.failed(error)
    this.#socket.destroy()
  }
}

function failureOf(fields: Buffer): Transient {
  const texts = fields.toString('utf8').split('\0')
  const field = (letter: string) => texts.find(text => text.startsWith(letter))?.slice(1) ?? ''
  const busy = field('C') === OBJECT_IN_USE
  return new Transient(
    busy ? 'SlotBusy' : 'StreamFailed',
    `the server ended the stream: ${field('M')} (SQLSTATE ${field('C')})`,
  )
}
