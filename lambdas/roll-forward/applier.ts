import type pg from 'pg'
import { Refusal, sentence } from '../runtime/failure.ts'
import type { Relation, Tuple } from '../runtime/segment/pgoutput.ts'
import type { Placed } from '../runtime/segment/transactions.ts'
import { PREFIX, type Recorded, RIGHTS, type SchemaChanges } from './schema-change.ts'
import { deleteRow, insertRows, quote, type Statement, truncateTables, updateRow } from './statement.ts'

/** Statements sent ahead of their answers. More only takes memory. */
const WINDOW = 500

/** Rows of one insert statement; a rest goes one by one, so that few statements need a plan. */
const ROWS = 64

/** Times, numbers and intervals must read as the archiver wrote them. */
const SESSION = `
set row_security = off;
set lock_timeout = '60s';
set synchronous_commit = off;
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set intervalstyle = 'postgres';
set bytea_output = 'hex';
set xmloption = 'content';
set lc_monetary = 'C';
set check_function_bodies = off`

/** Gives this session the right to write everywhere in the copy, without triggers, and a known form of text. */
export async function prepareSession(client: pg.Client): Promise<void> {
  await client.query('select from holdfast.open_for_roll_forward()')
  for (const statement of SESSION.split(';')) await client.query(statement)
}

/** Applies changes to the copy, in order, without waiting for each: the answers are checked at `settle`. */
export class Applier {
  readonly #client: pg.Client
  #waiting: Promise<void>[] = []
  #inserts: { readonly relation: Relation; readonly rows: Tuple[] } | undefined
  #failure: unknown
  rows = 0
  schemaChanges = 0
  leftOut: string[] = []

  /** `client` pipelines its statements; a transaction is open on it. */
  constructor(client: pg.Client) {
    this.#client = client
  }

  /** One change of a transaction. @throws Refusal when the copy is not what the change continues. */
  async apply(placed: Placed, changes: SchemaChanges): Promise<void> {
    const { change, relations } = placed
    const [relation] = relations
    if (change.kind === 'insert' && relation) await this.#insert(relation, change.row)
    else if (change.kind === 'update' && relation)
      await this.#send(updateRow(relation, change.row, change.old))
    else if (change.kind === 'delete' && relation) await this.#send(deleteRow(relation, change.old))
    else if (change.kind === 'truncate') await this.#send(repeated(truncateTables(relations, change)))
    else if (change.kind === 'message' && change.prefix === PREFIX)
      await this.#changeSchema(JSON.parse(change.content.toString('utf8')), changes)
  }

  /** Resolves when everything sent so far was answered as expected. */
  async settle(): Promise<void> {
    this.#sendInserts()
    const waiting = this.#waiting
    this.#waiting = []
    await Promise.all(waiting)
    if (this.#failure !== undefined) throw this.#failure
  }

  async #insert(relation: Relation, row: Tuple): Promise<void> {
    if (this.#inserts?.relation !== relation) this.#sendInserts()
    this.#inserts ??= { relation, rows: [] }
    this.#inserts.rows.push(row)
    this.rows++
    if (this.#inserts.rows.length < ROWS) return
    this.#sendInserts()
    if (this.#waiting.length >= WINDOW) await this.settle()
  }

  async #send(statement: Statement): Promise<void> {
    this.#sendInserts()
    this.rows++
    this.#run(statement)
    if (this.#waiting.length >= WINDOW) await this.settle()
  }

  #sendInserts(): void {
    const run = this.#inserts
    if (run === undefined) return
    this.#inserts = undefined
    if (run.rows.length === ROWS && ROWS * run.relation.columns.length < 65_536)
      this.#run(insertRows(run.relation, run.rows))
    else for (const row of run.rows) this.#run(insertRows(run.relation, [row]))
  }

  #run(statement: Statement): void {
    const { name, text, values, expected } = statement
    const asked = this.#client.query(name === '' ? { text, values } : { name, text, values })
    this.#waiting.push(
      asked.then(
        answer => {
          if (expected >= 0 && answer.rowCount !== expected)
            this.#failure ??= rowMissing(text, answer.rowCount)
        },
        error => {
          this.#failure ??= notApplied(text, error)
        },
      ),
    )
  }

  async #changeSchema(recorded: Recorded, changes: SchemaChanges): Promise<void> {
    await this.settle()
    const replay = changes.replay(recorded)
    if (replay.kind === 'left out') {
      this.leftOut.push(replay.reason)
      return
    }
    const settings = await this.#client.query(
      `select pg_catalog.current_setting('search_path') as path,
         $1::text is not null and exists (
           select from pg_catalog.pg_roles r
           where r.rolname = $1 and pg_catalog.pg_has_role(r.oid, 'set')) as may`,
      [replay.role ?? null],
    )
    const { path, may } = settings.rows[0]
    await this.#client.query('savepoint schema_change')
    try {
      if (replay.searchPath !== undefined)
        await this.#client.query("select pg_catalog.set_config('search_path', $1, true)", [replay.searchPath])
      if (may) {
        await this.#client.query(`set local role ${quote(replay.role ?? '')}`)
        await this.#client.query(replay.text)
      } else await this.#client.query('select holdfast.repeat_on_copy($1)', [replay.text])
      await this.#client.query("select pg_catalog.set_config('role', 'none', true)")
      await this.#client.query("select pg_catalog.set_config('search_path', $1, true)", [path])
      await this.#client.query('release savepoint schema_change')
      this.schemaChanges++
    } catch (error) {
      if (!RIGHTS.includes(recorded.tag)) throw notApplied(replay.text, error)
      await this.#client.query('rollback to savepoint schema_change')
      this.leftOut.push(`${recorded.tag}: ${sentence(error)}`)
    }
  }
}

/** The right to truncate comes with none of PostgreSQL's roles, only with the table: the owner does it. */
function repeated(statement: string): Statement {
  return { name: '', text: 'select holdfast.repeat_on_copy($1)', values: [statement], expected: 1 }
}

function rowMissing(text: string, found: number | null): Refusal {
  return new Refusal(
    'RowMissing',
    `a change found ${found} rows where the primary had one: ${text.slice(0, 300)}`,
    'the copy is not what the archive continues: compare it with the primary at the cut',
  )
}

function notApplied(text: string, cause: unknown): Refusal {
  return new Refusal(
    'NotApplied',
    `the copy refused a change of the primary: ${text.slice(0, 300)}`,
    'the reason is PostgreSQL’s own, above; a change that the archive does not hold came before it',
    { cause },
  )
}
