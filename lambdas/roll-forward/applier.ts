import type pg from 'pg'
import type { Relation, Tuple } from '../runtime/segment/pgoutput.ts'
import type { Placed } from '../runtime/segment/transactions.ts'
import { liftLimits } from './limits.ts'
import { type Pending, pendingOf } from './pending.ts'
import { Sender } from './sender.ts'
import { ASSERTED, SESSION } from './session.ts'
import { tableName } from './statement.ts'
import { readTable, type Table } from './table.ts'
import { Writes } from './writes.ts'

/** Changes that wait at most; more only takes memory. */
const MOST_WAITING = 50_000

/** Characters of values that wait at most. */
const MOST_TEXT = 16_000_000

/** Gives this session the right to write everywhere in the copy, without triggers, and a known form of text. */
export async function prepareSession(client: pg.Client): Promise<void> {
  await liftLimits(client)
  await client.query('select holdfast.rest_triggers()')
  for (const statement of SESSION.split(';')) await client.query(statement)
  await client.query(ASSERTED)
}

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
  #rows = 0
  #writes = new Writes()

  /** `client` pipelines its statements; the transactions on it are the caller's. */
  constructor(client: pg.Client) {
    this.#client = client
    this.#sender = new Sender(client, this.#writes)
  }

  /** One change of a row. @throws Refusal when the copy is not what the change continues. */
  async apply({ change, relations }: Placed): Promise<void> {
    const [relation] = relations
    if (relation === undefined) return
    if (change.kind === 'insert' || change.kind === 'update' || change.kind === 'delete') {
      const pending = this.#pendingOf(this.#shapes.get(relation) ?? (await this.#tableOf(relation)))
      if (change.kind === 'insert') pending.insert(change.row)
      else if (change.kind === 'delete') pending.delete(change.old)
      else pending.update(change.old, change.row)
      this.#rows++
      this.#waiting++
      this.#text += change.kind === 'delete' ? lengthOf(change.old) : lengthOf(change.row)
      if (this.#waiting >= MOST_WAITING || this.#text >= MOST_TEXT) await this.#flush()
    }
  }

  /** Row changes since the last `settle`. */
  get rows(): number {
    return this.#rows
  }

  /**
   * Resolves when everything so far was sent and answered as expected, with the row changes since the last call.
   * @throws Refusal `ForeignWrites` when anything else was written than what was sent
   */
  async settle(): Promise<number> {
    await this.#flush()
    await this.#sender.answered()
    await this.#writes.check(this.#client)
    const rows = this.#rows
    this.#rows = 0
    return rows
  }

  /** The tables may be others from here on. */
  forgetTables(): void {
    this.#shapes = new WeakMap()
    this.#tables = new Map()
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
}

function lengthOf(tuple: Tuple): number {
  let length = 0
  for (const value of tuple) length += value?.length ?? 0
  return length
}
