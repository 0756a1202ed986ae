import type pg from 'pg'
import type { Lexing, Piece } from './statements.ts'
import { type Refused, runBytes } from './wire.ts'

const MOST_BYTES = 131_072
const MOST_STATEMENTS = 500
const BETWEEN = Buffer.from(';\n')

/** INSERTs sent together: a round trip for each would be most of the time that a dump of them takes. */
export class InsertBatch {
  readonly #client: pg.Client
  #pieces: Piece[] = []
  #bytes = 0

  constructor(client: pg.Client) {
    this.#client = client
  }

  get isFull(): boolean {
    return this.#bytes > MOST_BYTES || this.#pieces.length >= MOST_STATEMENTS
  }

  add(piece: Piece): void {
    this.#pieces.push(piece)
    this.#bytes += sizeOf(piece) + BETWEEN.length
  }

  /** Sends what was added, if anything; gives the rows. A batch that failed stays for `culprit`. */
  async run(): Promise<number> {
    if (this.#pieces.length === 0) return 0
    const rows = await runBytes(
      this.#client,
      this.#pieces.flatMap(({ parts }) => [...parts, BETWEEN]),
    )
    this.#pieces = []
    this.#bytes = 0
    return rows
  }

  /**
   * The statement that was refused: the first that was not done. A message with a mistake in its syntax does nothing
   * at all, and then the place of the mistake tells.
   */
  culprit({ done, position }: Refused, { encoding }: Lexing): Piece {
    const [first, ...rest] = this.#pieces.slice(done)
    if (first === undefined) throw new Error('an INSERT was refused after the last one was done')
    if (position === undefined || done > 0) return first
    let left = position
    for (const piece of [first, ...rest]) {
      left -= charactersOf(piece, encoding) + BETWEEN.length
      if (left <= 0) return piece
    }
    return first
  }
}

function sizeOf({ parts }: Piece): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

function charactersOf(piece: Piece, encoding: string): number {
  if (!/^utf-?8$/i.test(encoding)) return sizeOf(piece)
  // Bytes that continue a character do not count.
  return piece.parts.reduce(
    (sum, part) => sum + part.reduce((n, byte) => n + ((byte & 0xc0) === 0x80 ? 0 : 1), 0),
    0,
  )
}
