import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import { sqlstateOf } from '../runtime/server-error.ts'
import { plantMark } from './guard.ts'
import type { Side } from './side.ts'

/** Milliseconds that the server gives one statement. A function of the user's may catch the end of that time… */
const STATEMENT_TIMEOUT = 60_000

/** …so after these the connection is cut, which ends the wait whatever the server does. */
const PATIENCE = STATEMENT_TIMEOUT + 5_000

const SETTINGS: Readonly<Record<string, string>> = {
  default_transaction_read_only: 'on',
  statement_timeout: String(STATEMENT_TIMEOUT),
  lock_timeout: '5s',
  idle_in_transaction_session_timeout: '60s',
  // A cursor is planned for its first rows otherwise; here it is read to its end.
  cursor_tuple_fraction: '1',
}

/** Longer texts are no question. */
const LONGEST = 100_000

/** SQLSTATEs of a login that the server does not know: an old copy. */
const UNKNOWN_LOGIN = /^28/

/** The type of `true`, as the wire numbers it. */
const BOOLEAN = 16

/** What a statement answered: whether it is true, or in which other way it ended. No value of a row is in it. */
export type UsersAnswer =
  | { readonly kind: 'boolean'; readonly value: boolean | null }
  | { readonly kind: 'other'; readonly found: string }

const PROOF = `
select
  pg_catalog.pg_is_in_recovery() as recovering,
  holdfast.is_copy() as copy,
  case
    when $1::pg_catalog.uuid is null then false
    else exists (select from holdfast.canary c where c.id operator(pg_catalog.=) $1::pg_catalog.uuid)
  end as marked`

/**
 * Asks one statement that users wrote for a single boolean. Whatever it does, it does on a copy, alone in a session, as
 * a login that owns nothing and may execute nothing of ours, in a transaction that reads: after the proof has read,
 * nothing can make it write. It is the query of a cursor, which takes exactly one SELECT or VALUES, and its row is
 * fetched only when it is one boolean, so that no value of a row comes here and no answer is larger than that.
 * @throws Refusal `NotACopy` before a word of it ran
 */
export function askBoolean(sides: AskedSides, sql: string): Promise<UsersAnswer> {
  return overCursor(sides, sql, async client => {
    const { fields } = await say(client, 'fetch forward 0 from holdfast_question')
    if (fields.length !== 1 || fields[0]?.dataTypeID !== BOOLEAN)
      return { kind: 'other', found: `it answers ${describe(fields)}, not one boolean` }
    const { rows } = await say(client, 'fetch forward 2 from holdfast_question')
    const [row] = rows as unknown[][]
    if (row === undefined) return { kind: 'other', found: 'no row came back' }
    if (rows.length > 1) return { kind: 'other', found: 'more than one row came back' }
    return { kind: 'boolean', value: row[0] === true ? true : row[0] === false ? false : null }
  })
}

/** Runs one statement that users wrote to its end, in the same way; its rows stay on the server. */
export function runToItsEnd(sides: AskedSides, sql: string): Promise<void> {
  return overCursor(sides, sql, async client => {
    await say(client, 'move forward all in holdfast_question')
  })
}

/** The copy, and the living instance that a snapshot's copy is told apart from. */
export type AskedSides = { readonly copy: Side; readonly primary?: Side }

async function overCursor<T>(
  { copy, primary }: AskedSides,
  sql: string,
  read: (client: pg.Client) => Promise<T>,
): Promise<T> {
  if (sql.length > LONGEST)
    throw new Refusal(
      'BadQuestion',
      `a statement has ${sql.length} characters`,
      `at most ${LONGEST} are asked`,
    )
  const client = await reach(copy)
  try {
    const calls = Object.keys(SETTINGS).map(
      (_, at) => `pg_catalog.set_config($${2 * at + 1}, $${2 * at + 2}, false)`,
    )
    await client.query(`select ${calls.join(', ')}`, Object.entries(SETTINGS).flat())
    await client.query('begin transaction read only')
    await refuseUnproven(client, copy, primary)
    await say(client, `declare holdfast_question no scroll cursor without hold for ${sql}`)
    return await read(client)
  } finally {
    // The transaction goes with its session.
    await client.end()
  }
}

async function reach(copy: Side): Promise<pg.Client> {
  try {
    return await copy.openForAssertions()
  } catch (cause) {
    if (!UNKNOWN_LOGIN.test(sqlstateOf(cause))) throw cause
    throw new Refusal(
      'NoAssertionLogin',
      `${copy.endpoint.identifier} knows no login for assertions: it is older than that login`,
      'run the migrate function, and drill a moment after it',
      { cause },
    )
  }
}

/** A snapshot's copy stays on the primary's timeline and cannot say that it is one: it lacks a mark of this moment instead. */
async function refuseUnproven(client: pg.Client, copy: Side, primary: Side | undefined): Promise<void> {
  const first = (await client.query(PROOF, [null])).rows[0]
  if (first?.copy === true) return
  const mark = primary && first?.recovering === false ? randomUUID() : undefined
  if (primary && mark !== undefined && (await plantMark(primary, mark))) {
    const again = (await client.query(PROOF, [mark])).rows[0]
    if (again?.marked === false) return
  }
  throw new Refusal(
    'NotACopy',
    `${copy.endpoint.identifier} does not say that it is a copy: nothing that users wrote was run there`,
    'give the endpoint of the drill copy',
  )
}

/** One statement, which the extended protocol holds it to. */
function say(client: pg.Client, text: string): Promise<pg.QueryArrayResult<unknown[]>> {
  const config = { text, rowMode: 'array' as const, queryMode: 'extended', query_timeout: PATIENCE }
  return client.query<unknown[]>(config)
}

function describe(fields: readonly pg.FieldDef[]): string {
  return fields.length === 1 ? 'a column of another type' : `${fields.length} columns`
}
