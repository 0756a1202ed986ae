import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import type { Relation } from '../runtime/segment/pgoutput.ts'
import { liftLimits } from './limits.ts'
import { loadState, type SchemaProgress, type Step, saveState } from './progress.ts'
import { refused, repeat } from './repeat.ts'
import { type Recorded, SchemaChanges } from './schema-change.ts'
import { notApplied } from './sender.ts'
import { tableName } from './statement.ts'

/** Where errors tell the parameters of their statement, every function below it reads them in its own call stack. */
const SILENT = 'set log_parameter_max_length_on_error = 0'

/** A change of the schema may read tables as it likes, and what it makes is made whatever it refers to. */
const SESSION = `
${SILENT};
set lock_timeout = '60s';
set synchronous_commit = off;
set search_path = pg_catalog, pg_temp`

/**
 * The second login on a copy: it repeats changes of the schema and truncates tables, and writes no row. Each change is a
 * transaction with the note of how far it is. Users' code may run in this session; what the session may ask for it
 * asks with a key that no code in the database can read, and nothing that a change leaves behind outlives it.
 */
export class SchemaSession {
  readonly #client: pg.Client
  readonly #key: string
  readonly #changes = new SchemaChanges()
  #progress: SchemaProgress
  #lockTimeout = '60s'

  private constructor(client: pg.Client, key: string, progress: SchemaProgress) {
    this.#client = client
    this.#key = key
    this.#progress = progress
  }

  /** Takes the copy, whoever had it before, and lets its triggers rest. `client` is a fresh connection. */
  static async open(client: pg.Client): Promise<SchemaSession> {
    const key = randomBytes(32).toString('hex')
    await client.query(SILENT)
    await client.query('select from holdfast.take_copy($1)', [key])
    const session = new SchemaSession(client, key, await loadState(client, 'schema_progress'))
    await session.#inTransaction(async () => {
      await session.#rest(true)
      await session.#noteRights(false)
    })
    return session
  }

  get progress(): SchemaProgress {
    return this.#progress
  }

  /** What stands in the way of a change is there for good: waiting longer helps nobody. */
  waitBriefly(): void {
    this.#lockTimeout = '2s'
  }

  /** Repeats a recorded change, or notes why not. @throws Refusal `SchemaChangeUnclear`, `NotApplied`, `NotRepeated` */
  async repeat(recorded: Recorded, step: Step): Promise<void> {
    const replay = this.#changes.replay(recorded)
    const work = async () => {
      const done = { ...this.#progress, step }
      if (replay.kind === 'withheld') done.withheld = [...done.withheld, replay.reason]
      if (replay.kind === 'left out') done.leftOut = [...done.leftOut, replay.reason]
      if (replay.kind === 'run') {
        await this.#refuseUnexplained()
        await this.#rest(false)
        const repeated = await repeat(this.#client, this.#key, recorded, replay.text)
        await this.#rest(true)
        await this.#noteRights(true)
        done.schemaChanges++
        done.leftOut = [...done.leftOut, ...repeated.leftOut]
        done.roles = [...done.roles, ...repeated.roles]
        done.computed = [...done.computed, ...repeated.computed]
      }
      await this.#save(done)
    }
    await this.#inTransaction(work).catch(error => {
      throw replay.kind === 'run' ? refused(replay.text, error) : error
    })
  }

  /** Truncates what the stream names and nothing beside. */
  async truncate(
    relations: readonly Relation[],
    flags: { readonly cascade: boolean; readonly restart: boolean },
    step: Step,
  ): Promise<void> {
    const words = [...(flags.restart ? ['restart identity'] : []), ...(flags.cascade ? ['cascade'] : [])]
    const tables = relations.map(tableName)
    await this.#inTransaction(async () => {
      await this.#client
        .query('select holdfast.truncate_on_copy($1, $2, $3)', [this.#key, tables, words.join(' ')])
        .catch(cause => {
          throw notApplied(`truncate ${tables.join(', ')}`, cause)
        })
      await this.#save({ ...this.#progress, step })
    })
  }

  /** Does something as another role, whose rights no function can stand in for. */
  async asRole(role: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
    await this.#client.query('discard all')
    await this.#client.query(SILENT)
    await this.#client.query('select holdfast.lend_on_copy($1, $2, true)', [this.#key, role])
    try {
      await this.#client.query('select pg_catalog.set_config($1, $2, false)', ['role', role])
      await work(this.#client)
    } finally {
      await this.#client.query('reset role')
      await this.#client.query('select holdfast.lend_on_copy($1, $2, false)', [this.#key, role])
    }
  }

  /** Wakes the triggers as they stood, and looks at the rights. @throws Refusal `ForeignRights` */
  async close(): Promise<void> {
    await this.#inTransaction(async () => {
      await this.#rest(false)
      await this.#refuseUnexplained()
    })
  }

  /** Who may what is as it was, but for what recorded changes made of it. */
  async #refuseUnexplained(): Promise<void> {
    const { rows } = await this.#client.query('select holdfast.unexplained_rights($1) as found', [this.#key])
    const found: string[] = rows[0].found
    if (found.length === 0) return
    throw new Refusal(
      'ForeignRights',
      `rights changed on the copy that no recorded change of the schema changed: ${found.slice(0, 5).join('; ')}`,
      'whoever changed them had no business there: throw the copy away, and look who can log in to it',
    )
  }

  #noteRights(anew: boolean): Promise<unknown> {
    return this.#client.query('select holdfast.note_rights($1, $2)', [this.#key, anew])
  }

  #rest(resting: boolean): Promise<unknown> {
    return this.#client.query('select holdfast.rest_on_copy($1, $2)', [this.#key, resting])
  }

  async #save(progress: SchemaProgress): Promise<void> {
    await saveState(this.#client, 'schema_progress', progress)
    this.#progress = progress
  }

  /**
   * Nothing that users' code did to the session before counts: not its settings, its cursors, nor its prepared
   * statements. What such code left to run at the end of the transaction would run as this login, which may do nothing
   * without the key.
   */
  async #inTransaction(work: () => Promise<unknown>): Promise<void> {
    const before = this.#progress
    await this.#client.query('discard all')
    await liftLimits(this.#client)
    for (const statement of SESSION.split(';')) await this.#client.query(statement)
    await this.#client.query(`set lock_timeout = '${this.#lockTimeout}'`)
    await this.#client.query('select holdfast.rest_triggers()')
    await this.#client.query('begin')
    try {
      await work()
      await this.#client.query('close all')
      await this.#client.query('commit')
    } catch (error) {
      this.#progress = before
      // The session may be gone; the error that ended it is the one to tell.
      await this.#client.query('rollback').catch(() => {})
      throw error
    }
  }
}
