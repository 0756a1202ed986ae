/** A byte of a dump that stands for itself in every encoding that PostgreSQL lets a client speak. */
const LF = 0x0a
const END_OF_ROWS = Buffer.from('\n\\.')
/** What some editors put before UTF-8; psql passes over it, too. */
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** The file holds a zero byte, which no statement and no row in text form can. */
export class NotText extends Error {}

/** The file ended inside a COPY block. */
export class UnendedCopy extends Error {}

/**
 * The bytes of a dump with a place in them. Nothing is decoded: what a reader takes out goes to the server as it
 * came. Lines end in `\n` alone, as they do for psql.
 */
export class Source {
  bytes: Buffer = Buffer.alloc(0)
  at = 0
  /** Line of the place, from 1. */
  line = 1
  isEnded = false
  readonly #chunks: AsyncIterator<Buffer>
  #nextLf = -1
  #isFirst = true

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Forgets what lies before the place and reads on; false at the end of the file. */
  async fill(): Promise<boolean> {
    const rest = this.bytes.subarray(this.at)
    const next = this.isEnded ? undefined : await this.#chunks.next()
    if (next === undefined || next.done) {
      this.isEnded = true
      this.replace(rest)
      return false
    }
    if (next.value.includes(0)) throw new NotText('it holds a zero byte')
    this.replace(rest.length === 0 ? next.value : Buffer.concat([rest, next.value]))
    if (this.#isFirst && next.value.subarray(0, 3).equals(BYTE_ORDER_MARK)) this.at = 3
    this.#isFirst = false
    return true
  }

  /** Moves the place to `to`, counting the lines between. */
  pass(to: number): void {
    this.at = to
    while (this.#nextLf < to) {
      this.line += 1
      this.#nextLf = this.#findLf(this.#nextLf + 1)
    }
  }

  /**
   * The rows of a COPY block, up to the line `\.`, in pieces of any size. What stands behind the statement on its own
   * line comes after the rows, as for psql.
   * @throws UnendedCopy when the file ends first
   */
  async *rows(): AsyncGenerator<Buffer> {
    const behind = await this.#takeLine()
    let isFresh = true
    for (;;) {
      // As many bytes as the longest end of rows, so that none is cut in two.
      while (this.bytes.length - this.at < 6 && (await this.fill()));
      const found = isFresh && this.#isEndOfRows(this.at) ? this.at - 1 : this.#findEndOfRows()
      if (found !== undefined) {
        if (found >= this.at) yield this.#take(found + 1)
        await this.#takeLine()
        if (behind.some(byte => byte > 0x20)) {
          this.line -= 1
          this.replace(Buffer.concat([behind, this.bytes.subarray(this.at)]))
        }
        return
      }
      if (this.isEnded) throw new UnendedCopy('the rows of this COPY have no end')
      const safe = this.bytes.length - 5
      if (safe > this.at) {
        isFresh = this.bytes[safe - 1] === LF
        yield this.#take(safe)
      }
      await this.fill()
    }
  }

  replace(bytes: Buffer): void {
    this.bytes = bytes
    this.at = 0
    this.#nextLf = this.#findLf(0)
  }

  #findLf(from: number): number {
    const found = this.bytes.indexOf(LF, from)
    return found < 0 ? Number.POSITIVE_INFINITY : found
  }

  #take(to: number): Buffer {
    const taken = this.bytes.subarray(this.at, to)
    this.pass(to)
    return taken
  }

  async #takeLine(): Promise<Buffer> {
    let end = this.bytes.indexOf(LF, this.at)
    while (end < 0 && (await this.fill())) end = this.bytes.indexOf(LF, this.at)
    return this.#take(end < 0 ? this.bytes.length : end + 1)
  }

  /** The line break before the line `\.`, or undefined while none is in sight. */
  #findEndOfRows(): number | undefined {
    let found = this.bytes.indexOf(END_OF_ROWS, this.at)
    while (found >= 0 && !this.#isEndOfRows(found + 1)) found = this.bytes.indexOf(END_OF_ROWS, found + 1)
    return found < 0 ? undefined : found
  }

  #isEndOfRows(at: number): boolean {
    if (this.bytes[at] !== 0x5c || this.bytes[at + 1] !== 0x2e) return false
    const next = this.bytes[at + 2]
    return next === LF || (next === 0x0d && this.bytes[at + 3] === LF) || (next === undefined && this.isEnded)
  }
}
