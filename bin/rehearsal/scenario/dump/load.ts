import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { Refusal, sentence } from '../../../../lambdas/runtime/failure.ts'
import type { Loaded, Say } from '../scenario.ts'
import { type Frame, readFrame } from './frame.ts'
import { type Piece, pieces, UnendedCopy } from './statements.ts'

/** SQLSTATEs after which a dump goes on, and why. Anything else refuses the dump. */
const HARMLESS: Readonly<Record<string, (text: string) => string | undefined>> = {
  '42P06': text => (/^create\s+schema/i.test(text) ? 'the schema is there already' : undefined),
  '42501': text => {
    if (/^(comment\s+on\s+extension|alter\s+extension)/i.test(text)) return 'only its owner may'
    // A superuser may make a role own what it could not have made there; a database's owner on RDS may not.
    return /^alter\s[\s\S]*\sowner\s+to\s/i.test(text)
      ? 'its owner in the dump may not create in that schema; the loading user keeps it'
      : undefined
  },
}

/** Statements about the database itself: the rehearsal has one already. */
const ABOUT_THE_DATABASE = /^(create|alter|drop|comment\s+on)\s+database\b/i

/**
 * Loads a plain-format `pg_dump` file: statements, COPY blocks, functions of either body style. Roles that it names
 * and the database lacks are created without login.
 * @throws Refusal `NotADump` for a missing or binary file, `DumpRefused` with the line at which PostgreSQL refused,
 * `DumpCutOff` for a file that ends before its dump does
 */
export async function loadDump(connection: pg.ClientConfig, file: string, say: Say): Promise<Loaded> {
  await refuseOtherFormats(file)
  const frame: Frame = {}
  const started = performance.now()
  const client = new pg.Client({ ...connection, application_name: 'holdfast rehearse: load' })
  await client.connect()
  try {
    const lines = createInterface({
      input: createReadStream(file, 'utf8'),
      crlfDelay: Number.POSITIVE_INFINITY,
    })
    const skipped: string[] = []
    const rows = { count: 0 }
    let tables = 0
    for await (const piece of pieces(readFrame(lines, frame))) {
      if (piece.kind === 'copy') {
        tables += 1
        say(
          `loading ${piece.text.split(/\s+/)[1] ?? 'a table'} (${rows.count.toLocaleString('en')} rows so far)`,
        )
      }
      const reason = await run(client, piece, rows).catch(error => refuse(file, piece, frame, error))
      if (reason !== undefined) skipped.push(`line ${piece.line}: ${firstLine(piece.text)} (${reason})`)
    }
    if (frame.begun && !frame.ended)
      throw cutOff(file, 'its last line is not "-- PostgreSQL database dump complete"')
    await client.query('reset all')
    await client.query('analyze')
    return { source: file, tables, rows: rows.count, seconds: (performance.now() - started) / 1_000, skipped }
  } finally {
    await client.end()
  }
}

function cutOff(file: string, fact: string): Refusal {
  return new Refusal('DumpCutOff', `${file} ends too early: ${fact}`, 'copy or make the dump again')
}

/** @throws Refusal `NotADump` for what is not there, is a folder, a custom-format dump or no text at all */
export async function refuseOtherFormats(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined)
  if (!found)
    throw new Refusal('NotADump', `${file} does not exist`, 'give the path of a plain-format pg_dump file')
  if (!found.isFile())
    throw new Refusal(
      'NotADump',
      `${file} is a folder`,
      `if it is a directory-format dump, turn it into plain format: pg_restore -f plain.sql ${file}`,
    )
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0)
    if (bytesRead === 0)
      throw new Refusal('NotADump', `${file} is empty`, 'make a plain-format dump: pg_dump -Fp')
    if (buffer.toString('latin1', 0, 5) === 'PGDMP')
      throw new Refusal(
        'NotADump',
        `${file} is a custom-format dump`,
        `turn it into plain format: pg_restore -f plain.sql ${file}`,
      )
    if (buffer.subarray(0, bytesRead).includes(0))
      throw new Refusal('NotADump', `${file} is not text`, 'make a plain-format dump: pg_dump -Fp')
  } finally {
    await handle.close()
  }
}

/** Runs one piece; answers the reason when it was left out. */
async function run(client: pg.Client, piece: Piece, rows: { count: number }): Promise<string | undefined> {
  if (piece.kind === 'meta') return meta(piece.text)
  if (piece.kind === 'copy') {
    await pipeline(Readable.from(encoded(piece.rows, rows)), client.query(copyFrom(piece.text)))
    return undefined
  }
  if (ABOUT_THE_DATABASE.test(piece.text)) return 'the rehearsal has its database already'
  const encoding = /^set\s+client_encoding\s*(?:=|to)\s*'?([\w-]+)/i.exec(piece.text)?.[1]
  if (encoding !== undefined && !/^utf-?8$/i.test(encoding))
    throw new Error(`the dump is in ${encoding}, and only UTF8 is read here: make it with pg_dump -E UTF8`)
  return tryStatement(client, piece.text, true)
}

async function tryStatement(
  client: pg.Client,
  text: string,
  mayCreateRoles: boolean,
): Promise<string | undefined> {
  try {
    await client.query(text)
    return undefined
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    const reason = HARMLESS[code]?.(text)
    if (reason !== undefined) return reason
    if (code !== '42704' || !mayCreateRoles || !(await createRoles(client, text))) throw error
    return tryStatement(client, text, false)
  }
}

function meta(text: string): string | undefined {
  // psql 18 brackets a dump with these against injected commands; they do nothing to the data.
  if (/^\\(un)?restrict\b/.test(text)) return undefined
  if (/^\\(connect|c)\b/.test(text)) return 'the rehearsal loads into one database'
  throw new Error(`the psql command ${text.split(/\s/)[0]} cannot be run here`)
}

const ROLE = /(?:"(?:[^"]|"")+"|[a-z_][\w$]*)/
const NAMES_ROLES = new RegExp(
  `(?:owner\\s+to|\\bto|\\bfrom|for\\s+role|for\\s+user)\\s+(${ROLE.source}(?:\\s*,\\s*${ROLE.source})*)`,
  'gi',
)

/** Creates the roles that an ownership or a grant names; false when the statement names none. */
async function createRoles(client: pg.Client, text: string): Promise<boolean> {
  const names = [...text.matchAll(NAMES_ROLES)].flatMap(
    match => (match[1] ?? '').match(new RegExp(ROLE.source, 'gi')) ?? [],
  )
  let created = false
  for (const quoted of names) {
    const name = quoted.startsWith('"') ? quoted.slice(1, -1).replaceAll('""', '"') : quoted.toLowerCase()
    if (['public', 'current_user', 'session_user', 'current_role'].includes(name)) continue
    const { rowCount } = await client.query('select from pg_catalog.pg_roles where rolname = $1', [name])
    if ((rowCount ?? 0) > 0) continue
    await client.query(`create role ${pg.escapeIdentifier(name)}`)
    // Giving an object away needs membership with SET in the role that receives it.
    await client.query(`grant ${pg.escapeIdentifier(name)} to current_user`)
    created = true
  }
  return created
}

async function* encoded(rows: AsyncIterable<string>, counter: { count: number }): AsyncGenerator<Buffer> {
  let batch = ''
  for await (const row of rows) {
    counter.count += 1
    batch += `${row}\n`
    if (batch.length > 65_536) {
      yield Buffer.from(batch)
      batch = ''
    }
  }
  if (batch !== '') yield Buffer.from(batch)
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 100)
}

function refuse(file: string, piece: Piece, { version }: Frame, cause: unknown): never {
  if (cause instanceof UnendedCopy) throw cutOff(file, `line ${piece.line}: ${cause.message}`)
  throw new Refusal(
    'DumpRefused',
    `${file}, line ${piece.line}: ${sentence(cause)}, at: ${firstLine(piece.text)}`,
    version === undefined
      ? 'load the dump into an empty database of the same PostgreSQL version by hand to see whether it is whole'
      : `the dump is of PostgreSQL ${version}: give the environment that engineVersion, or correct the statement`,
    { cause },
  )
}
