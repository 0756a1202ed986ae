import type { Source } from './source.ts'

/** One piece of a plain-format dump, in order. */
export type Piece = {
  /** A statement without its semicolon, or a psql command such as `\connect app`. */
  readonly kind: 'statement' | 'meta'
  /** The bytes of it, in parts as they were read: a literal may be as wide as PostgreSQL takes. */
  readonly parts: readonly Buffer[]
  /** Line on which it begins. */
  readonly line: number
  /** The file ended before the statement's semicolon: `open` inside quotes, a comment or parentheses. */
  readonly unended?: 'bare' | 'open'
  /** True when a statement is under way around this psql command. */
  readonly isInside?: boolean
}

/** What the server says of the session, as far as it changes where a literal ends. */
export type Lexing = {
  /** `standard_conforming_strings` */
  standardStrings: boolean
  /** `client_encoding` */
  encoding: string
}

/** In these a character's second byte may be a backslash. */
const TWO_BYTES = /^(sjis|shift_jis_2004|big5|gbk|gb18030|uhc|johab)$/i

const LF = 0x0a
const DOUBLE = 0x22
const DOLLAR = 0x24
const SINGLE = 0x27
const OPEN = 0x28
const CLOSE = 0x29
const STAR = 0x2a
const MINUS = 0x2d
const SLASH = 0x2f
const SEMICOLON = 0x3b
const BACKSLASH = 0x5c

/** What ends it: one byte that may stand doubled inside, or a dollar quote's tag. */
type Quote = { readonly close: number | Buffer; readonly size: number; readonly escapes: boolean }

const PLAIN: Quote = { close: SINGLE, size: 1, escapes: false }
const ESCAPING: Quote = { close: SINGLE, size: 1, escapes: true }
const NAME: Quote = { close: DOUBLE, size: 1, escapes: false }

/**
 * Cuts a dump into statements and psql commands where psql would: quotes, comments, parentheses and `BEGIN ATOMIC`
 * bodies hide semicolons. It reads no further than the piece that it gives, so that a statement which changes how
 * the next one is read may be run first.
 */
export class Statements {
  readonly #source: Source
  readonly #lexing: Lexing
  readonly #comment: (text: string) => void
  #parts: Buffer[] = []
  /** Where the statement began in the source's bytes; undefined between statements. */
  #start: number | undefined
  #line = 1
  #quote: Quote | undefined
  #depth = 0
  #parens = 0
  #blocks = 0
  #words: string[] = []
  /** Place just behind a word `E`, which makes a following quote one with escapes. */
  #afterE = -1
  /** An escaping quote ended and nothing but space came since: a next one continues it. */
  #mayContinue = false

  /** `comment` is told of each `--` comment between statements, which is where pg_dump speaks of itself. */
  constructor(source: Source, lexing: Lexing, comment: (text: string) => void) {
    this.#source = source
    this.#lexing = lexing
    this.#comment = comment
  }

  async next(): Promise<Piece | undefined> {
    for (;;) {
      const piece = this.#scan()
      if (piece) return piece
      if (this.#source.isEnded) return this.#rest()
      await this.#more()
    }
  }

  async #more(): Promise<void> {
    const { bytes, at } = this.#source
    if (this.#start !== undefined && at > this.#start) this.#parts.push(bytes.subarray(this.#start, at))
    if (this.#start !== undefined) this.#start = 0
    this.#afterE = this.#afterE === at ? 0 : -1
    await this.#source.fill()
  }

  /** Goes on to the end of a piece; undefined when more bytes are needed, or at the end of the file. */
  #scan(): Piece | undefined {
    const source = this.#source
    while (source.at < source.bytes.length) {
      const before = source.at
      if (this.#depth > 0) this.#inComment()
      else if (this.#quote) this.#inQuote(this.#quote)
      else {
        const piece = this.#step(source.bytes[source.at] ?? 0)
        if (piece) return piece
      }
      if (source.at === before) {
        if (!source.isEnded) return undefined
        source.pass(source.at + 1)
      }
    }
    return undefined
  }

  /** One token outside quotes and comments. Leaves the place where it is when the token may go on in bytes to come. */
  #step(byte: number): Piece | undefined {
    const source = this.#source
    const { bytes, at } = source
    if (byte <= 0x20) {
      source.pass(at + 1)
      return undefined
    }
    const next = bytes[at + 1]
    if ((byte === MINUS || byte === SLASH) && next === undefined && !source.isEnded) return undefined
    if (byte === MINUS && next === MINUS) return this.#lineComment()
    if (byte === SLASH && next === STAR) {
      this.#depth = 1
      source.pass(at + 2)
      return undefined
    }
    if (byte === BACKSLASH) return this.#meta()
    if (byte === SEMICOLON && this.#parens === 0 && this.#blocks === 0) return this.#end()
    if (this.#start === undefined) {
      this.#start = at
      this.#line = source.line
    }
    if (isWord(byte)) return this.#word()
    const quote = this.#opens(byte)
    if (quote === 'more') return undefined
    this.#mayContinue = false
    this.#quote = quote
    if (byte === OPEN) this.#parens += 1
    if (byte === CLOSE && this.#parens > 0) this.#parens -= 1
    source.pass(at + (quote?.size ?? 1))
    return undefined
  }

  #opens(byte: number): Quote | 'more' | undefined {
    const { bytes, at, isEnded } = this.#source
    const hasEscapes = this.#afterE === at || this.#mayContinue || !this.#lexing.standardStrings
    if (byte === SINGLE) return hasEscapes ? ESCAPING : PLAIN
    if (byte === DOUBLE) return NAME
    if (byte !== DOLLAR) return undefined
    let end = at + 1
    while (isWord(bytes[end] ?? 0)) end += 1
    if (end === bytes.length && !isEnded) return 'more'
    const isTag = bytes[end] === DOLLAR && !isDigit(bytes[at + 1] ?? 0)
    if (!isTag) return undefined
    return { close: Buffer.from(bytes.subarray(at, end + 1)), size: end + 1 - at, escapes: false }
  }

  /** A whole word, with the bookkeeping for `BEGIN ATOMIC … END`, in which `CASE … END` must not end the body. */
  #word(): undefined {
    const source = this.#source
    const { bytes, at } = source
    let end = at + 1
    while (isWord(bytes[end] ?? 0) || bytes[end] === DOLLAR) end += 1
    if (end === bytes.length && !source.isEnded) return
    source.pass(end)
    this.#mayContinue = false
    this.#afterE = end - at === 1 && (bytes[at] === 0x45 || bytes[at] === 0x65) ? end : -1
    const isRoutine = this.#words.length > 1 && isRoutineHead(this.#words)
    if (this.#words.length >= 4 && !isRoutine) return
    const word = bytes.toString('latin1', at, Math.min(end, at + 64)).toLowerCase()
    if (this.#words.length < 4) this.#words.push(word)
    if (!isRoutine || this.#parens > 0) return
    if (word === 'begin' || (word === 'case' && this.#blocks > 0)) this.#blocks += 1
    if (word === 'end' && this.#blocks > 0) this.#blocks -= 1
  }

  #inQuote(quote: Quote): void {
    const source = this.#source
    const { bytes } = source
    if (quote.escapes) {
      source.pass(this.#skipEscapes(source.at))
      if (bytes[source.at] !== SINGLE) return
    }
    const found = bytes.indexOf(quote.close, source.at)
    if (found < 0) {
      // What may be the beginning of the end stays.
      source.pass(Math.max(source.at, bytes.length - quote.size + 1))
      return
    }
    // A doubled quote closes and opens again, which comes to the same.
    source.pass(found + quote.size)
    this.#quote = undefined
    this.#mayContinue = quote.escapes
  }

  /** The place of the next quote that no backslash takes away, or of what may not be judged without more bytes. */
  #skipEscapes(from: number): number {
    const { bytes, isEnded } = this.#source
    const isWide = TWO_BYTES.test(this.#lexing.encoding)
    const isJapanese = /^s/i.test(this.#lexing.encoding)
    let at = from
    for (let byte = bytes[at]; byte !== undefined && byte !== SINGLE; byte = bytes[at]) {
      const isPair =
        byte === BACKSLASH || (isWide && byte > 0x80 && !(isJapanese && byte > 0x9f && byte < 0xe0))
      if (isPair && at + 1 === bytes.length && !isEnded) break
      at += isPair ? 2 : 1
    }
    return Math.min(at, bytes.length)
  }

  #inComment(): void {
    const source = this.#source
    const { bytes } = source
    let at = source.at
    for (; at + 1 < bytes.length && this.#depth > 0; at += 1) {
      if (bytes[at] === SLASH && bytes[at + 1] === STAR) this.#depth += 1
      else if (bytes[at] === STAR && bytes[at + 1] === SLASH) this.#depth -= 1
      else continue
      at += 1
    }
    source.pass(at)
  }

  #lineComment(): undefined {
    const source = this.#source
    const end = source.bytes.indexOf(LF, source.at)
    if (end < 0 && !source.isEnded) return
    const to = end < 0 ? source.bytes.length : end
    if (this.#start === undefined) this.#comment(source.bytes.toString('latin1', source.at, to).trimEnd())
    source.pass(to)
  }

  /** A backslash outside quotes begins a psql command; it takes the rest of its line. */
  #meta(): Piece | undefined {
    const source = this.#source
    const end = source.bytes.indexOf(LF, source.at)
    if (end < 0 && !source.isEnded) return undefined
    const { line, at } = source
    source.pass(end < 0 ? source.bytes.length : end)
    return {
      kind: 'meta',
      parts: [source.bytes.subarray(at, source.at)],
      line,
      isInside: this.#start !== undefined,
    }
  }

  #end(): Piece | undefined {
    const source = this.#source
    const { bytes, at } = source
    source.pass(at + 1)
    if (this.#start === undefined) return undefined
    const parts = [...this.#parts, bytes.subarray(this.#start, at)]
    this.#reset()
    return { kind: 'statement', parts, line: this.#line }
  }

  /** A last statement without its semicolon. */
  #rest(): Piece | undefined {
    if (this.#start === undefined && this.#depth === 0) return undefined
    const { bytes } = this.#source
    const isOpen = this.#quote !== undefined || this.#depth > 0 || this.#parens > 0 || this.#blocks > 0
    const parts = [...this.#parts, bytes.subarray(this.#start ?? 0)]
    this.#reset()
    return { kind: 'statement', parts, line: this.#line, unended: isOpen ? 'open' : 'bare' }
  }

  #reset(): void {
    this.#parts = []
    this.#start = undefined
    this.#words = []
    this.#quote = undefined
    this.#depth = 0
    this.#parens = 0
    this.#blocks = 0
    this.#mayContinue = false
  }
}

function isRoutineHead(words: readonly string[]): boolean {
  const kind = words[1] === 'or' && words[2] === 'replace' ? words[3] : words[1]
  return words[0] === 'create' && (kind === 'function' || kind === 'procedure')
}

const isDigit = (byte: number) => byte >= 0x30 && byte <= 0x39

/** Letters, digits, the underscore and every byte of a character beyond ASCII. */
function isWord(byte: number): boolean {
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    isDigit(byte) ||
    byte === 0x5f ||
    byte >= 0x80
  )
}
