import type { Socket } from 'node:net'
import { HEADER_BYTES, messageLength } from './messages.ts'

/** Reads a socket by counts of bytes until it is released; what was not read then is handed back. */
export class ByteReader {
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)
  #ended: Error | undefined
  #wake: () => void = () => {}
  readonly #onData = (chunk: Buffer) => {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    this.#wake()
  }
  readonly #onEnd = () => {
    this.#ended = new Error('the connection ended during the login')
    this.#wake()
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', this.#onData)
    socket.on('close', this.#onEnd)
    socket.on('end', this.#onEnd)
  }

  /** The next bytes, left where they are. @throws when the connection ends before they came */
  async peek(count: number): Promise<Buffer> {
    while (this.#bytes.length < count) {
      if (this.#ended) throw this.#ended
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return this.#bytes.subarray(0, count)
  }

  /** The next bytes. @throws when the connection ends before they came */
  async read(count: number): Promise<Buffer> {
    const bytes = await this.peek(count)
    this.#bytes = this.#bytes.subarray(count)
    return bytes
  }

  /** Stops reading; the socket is paused. Returns what came and was not read. */
  release(): Buffer {
    this.#socket.off('data', this.#onData)
    this.#socket.off('close', this.#onEnd)
    this.#socket.off('end', this.#onEnd)
    this.#socket.pause()
    const rest = this.#bytes
    this.#bytes = Buffer.alloc(0)
    return rest
  }
}

const MAX_MESSAGE_BYTES = 1_048_576

/** One whole message of the login. @throws when it is longer than any of a login may be */
export async function readMessage(reader: ByteReader): Promise<Buffer> {
  const length = messageLength(await reader.peek(HEADER_BYTES)) ?? 0
  if (length < HEADER_BYTES || length > MAX_MESSAGE_BYTES) throw new Error('no message of the login')
  return reader.read(length)
}
