import type { Duplex } from 'node:stream'
import type pg from 'pg'
import { Transient } from '../runtime/failure.ts'
import { formatLsn, type Lsn } from '../runtime/segment/lsn.ts'
import { INSERTS_PUBLICATION, PUBLICATION, SLOT } from './names.ts'

/** Byte codes of the frontend/backend protocol. */
const COPY_DATA = 0x64
const ERROR = 0x45
const READY = 0x5a

/** COPY's binary format begins with this much: signature, flags, length of an extension that is never there. */
const COPY_HEADER = 19

/** A row is: number of fields (2), length of the position (4), position (8), length of the message (4), message. */
const ROW_HEADER = 18

/** SQLSTATE of a slot that another session reads. */
const OBJECT_IN_USE = '55006'

export type Receiver = {
  /**
   * One pgoutput message: `bytes` from `from` to `to`, its position in the log in the eight bytes that begin twelve
   * before. Valid during the call only, in which these twelve may be written over.
   */
  readonly message: (bytes: Buffer, from: number, to: number) => void
  /** After each burst of messages; a promise stops the reading until it settles, and ends it when it rejects. */
  readonly room: () => Promise<unknown> | undefined
}

/**
 * Reads every published transaction whose commit the server finds before `upto`, without moving the slot.
 *
 * The rows come as a binary COPY of the peek, and this function reads the frames off the socket itself: text rows cost
 * five times as much, an object and an event for each row twice as much, and the streaming replication protocol three
 * times as much, since the server then makes a system call of every message (bench/archive.ts).
 * The connection serves nothing else from the first call on.
 * @throws Transient `SlotBusy` when another session reads the slot, `PeekFailed` for everything else
 */
export async function peek(connection: pg.Client, upto: Lsn, receiver: Receiver): Promise<void> {
  // pg's types leave the connection out; its socket is what must be read here.
  const socket = (connection as unknown as { connection: { stream: Duplex } }).connection.stream
  const frames = new Frames()
  const finished = Promise.withResolvers<void>()
  finished.promise.catch(() => {})
  let failure: Error | undefined
  let first = true
  const fail = (error: Error) => {
    failure ??= error
    finished.reject(failure)
  }
  const frame = (bytes: Buffer, at: number, end: number) => {
    const code = bytes[at]
    if (code === COPY_DATA) {
      const row = at + 5 + (first ? COPY_HEADER : 0)
      first = false
      // The last frame holds no row, only the number -1.
      if (failure === undefined && row + ROW_HEADER <= end) receiver.message(bytes, row + ROW_HEADER, end)
    } else if (code === ERROR) failure = failureOf(bytes.subarray(at + 5, end))
    else if (code === READY) failure === undefined ? finished.resolve() : finished.reject(failure)
  }
  const read = (chunk: Buffer) => {
    try {
      frames.read(chunk, frame)
    } catch (error) {
      return fail(error as Error)
    }
    const pause = receiver.room()
    if (pause === undefined) return
    socket.pause()
    pause.then(() => socket.resume(), fail)
  }
  const closed = () => fail(new Transient('PeekFailed', 'the server closed the connection'))
  socket.removeAllListeners('data')
  socket.on('data', read)
  socket.once('close', closed)
  if (socket.destroyed) closed()
  try {
    socket.write(queryMessage(statement(upto)))
    await finished.promise
  } finally {
    socket.off('data', read)
    socket.off('close', closed)
    // Half an answer may still be on its way: nothing sensible can follow it.
    if (failure !== undefined) socket.destroy()
  }
}

function statement(upto: Lsn): string {
  return `copy (
    select lsn, data
    from pg_catalog.pg_logical_slot_peek_binary_changes('${SLOT}', '${formatLsn(upto)}', null,
      'proto_version', '1', 'publication_names', '${PUBLICATION},${INSERTS_PUBLICATION}', 'messages', 'true')
  ) to stdout (format binary)`
}

function queryMessage(text: string): Buffer {
  const body = Buffer.from(`${text}\0`, 'utf8')
  const head = Buffer.alloc(5)
  head.write('Q', 0, 'latin1')
  head.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

/** Letter and length of a frame. */
const FRAME_HEADER = 5

/** Cuts a socket's chunks into the protocol's frames: a letter, a length, the rest. */
class Frames {
  /** The beginning of a frame whose end has not come: in pieces, since a row may take a gigabyte. */
  #waiting: Buffer[] = []
  #gathered = 0

  read(chunk: Buffer, take: (bytes: Buffer, at: number, end: number) => void): void {
    let at = this.#gathered === 0 ? 0 : this.#finishWaiting(chunk, take)
    while (chunk.length - at >= FRAME_HEADER) {
      const end = at + 1 + chunk.readUInt32BE(at + 1)
      if (end > chunk.length) break
      take(chunk, at, end)
      at = end
    }
    if (at < chunk.length) this.#hold(chunk, at, chunk.length - at)
  }

  /** Only the frame across two chunks is copied together. Answers how much of the chunk that took. */
  #finishWaiting(chunk: Buffer, take: (bytes: Buffer, at: number, end: number) => void): number {
    let at = this.#hold(chunk, 0, FRAME_HEADER - this.#gathered)
    if (this.#gathered < FRAME_HEADER) return at
    let [first] = this.#waiting
    if (first === undefined || first.length < FRAME_HEADER) {
      first = Buffer.concat(this.#waiting)
      this.#waiting = [first]
    }
    const length = 1 + first.readUInt32BE(1)
    at += this.#hold(chunk, at, length - this.#gathered)
    if (this.#gathered < length) return at
    const whole = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#gathered = 0
    take(whole, 0, length)
    return at
  }

  /** Keeps at most so many bytes of the chunk, and answers how many. */
  #hold(chunk: Buffer, at: number, most: number): number {
    const bytes = chunk.subarray(at, at + Math.max(0, most))
    if (bytes.length > 0) this.#waiting.push(bytes)
    this.#gathered += bytes.length
    return bytes.length
  }
}

function failureOf(fields: Buffer): Transient {
  const texts = fields.toString('utf8').split('\0')
  const field = (letter: string) => texts.find(text => text.startsWith(letter))?.slice(1) ?? ''
  return new Transient(
    field('C') === OBJECT_IN_USE ? 'SlotBusy' : 'PeekFailed',
    `the server could not decode its log: ${field('M')} (SQLSTATE ${field('C')})`,
  )
}
