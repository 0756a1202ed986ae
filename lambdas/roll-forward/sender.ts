import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import { shapeOf } from '../runtime/statement-shape.ts'
import type { Group, Pending } from './pending.ts'
import { ASSERTED } from './session.ts'
import { type Statement, statementOf, tableName } from './statement.ts'
import type { Table } from './table.ts'
import type { Writes } from './writes.ts'

/** Changes of one statement. */
const ROWS = 5_000

/** A unique or an exclusion constraint that one statement broke and the changes one by one may not. */
const COLLISIONS = ['23505', '23P01']

/** Sends groups of changes without waiting for each answer; nothing is known to have worked before `answered`. */
export class Sender {
  readonly #client: pg.Client
  readonly #writes: Writes
  #answers: Promise<unknown>[] = []
  /** Rows sent since the last point to which a collision goes back. */
  #tried = 0

  /** `client` pipelines its statements; the transactions on it are the caller's. */
  constructor(client: pg.Client, writes: Writes) {
    this.#client = client
    this.#writes = writes
  }

  /** A statement of which only counts that it works. */
  send(text: string, values?: readonly string[]): void {
    this.#expect(this.#ask(text, values && { values }))
  }

  /**
   * Resolves when all that was sent was answered as expected. The first failure counts: behind it all the others only
   * say that there was one.
   * @throws Refusal `RowMissing`, `NotApplied`
   */
  async answered(): Promise<void> {
    const answers = this.#answers
    this.#answers = []
    for (const answer of answers) await answer
  }

  /** All changes of a table that waited. */
  async sendAll(table: Table, changes: Pending): Promise<void> {
    this.send(ASSERTED)
    const sendGroups = async (groups: readonly Group[]) => {
      for (const group of groups) await this.#sendGroup(table, group)
    }
    const together = () => sendGroups(changes.groups())
    if (changes.mayCollide)
      await this.#orElse('gathered', table, together, () => sendGroups(changes.inOrder()))
    else await together()
  }

  async #sendGroup(table: Table, group: Group): Promise<void> {
    if (group.kind === 'remove') return this.#sendScanning(table, group)
    for (let from = 0; from < group.changes.length; from += ROWS) {
      const part = { ...group, changes: group.changes.slice(from, from + ROWS) }
      if (group.kind === 'update' && group.minds && part.changes.length > 1)
        await this.#sendOrdered(table, part)
      else if (group.kind !== 'insert' && !table.isIndexed) this.#sendScanning(table, part)
      else this.#expect(this.#run(table, part))
    }
  }

  /** Without an index rows are found by looking at all of them, once for all changes: by a hash. */
  #sendScanning(table: Table, group: Group): void {
    this.send('set enable_hashjoin = on')
    this.send('set enable_nestloop = off')
    this.#expect(this.#run(table, group))
    this.send('set enable_nestloop = on')
    this.send('set enable_hashjoin = off')
  }

  /** One statement may update its rows in an order in which a constraint refuses one: then they go one by one. */
  #sendOrdered(table: Table, group: Group): Promise<void> {
    const each = async () => {
      for (const change of group.changes) this.#expect(this.#run(table, { ...group, changes: [change] }))
    }
    return this.#orElse('together', table, () => this.#run(table, group), each)
  }

  /** Tries the quick way; what a unique or an exclusion constraint refuses is taken back and goes the sure way. */
  async #orElse(
    name: string,
    table: Table,
    quick: () => Promise<void>,
    sure: () => Promise<void>,
  ): Promise<void> {
    await this.answered()
    this.#tried = 0
    await this.#client.query(`savepoint ${name}`)
    try {
      await quick()
      await this.answered()
    } catch (error) {
      if (!isCollision(error)) throw error
      this.#answers = []
      this.#writes.noteTried(table.relation, this.#tried)
      await this.#client.query(`rollback to savepoint ${name}`)
      await sure()
      await this.answered()
    }
    await this.#client.query(`release savepoint ${name}`)
  }

  async #run(table: Table, group: Group): Promise<void> {
    const statement = statementOf(table, group)
    const rows = writtenBy(group, statement)
    this.#tried += rows
    const answer = await this.#ask(statement.text, statement)
    this.#writes.note(table.relation, rows)
    mustTouchEach(table, group, statement, answer)
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

  #expect(work: Promise<unknown>): void {
    // Looked at in `answered`; until then nobody awaits it.
    work.catch(() => {})
    this.#answers.push(work)
  }
}

/** Rows that the server counts as written. */
function writtenBy(group: Group, { answers }: Statement): number {
  if (group.kind === 'remove') return (group.times ?? []).reduce((all, times) => all + times, 0)
  if (group.kind !== 'update') return group.changes.length
  if (group.set.length === 0) return 0
  // One that does not answer takes the row away and brings it back.
  return answers ? group.changes.length : 2 * group.changes.length
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
  // Which values they are stays in the archive and in the copy: a key is a row's own words too.
  const names = table.key?.map(({ index }) => table.columns[index]?.name)
  const by = names === undefined ? 'all its columns' : `its key (${names.join(', ')})`
  throw rowMissing(table, group, `${touched[wrong]} rows by ${by}`)
}

function rowMissing(table: Table, group: Group, found: string): Refusal {
  const kind = group.kind === 'remove' ? 'delete or update' : group.kind
  return new Refusal(
    'RowMissing',
    `${kind} of ${tableName(table.relation)} found ${found} where the primary had each once`,
    'the copy is not what the archive continues: compare it with the primary at the cut',
  )
}

/** What PostgreSQL refused. */
export function notApplied(text: string, cause: unknown): Refusal {
  return new Refusal(
    'NotApplied',
    `the copy refused a change of the primary: ${shapeOf(text).slice(0, 300)}`,
    'the reason is PostgreSQL’s own, above; a change that the archive does not hold came before it',
    { cause },
  )
}

function isCollision(error: unknown): boolean {
  const code = error instanceof Refusal ? (error.cause as { code?: string } | undefined)?.code : undefined
  return code !== undefined && COLLISIONS.includes(code)
}
