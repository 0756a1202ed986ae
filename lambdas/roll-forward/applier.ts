import type pg from 'pg'
import { Refusal, sentence } from '../runtime/failure.ts'
import type { Relation, Tuple } from '../runtime/segment/pgoutput.ts'
import type { Placed } from '../runtime/segment/transactions.ts'
import { type Group, type Pending, pendingOf } from './pending.ts'
import { PREFIX, type Recorded, RIGHTS, type SchemaChanges } from './schema-change.ts'
import { quote, type Statement, statementOf, tableName, truncateTables } from './statement.ts'
import { readTable, type Table } from './table.ts'

/** Changes that wait at most; more only takes memory. */
const MOST_WAITING = 50_000

/** Characters of values that wait at most. */
const MOST_TEXT = 16_000_000

/** Changes of one statement. */
const ROWS = 5_000

/** A unique or an exclusion constraint that one statement broke and the changes one by one may not. */
const COLLISIONS = ['23505', '23P01']

/**
 * Times, numbers and intervals must read as the archiver wrote them. Plans are made once, for tables that may have been
 * empty then: they must find rows by the key's index whatever they cost.
 */
const SESSION = `
set row_security = off;
set lock_timeout = '60s';
set synchronous_commit = off;
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set intervalstyle = 'postgres';
set extra_float_digits = 3;
set bytea_output = 'hex';
set xmloption = 'content';
set lc_monetary = 'C';
set check_function_bodies = off;
set plan_cache_mode = force_generic_plan;
set enable_seqscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
set jit = off`

/** Gives this session the right to write everywhere in the copy, without triggers, and a known form of text. */
export async function prepareSession(client: pg.Client): Promise<void> {
  await client.query('select from holdfast.open_for_roll_forward()')
  for (const statement of SESSION.split(';')) await client.query(statement)
}

/** What was applied. */
export type Done = { rows: number; schemaChanges: number; readonly leftOut: string[] }

const nothingDone = (): Done => ({ rows: 0, schemaChanges: 0, leftOut: [] })

/**
 * Applies changes to the copy so that it ends as if each had been made in its turn. They gather by table, as far as
 * their order allows, and are sent in few statements without waiting for each: the answers are checked at `settle`.
 */
export class Applier {
  readonly #client: pg.Client
  readonly #pending = new Map<Table, Pending>()
  #shapes = new WeakMap<Relation, Table>()
  #tables = new Map<string, Table>()
  #waiting = 0
  #text = 0
  #answers: Promise<unknown>[] = []
  #done = nothingDone()

  /** `client` pipelines its statements; the transactions on it are the caller's. */
  constructor(client: pg.Client) {
    this.#client = client
  }

  /** One change of a transaction. @throws Refusal when the copy is not what the change continues. */
  async apply(placed: Placed, changes: SchemaChanges): Promise<void> {
    const { change, relations } = placed
    const [relation] = relations
    if (change.kind === 'truncate') await this.#truncate(truncateTables(relations, change))
    else if (change.kind === 'message' && change.prefix === PREFIX)
      await this.#changeSchema(JSON.parse(change.content.toString('utf8')), changes)
    else if (relation === undefined) return
    else if (change.kind === 'insert' || change.kind === 'update' || change.kind === 'delete') {
      const pending = this.#pendingOf(this.#shapes.get(relation) ?? (await this.#tableOf(relation)))
      if (change.kind === 'insert') pending.insert(change.row)
      else if (change.kind === 'delete') pending.delete(change.old)
      else pending.update(change.old, change.row)
      this.#done.rows++
      this.#waiting++
      this.#text += change.kind === 'delete' ? lengthOf(change.old) : lengthOf(change.row)
      if (this.#waiting >= MOST_WAITING || this.#text >= MOST_TEXT) await this.#flush()
    }
  }

  /** Row changes since the last `settle`. */
  get rows(): number {
    return this.#done.rows
  }

  /** Resolves when everything so far was sent and answered as expected, with what was done since the last call. */
  async settle(): Promise<Done> {
    await this.#flush()
    await this.#answered()
    const done = this.#done
    this.#done = nothingDone()
    return done
  }

  #pendingOf(table: Table): Pending {
    const pending = this.#pending.get(table) ?? pendingOf(table)
    this.#pending.set(table, pending)
    return pending
  }

  async #tableOf(relation: Relation): Promise<Table> {
    const shape = JSON.stringify(relation)
    let table = this.#tables.get(shape)
    if (table === undefined) {
      // It may be another shape of a table whose changes wait.
      const name = tableName(relation)
      if ([...this.#pending.keys()].some(each => tableName(each.relation) === name)) await this.#flush()
      table = await readTable(this.#client, relation)
      this.#tables.set(shape, table)
    }
    this.#shapes.set(relation, table)
    return table
  }

  /** Sends what waits, when what was sent before is answered: the next changes are read meanwhile. */
  async #flush(): Promise<void> {
    const pending = [...this.#pending]
    this.#pending.clear()
    this.#waiting = 0
    this.#text = 0
    if (pending.length === 0) return
    await this.#answered()
    // What was planned for a table of one row scans it for ever, however it has grown.
    this.#send(this.#ask('discard plans'))
    for (const [table, changes] of pending) {
      const send = async (groups: readonly Group[]) => {
        for (const group of groups) await this.#sendGroup(table, group)
      }
      const together = () => send(changes.groups())
      if (changes.mayCollide) await this.#orElse('gathered', together, () => send(changes.inOrder()))
      else await together()
    }
  }

  async #sendGroup(table: Table, group: Group): Promise<void> {
    if (group.kind === 'remove') return this.#sendScanning(table, group)
    for (let from = 0; from < group.changes.length; from += ROWS) {
      const part = { ...group, changes: group.changes.slice(from, from + ROWS) }
      if (group.kind === 'update' && group.minds && part.changes.length > 1)
        await this.#sendOrdered(table, part)
      else if (group.kind !== 'insert' && !table.isIndexed) this.#sendScanning(table, part)
      else this.#send(this.#run(table, part))
    }
  }

  /** Without an index rows are found by looking at all of them, once for all changes: by a hash. */
  #sendScanning(table: Table, group: Group): void {
    this.#send(this.#ask('set enable_hashjoin = on'))
    this.#send(this.#ask('set enable_nestloop = off'))
    this.#send(this.#run(table, group))
    this.#send(this.#ask('set enable_nestloop = on'))
    this.#send(this.#ask('set enable_hashjoin = off'))
  }

  /** One statement may update its rows in an order in which a constraint refuses one: then they go one by one. */
  #sendOrdered(table: Table, group: Group): Promise<void> {
    const each = async () => {
      for (const change of group.changes) this.#send(this.#run(table, { ...group, changes: [change] }))
    }
    return this.#orElse('together', () => this.#run(table, group), each)
  }

  /** Tries the quick way; what a unique or an exclusion constraint refuses is taken back and goes the sure way. */
  async #orElse(name: string, quick: () => Promise<void>, sure: () => Promise<void>): Promise<void> {
    await this.#answered()
    await this.#client.query(`savepoint ${name}`)
    try {
      await quick()
      await this.#answered()
    } catch (error) {
      if (!isCollision(error)) throw error
      this.#answers = []
      await this.#client.query(`rollback to savepoint ${name}`)
      await sure()
      await this.#answered()
    }
    await this.#client.query(`release savepoint ${name}`)
  }

  async #run(table: Table, group: Group): Promise<void> {
    const statement = statementOf(table, group)
    const rows = await this.#ask(statement.text, statement)
    mustTouchEach(table, group, statement, rows)
  }

  async #ask(
    text: string,
    { name, values }: Partial<Statement> = {},
  ): Promise<pg.QueryArrayResult<[string]>> {
    try {
      return await this.#client.query({
        ...{ text, rowMode: 'array' },
        ...(name && { name }),
        ...(values && { values: [...values] }),
      })
    } catch (error) {
      throw notApplied(text, error)
    }
  }

  #send(work: Promise<unknown>): void {
    // Looked at in `#answered`; until then nobody awaits it.
    work.catch(() => {})
    this.#answers.push(work)
  }

  /** In the order in which they were sent: behind the first failure all the others only say that there was one. */
  async #answered(): Promise<void> {
    const answers = this.#answers
    this.#answers = []
    for (const answer of answers) await answer
  }

  /** The right to truncate comes with none of PostgreSQL's roles, only with the table: the owner does it. */
  async #truncate(statement: string): Promise<void> {
    await this.#flush()
    this.#done.rows++
    this.#send(this.#ask('select holdfast.repeat_on_copy($1)', { values: [statement] }))
  }

  async #changeSchema(recorded: Recorded, changes: SchemaChanges): Promise<void> {
    await this.#flush()
    await this.#answered()
    this.#shapes = new WeakMap()
    this.#tables = new Map()
    const replay = changes.replay(recorded)
    if (replay.kind === 'left out') {
      this.#done.leftOut.push(replay.reason)
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
      this.#done.schemaChanges++
    } catch (error) {
      if (!RIGHTS.includes(recorded.tag)) throw notApplied(replay.text, error)
      await this.#client.query('rollback to savepoint schema_change')
      this.#done.leftOut.push(`${recorded.tag}: ${sentence(error)}`)
    }
  }
}

/** @throws Refusal `RowMissing` unless each change found the row that it found on the primary, and no other. */
function mustTouchEach(
  table: Table,
  group: Group,
  statement: Statement,
  answer: pg.QueryArrayResult<[string]>,
): void {
  const wanted = group.changes.length
  if (!statement.answers) {
    if (answer.rowCount !== wanted) throw rowMissing(table, group, `${answer.rowCount} of ${wanted} rows`)
    return
  }
  const touched = new Array<number>(wanted).fill(0)
  for (const [number] of answer.rows) touched[Number(number) - 1] = (touched[Number(number) - 1] ?? 0) + 1
  const wrong = touched.findIndex((times, place) => times !== (group.times?.[place] ?? 1))
  if (wrong < 0) return
  const values = group.changes[wrong]?.old ?? []
  const shown = (table.key?.map(column => column.index) ?? values.map((_, index) => index))
    .map(index => `${table.columns[index]?.name} = ${values[index] ?? 'null'}`)
    .join(', ')
  throw rowMissing(table, group, `${touched[wrong]} rows with ${shown.slice(0, 300)}`)
}

function rowMissing(table: Table, group: Group, found: string): Refusal {
  const kind = group.kind === 'remove' ? 'delete or update' : group.kind
  return new Refusal(
    'RowMissing',
    `${kind} of ${tableName(table.relation)} found ${found} where the primary had each once`,
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

function isCollision(error: unknown): boolean {
  const code = error instanceof Refusal ? (error.cause as { code?: string } | undefined)?.code : undefined
  return code !== undefined && COLLISIONS.includes(code)
}

function lengthOf(tuple: Tuple): number {
  let length = 0
  for (const value of tuple) length += value?.length ?? 0
  return length
}
