import type pg from 'pg'
import type { Relation, Tuple } from '../runtime/segment/pgoutput.ts'
import type { Placed } from '../runtime/segment/transactions.ts'
import { liftLimits } from './limits.ts'
import { type Pending, pendingOf } from './pending.ts'
import { type Computed, repeat } from './repeat.ts'
import { PREFIX, type Recorded, type SchemaChanges } from './schema-change.ts'
import { Sender } from './sender.ts'
import { tableName, triggersOff, triggersOn, truncateTables } from './statement.ts'
import { readTable, type Table } from './table.ts'

/** Changes that wait at most; more only takes memory. */
const MOST_WAITING = 50_000

/** Characters of values that wait at most. */
const MOST_TEXT = 16_000_000

/**
 * Times, numbers and intervals must read as the archiver wrote them. Plans are made once, for tables that may have been
 * empty then: they must find rows by the key's index whatever they cost. The archive's own event triggers rest but for the changes
 * that are repeated.
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
set jit = off;
set holdfast.following = 'on'`

/** Gives this session the right to write everywhere in the copy, without triggers, and a known form of text. */
export async function prepareSession(client: pg.Client): Promise<void> {
  await liftLimits(client)
  await client.query('select from holdfast.open_for_roll_forward()')
  for (const statement of SESSION.split(';')) await client.query(statement)
}

/** What was applied. */
export type Done = {
  rows: number
  schemaChanges: number
  readonly leftOut: string[]
  readonly withheld: string[]
  readonly roles: string[]
  readonly computed: Computed[]
}

const nothingDone = (): Done => ({
  rows: 0,
  schemaChanges: 0,
  leftOut: [],
  withheld: [],
  roles: [],
  computed: [],
})

/**
 * Applies changes to the copy so that it ends as if each had been made in its turn. They gather by table, as far as
 * their order allows, and are sent in few statements without waiting for each: the answers are checked at `settle`.
 */
export class Applier {
  readonly #client: pg.Client
  readonly #sender: Sender
  readonly #pending = new Map<Table, Pending>()
  #shapes = new WeakMap<Relation, Table>()
  #tables = new Map<string, Table>()
  #waiting = 0
  #text = 0
  #done = nothingDone()

  /** `client` pipelines its statements; the transactions on it are the caller's. */
  constructor(client: pg.Client) {
    this.#client = client
    this.#sender = new Sender(client)
  }

  /** One change of a transaction. @throws Refusal when the copy is not what the change continues. */
  async apply(placed: Placed, changes: SchemaChanges): Promise<void> {
    const { change, relations } = placed
    const [relation] = relations
    if (change.kind === 'truncate') await this.#truncate(relations, change)
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
    await this.#sender.answered()
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
    await this.#sender.answered()
    // What was planned for a table of one row scans it for ever, however it has grown.
    this.#sender.send('discard plans')
    for (const [table, changes] of pending) await this.#sender.sendAll(table, changes)
  }

  /** The right to truncate comes with none of PostgreSQL's roles, only with the table. */
  async #truncate(
    relations: readonly Relation[],
    flags: { readonly cascade: boolean; readonly restart: boolean },
  ): Promise<void> {
    await this.#flush()
    this.#done.rows++
    const tables: Table[] = []
    for (const relation of relations) tables.push(await this.#tableOf(relation))
    this.#sender.sendAsOwner(
      ...tables.flatMap(triggersOff),
      truncateTables(relations, flags),
      ...tables.flatMap(triggersOn),
    )
  }

  async #changeSchema(recorded: Recorded, changes: SchemaChanges): Promise<void> {
    await this.#flush()
    await this.#sender.answered()
    this.#shapes = new WeakMap()
    this.#tables = new Map()
    const replay = changes.replay(recorded)
    if (replay.kind === 'withheld') this.#done.withheld.push(replay.reason)
    if (replay.kind !== 'run') return
    const repeated = await repeat(this.#client, recorded, replay.text)
    this.#done.schemaChanges++
    this.#done.leftOut.push(...repeated.leftOut)
    this.#done.roles.push(...repeated.roles)
    this.#done.computed.push(...repeated.computed)
  }
}

function lengthOf(tuple: Tuple): number {
  let length = 0
  for (const value of tuple) length += value?.length ?? 0
  return length
}
