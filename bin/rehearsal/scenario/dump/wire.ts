import type { Writable } from 'node:stream'
import type pg from 'pg'

/** What a submitted query may use of pg's connection. */
type Wire = { readonly stream: Writable }

/** PostgreSQL refused; `done` statements of the message had been run before. */
export class Refused extends Error {
  readonly code: string
  readonly done: number
  /** Place in the message, in characters from 1. */
  readonly position: number | undefined
  /** Where in the rows or in a function, as PostgreSQL says it. */
  readonly where: string

  constructor(cause: Error & { code?: string; position?: string; where?: string }, done: number) {
    super(cause.message)
    this.code = cause.code ?? ''
    this.done = done
    this.position = cause.position === undefined ? undefined : Number(cause.position)
    this.where = cause.where ?? ''
  }
}

/**
 * One message of the simple query protocol, of bytes that nobody decodes. pg's own queries are strings, which would
 * be encoded as UTF-8 whatever the dump is in, and held in memory two or three times over.
 */
class RawQuery {
  readonly #parts: readonly Buffer[]
  readonly #rows: (() => AsyncIterable<Buffer>) | undefined
  readonly #settle: (error: Error | undefined, rows: number) => void
  #done = 0
  #rowCount = 0
  #isOver = false

  constructor(
    parts: readonly Buffer[],
    rows: (() => AsyncIterable<Buffer>) | undefined,
    settle: (error: Error | undefined, rows: number) => void,
  ) {
    this.#parts = parts
    this.#rows = rows
    this.#settle = settle
  }

  submit({ stream }: Wire): void {
    const length = this.#parts.reduce((sum, part) => sum + part.length, 5)
    void this.#write(stream, [header('Q', length), ...this.#parts, Buffer.alloc(1)])
  }

  handleCopyInResponse({ stream }: Wire): void {
    void this.#feed(stream)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.#done += 1
    if (/^(INSERT|COPY)\s/.test(text)) this.#rowCount += Number(/\d+$/.exec(text)?.[0] ?? 0)
  }

  handleError(error: Error): void {
    this.#finish(new Refused(error, this.#done))
  }

  handleReadyForQuery(): void {
    this.#finish(undefined)
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyData(): void {}

  async #feed(stream: Writable): Promise<void> {
    try {
      for await (const chunk of this.#rows?.() ?? []) {
        if (this.#isOver) return
        await this.#write(stream, [header('d', chunk.length + 4), chunk])
      }
      await this.#write(stream, [header('c', 4)])
    } catch (error) {
      // The server's answer to this ends the query; what went wrong here is what the caller must hear.
      const reason = Buffer.from('the rows ended\0')
      await this.#write(stream, [header('f', reason.length + 4), reason])
      this.#finish(error as Error)
    }
  }

  async #write(stream: Writable, parts: readonly Buffer[]): Promise<void> {
    stream.cork()
    let isTaken = true
    for (const part of parts) isTaken = stream.write(part)
    stream.uncork()
    if (!isTaken) await drained(stream)
  }

  #finish(error: Error | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#settle(error, this.#rowCount)
  }
}

/** Waits until the stream takes more, or is closed: then the client itself tells of the broken connection. */
function drained(stream: Writable): Promise<void> {
  if (stream.destroyed) return Promise.resolve()
  return new Promise(resolve => {
    const settle = () => {
      stream.off('drain', settle).off('close', settle)
      resolve()
    }
    stream.on('drain', settle).on('close', settle)
  })
}

function header(type: string, length: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes.write(type, 'latin1')
  bytes.writeUInt32BE(length, 1)
  return bytes
}

/**
 * Runs the bytes as one simple query message; gives the rows that it inserted. `rows` is read when a COPY asks for it.
 * @throws Refused when PostgreSQL refuses, or whatever `rows` throws
 */
export function runBytes(
  client: pg.Client,
  parts: readonly Buffer[],
  rows?: () => AsyncIterable<Buffer>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const query = new RawQuery(parts, rows, (error, count) => (error ? reject(error) : resolve(count)))
    client.query(query as unknown as pg.Submittable)
  })
}
