import type pg from 'pg'
import { Refusal, sentence } from '../../../../lambdas/runtime/failure.ts'
import type { Loaded, Say } from '../scenario.ts'
import { InsertBatch } from './batch.ts'
import { formatOf, notText, readPlain } from './format.ts'
import { type Frame, noteFrame } from './frame.ts'
import { hintFor } from './hint.ts'
import { type LeftOut, whyHarmless, whyNever } from './left-out.ts'
import { refuseCommand } from './psql-command.ts'
import { readArchive } from './restore-program.ts'
import { createRoles } from './roles.ts'
import { inOneTransaction, openSession, type Session } from './session.ts'
import { NotText, Source, UnendedCopy } from './source.ts'
import { type Piece, Statements } from './statements.ts'
import { firstLine, headOf, isInsert } from './text.ts'
import { TransactionBlock } from './transaction-block.ts'
import { Refused, runBytes } from './wire.ts'

/** Statements that cannot be left out and name no role: nothing is kept to go back to. */
const ALL_OR_NOTHING =
  /^(select(?!\s+pg_catalog\.lo_unlink\b)|insert|update|delete|merge|with|values|copy|truncate|lock|table|savepoint|release|rollback)\b/i
const ABOUT_THE_SESSION = /^(set|select\s+pg_catalog\.set_config)\b/i
const LACKS_OBJECT = '42704'

/**
 * Loads a `pg_dump` file: plain format by itself, the others through this machine's `pg_restore`. The bytes go to the
 * server as they are, cut where psql would cut them; psql's own commands are never run. All of it is one transaction,
 * so that a refused dump leaves nothing. Roles that it names and the database lacks are created without login.
 * @throws Refusal `NotADump`, `NoRestoreProgram` or `DumpUnreadable` for the file, `DumpRefused` with the line at which
 * PostgreSQL refused, `DumpCutOff` for a file that ends before its dump does
 */
export async function loadDump(connection: pg.ClientConfig, file: string, say: Say): Promise<Loaded> {
  const format = await formatOf(file)
  const started = performance.now()
  const session = await openSession(connection)
  try {
    const load = new Load(session, file, say)
    const chunks = format === 'archive' ? readArchive(file) : readPlain(file)
    const filled = await inOneTransaction(session, () => load.run(chunks)).catch(error => {
      throw error instanceof Refusal ? error : load.refusal(error)
    })
    // Not the parents of partitions: to analyze them would ask the servers of foreign ones.
    for (const { name } of filled.filter(({ parted }) => !parted))
      await session.client.query(`analyze ${name}`).catch(() => {})
    const { rows, skipped, roles } = load
    const seconds = (performance.now() - started) / 1_000
    const relations = filled.map(({ name }) => name)
    const tables = filled.filter(({ parted }) => !parted).length
    return { source: file, tables, relations, rows, seconds, skipped, roles: [...roles] }
  } finally {
    await session.client.end()
  }
}

class Load {
  readonly #session: Session
  readonly #file: string
  readonly #say: Say
  readonly #frame: Frame = {}
  readonly #left: LeftOut = { extensions: new Set() }
  readonly #block: TransactionBlock
  readonly #batch: InsertBatch
  #source: Source | undefined
  #told = 0
  /** True once a statement ran that was not about the session alone. */
  #hasBegun = false
  rows = 0
  readonly skipped: string[] = []
  readonly roles = new Set<string>()

  constructor(session: Session, file: string, say: Say) {
    this.#session = session
    this.#file = file
    this.#say = say
    this.#block = new TransactionBlock(session.client)
    this.#batch = new InsertBatch(session.client)
  }

  async run(chunks: AsyncIterable<Buffer>): Promise<void> {
    const source = new Source(chunks)
    this.#source = source
    const statements = new Statements(source, this.#session.lexing, comment =>
      noteFrame(comment, this.#frame),
    )
    for (;;) {
      const piece = await statements.next()
      if (piece === undefined) break
      this.#refuseHalf(piece)
      if (piece.kind === 'statement' && isInsert(piece)) {
        this.#hasBegun = true
        this.#batch.add(piece)
        if (this.#batch.isFull) await this.#flush()
      } else await this.#runPiece(piece)
    }
    await this.#flush()
    if (this.#frame.begun && !this.#frame.ended)
      throw this.#cutOff('its last line is not "-- PostgreSQL database dump complete"')
  }

  /** What the load failed with, where no piece was at fault. */
  refusal(error: unknown): Refusal {
    if (error instanceof NotText) return notText(this.#file)
    return new Refusal(
      'DumpRefused',
      `${this.#file}: ${sentence(error)}`,
      hintFor(this.#describe(error, '')),
      { cause: error },
    )
  }

  async #flush(): Promise<void> {
    try {
      this.rows += await this.#batch.run()
      this.#tell('rows')
    } catch (error) {
      throw error instanceof Refused
        ? this.#refuse(this.#batch.culprit(error, this.#session.lexing), error)
        : error
    }
  }

  async #runPiece(piece: Piece): Promise<void> {
    await this.#flush()
    const head = headOf(piece)
    try {
      const reason =
        piece.kind === 'meta'
          ? refuseCommand(piece, head, { isEmpty: !this.#hasBegun, file: this.#file })
          : await this.#runStatement(piece, head)
      if (reason !== undefined)
        this.skipped.push(`line ${piece.line}: ${firstLine(head, this.#session.lexing)} (${reason})`)
    } catch (error) {
      throw error instanceof Refusal || error instanceof NotText ? error : this.#refuse(piece, error)
    }
  }

  /** Runs a statement; gives the reason when it was left out. */
  async #runStatement(piece: Piece, head: string): Promise<string | undefined> {
    const { client } = this.#session
    const never = whyNever(head)
    if (never !== undefined) return never
    this.#hasBegun ||= !ABOUT_THE_SESSION.test(head)
    if (await this.#block.handle(head)) return undefined
    if (ALL_OR_NOTHING.test(head)) {
      if (/^copy\s/i.test(head)) this.#tell(/^copy\s+(\S+)/i.exec(head)?.[1] ?? 'a table')
      this.rows += await runBytes(client, piece.parts, () => this.#source?.rows() ?? emptyRows())
      return undefined
    }
    const refused = await tryStatement(client, piece)
    if (refused === undefined) return undefined
    const reason = whyHarmless(refused.code, head, this.#left)
    if (reason !== undefined) return reason
    const made = refused.code === LACKS_OBJECT ? await createRoles(client, head) : []
    if (made.length === 0) throw refused
    for (const role of made) this.roles.add(firstLine(role, this.#session.lexing))
    const again = await tryStatement(client, piece)
    if (again === undefined) return undefined
    const late = whyHarmless(again.code, head, this.#left)
    if (late === undefined) throw again
    return late
  }

  #refuseHalf({ unended, line }: Piece): void {
    const isHalf = unended === 'open' || (unended === 'bare' && this.#frame.begun && !this.#frame.ended)
    if (isHalf) throw this.#cutOff(`line ${line}: the statement that begins there has no end`)
  }

  #cutOff(fact: string): Refusal {
    return new Refusal('DumpCutOff', `${this.#file} ends too early: ${fact}`, 'copy or make the dump again')
  }

  #refuse(piece: Piece, cause: unknown): Refusal {
    if (cause instanceof UnendedCopy) return this.#cutOff(`line ${piece.line}: ${cause.message}`)
    const head = headOf(piece)
    const row = cause instanceof Refused ? /^COPY .*, line (\d+)/.exec(cause.where)?.[1] : undefined
    const line = piece.line + Number(row ?? 0)
    return new Refusal(
      'DumpRefused',
      `${this.#file}, line ${line}: ${sentence(cause)}, at: ${firstLine(head, this.#session.lexing)}`,
      hintFor(this.#describe(cause, head)),
      { cause },
    )
  }

  #describe(cause: unknown, head: string) {
    const code = cause instanceof Refused ? cause.code : ''
    const { version, begun } = this.#frame
    const { encoding } = this.#session.lexing
    const server = this.#session.server()
    return { code, head, encoding, version, server, isFramed: begun === true }
  }

  /** At most once a second: a dump of inserts has a batch every few milliseconds. */
  #tell(what: string): void {
    const now = performance.now()
    if (now - this.#told < 1_000) return
    this.#told = now
    this.#say(`loading ${what} (${this.rows.toLocaleString('en')} rows so far)`)
  }
}

async function* emptyRows(): AsyncGenerator<Buffer> {}

/** Runs a statement that may be left out; what PostgreSQL refuses is undone and given back. */
async function tryStatement(client: pg.Client, { parts }: Piece): Promise<Refused | undefined> {
  try {
    const before = Buffer.from('savepoint holdfast_piece;')
    // On a line of its own: the statement may end in a comment.
    await runBytes(client, [before, ...parts, Buffer.from('\n;release savepoint holdfast_piece')])
    return undefined
  } catch (error) {
    // With a mistake in its syntax nothing of the message was run, not even the savepoint.
    if (!(error instanceof Refused) || error.code === '' || error.done === 0) throw error
    await runBytes(client, [
      Buffer.from('rollback to savepoint holdfast_piece;release savepoint holdfast_piece'),
    ])
    return error
  }
}
