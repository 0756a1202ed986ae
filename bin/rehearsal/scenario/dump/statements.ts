/** One piece of a plain-format dump, in order. */
export type Piece =
  | { readonly kind: 'statement'; readonly text: string; readonly line: number }
  | {
      readonly kind: 'copy'
      readonly text: string
      readonly line: number
      readonly rows: AsyncIterable<string>
    }
  /** A psql command such as `\connect app` or `\restrict …`. */
  | { readonly kind: 'meta'; readonly text: string; readonly line: number }

type Quote = { readonly close: string; readonly escapes: boolean }

/** Where the reader stands inside a statement: quotes, comments, parentheses and `BEGIN ATOMIC` bodies hide semicolons. */
class Scanner {
  #text = ''
  #quote: Quote | undefined
  #comment = 0
  #parens = 0
  #blocks = 0
  #word = ''
  #words: string[] = []

  get empty(): boolean {
    return this.#text.trim() === '' && this.#quote === undefined && this.#comment === 0
  }

  /** Statements that end in this line, without their semicolons. */
  read(line: string): string[] {
    const ended: string[] = []
    for (let at = 0; at < line.length; ) {
      if (this.#quote === undefined && this.#comment === 0 && line.startsWith('--', at)) break
      at += this.#step(line, at, ended)
    }
    this.#endWord()
    this.#text += '\n'
    return ended
  }

  rest(): string {
    return this.#text.trim()
  }

  #step(line: string, at: number, ended: string[]): number {
    if (this.#comment > 0) return this.#inComment(line, at)
    if (this.#quote !== undefined) return this.#inQuote(line, at, this.#quote)
    const char = line[at] ?? ''
    if (/[A-Za-z0-9_\u0080-\uffff]/.test(char)) {
      this.#word += char
      this.#text += char
      return 1
    }
    const opened = this.#open(line, at)
    if (opened > 0) return opened
    this.#endWord()
    if (char === '(') this.#parens += 1
    if (char === ')') this.#parens -= 1
    if (char === ';' && this.#parens === 0 && this.#blocks === 0) {
      const statement = this.#text.trim()
      if (statement !== '') ended.push(statement)
      this.#reset()
      return 1
    }
    this.#text += char
    return 1
  }

  /** Enters a quote or a comment at `at`; answers how many characters opened it, 0 for none. */
  #open(line: string, at: number): number {
    if (line.startsWith('/*', at)) {
      this.#comment = 1
      this.#endWord()
      return 2
    }
    const char = line[at]
    const dollar =
      char === '$' && this.#word === ''
        ? /^\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(line.slice(at))?.[0]
        : undefined
    const close = dollar ?? (char === "'" || char === '"' ? char : undefined)
    if (close === undefined) return 0
    this.#quote = { close, escapes: close === "'" && /^e$/i.test(this.#word) }
    this.#endWord()
    this.#text += close
    return close.length
  }

  #inQuote(line: string, at: number, quote: Quote): number {
    if (quote.escapes && line[at] === '\\') {
      this.#text += line.slice(at, at + 2)
      return 2
    }
    if (!line.startsWith(quote.close, at)) {
      this.#text += line[at]
      return 1
    }
    // A doubled quote closes and opens again, which comes to the same here.
    this.#quote = undefined
    this.#text += quote.close
    return quote.close.length
  }

  #inComment(line: string, at: number): number {
    if (line.startsWith('/*', at)) this.#comment += 1
    else if (line.startsWith('*/', at)) this.#comment -= 1
    else return 1
    return 2
  }

  /** A body `BEGIN ATOMIC … END` holds whole statements; `CASE … END` inside it must not end it. */
  #endWord(): void {
    const word = this.#word.toLowerCase()
    this.#word = ''
    if (word === '') return
    if (this.#words.length < 4) this.#words.push(word)
    const routine =
      this.#words[0] === 'create' && this.#words.some(w => w === 'function' || w === 'procedure')
    if (!routine || this.#parens > 0) return
    if (word === 'begin' || (word === 'case' && this.#blocks > 0)) this.#blocks += 1
    if (word === 'end' && this.#blocks > 0) this.#blocks -= 1
  }

  #reset(): void {
    this.#text = ''
    this.#word = ''
    this.#words = []
    this.#parens = 0
    this.#blocks = 0
  }
}

const COPY = /^copy\s[\s\S]*\sfrom\s+stdin\b/i

/**
 * Cuts a plain-format dump into statements, COPY blocks and psql commands, reading a line at a time: a dump larger
 * than memory passes. The rows of a COPY block must be read to their end before the next piece is asked for.
 */
export async function* pieces(lines: AsyncIterable<string>): AsyncGenerator<Piece> {
  const source = lines[Symbol.asyncIterator]()
  const scanner = new Scanner()
  let number = 0
  let start = 1
  for (let next = await source.next(); !next.done; next = await source.next()) {
    number += 1
    if (scanner.empty) {
      start = number
      if (next.value.startsWith('\\')) {
        yield { kind: 'meta', text: next.value, line: number }
        continue
      }
    }
    for (const text of scanner.read(next.value)) {
      if (COPY.test(text)) {
        yield { kind: 'copy', text, line: start, rows: block(source, () => (number += 1)) }
      } else yield { kind: 'statement', text, line: start }
      start = number + 1
    }
  }
  // Without its semicolon: PostgreSQL says what is wrong with it, if anything is.
  if (scanner.rest() !== '') yield { kind: 'statement', text: scanner.rest(), line: start }
}

async function* block(source: AsyncIterator<string>, counted: () => number): AsyncGenerator<string> {
  for (let next = await source.next(); !next.done; next = await source.next()) {
    counted()
    if (next.value === '\\.') return
    yield next.value
  }
  throw new UnendedCopy('the rows of this COPY have no end')
}

/** The file ended inside a COPY block. */
export class UnendedCopy extends Error {}
