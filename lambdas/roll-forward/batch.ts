import type pg from 'pg'
import type { Lsn } from '../runtime/segment/lsn.ts'
import type { Placed } from '../runtime/segment/transactions.ts'
import { Applier } from './applier.ts'
import { type Progress, type Step, saveState, stepsDone } from './progress.ts'
import { recordedIn } from './schema-change.ts'
import type { SchemaSession } from './schema-session.ts'

/** Row changes of one transaction on the copy: a batch ends with the first whole transaction past it. */
const BATCH = 20_000

/**
 * Gathers whole transactions into one transaction on the copy, with the progress that they make. A change of the schema is
 * another login's and so another transaction: what came before it is committed first, with the place inside. Nobody
 * sees the copy yet, and whoever goes on after a crash knows which steps of that transaction are done.
 */
export class Batch {
  readonly #client: pg.Client
  readonly #schema: SchemaSession
  readonly #before: number
  #progress: Progress
  readonly #applier: Applier
  #isOpen = false
  /** Steps of the transaction at hand: how many came, and how many were done before. */
  #steps = 0
  #done = 0

  constructor(client: pg.Client, schema: SchemaSession, progress: Progress) {
    this.#client = client
    this.#schema = schema
    this.#progress = progress
    this.#before = progress.transactions
    this.#applier = new Applier(client)
  }

  /** Whether this call applied anything yet. */
  get hasMoved(): boolean {
    return this.#progress.transactions > this.#before
  }

  hasSeen(commit: Lsn): boolean {
    return this.#progress.seen !== null && commit <= this.#progress.seen
  }

  noteBoundary(transaction: { commit: Lsn; at: string }): void {
    const { commit, at } = transaction
    this.#progress = { ...this.#progress, boundary: commit, boundaryAt: at, seen: commit }
  }

  async begin(commit: Lsn): Promise<void> {
    this.#steps = 0
    this.#done = stepsDone(commit, this.#progress.step, this.#schema.progress.step)
    await this.#open()
  }

  async apply(placed: Placed): Promise<void> {
    const { change, relations, commit } = placed
    if (change.kind === 'message') return this.noteMessage()
    if (relations.length === 0 || commit === null) return
    if (change.kind === 'truncate')
      await this.#aside(commit, step => this.#schema.truncate(relations, change, step))
    else if (++this.#steps > this.#done) await this.#applier.apply(placed)
    const recorded = recordedIn(placed)
    if (recorded) await this.#aside(commit, step => this.#schema.repeat(recorded, step))
  }

  /** Anybody may write a logical message: it is counted, and nothing in it is believed. */
  noteMessage(): void {
    this.#progress = { ...this.#progress, messages: this.#progress.messages + 1 }
  }

  async commit(placed: Placed): Promise<void> {
    this.#progress = {
      ...this.#progress,
      seen: placed.commit,
      applied: placed.commit,
      appliedAt: placed.at,
      transactions: this.#progress.transactions + 1,
      step: null,
    }
    if (this.#applier.rows >= BATCH) await this.save()
  }

  get progress(): Progress {
    return this.#progress
  }

  /** Gives up what was not saved. */
  async discard(): Promise<void> {
    await this.#client.query('rollback')
  }

  /** Commits what was applied so far. */
  async save(): Promise<void> {
    if (!this.#isOpen) return
    const rows = await this.#applier.settle()
    this.#progress = { ...this.#progress, rows: this.#progress.rows + rows }
    await saveState(this.#client, 'progress', this.#progress)
    await this.#client.query('commit')
    this.#isOpen = false
  }

  async #open(): Promise<void> {
    if (this.#isOpen) return
    await this.#client.query('begin')
    this.#isOpen = true
  }

  /** A step of the other login's, between two transactions of this one. */
  async #aside(commit: Lsn, work: (step: Step) => Promise<void>): Promise<void> {
    if (++this.#steps <= this.#done) return
    this.#progress = { ...this.#progress, step: { commit, done: this.#steps - 1 } }
    await this.save()
    await work({ commit, done: this.#steps })
    this.#applier.forgetTables()
    await this.#open()
  }
}
