import type pg from 'pg'
import type { Lsn } from '../runtime/segment/lsn.ts'
import type { Placed } from '../runtime/segment/transactions.ts'
import { Applier } from './applier.ts'
import { type Progress, saveProgress } from './progress.ts'
import { PREFIX, SchemaChanges } from './schema-change.ts'

/** Row changes of one transaction on the copy: a batch ends with the first whole transaction past it. */
const BATCH = 20_000

/** Gathers whole transactions into one transaction on the copy, with the progress that they make. */
export class Batch {
  readonly #client: pg.Client
  readonly #changes = new SchemaChanges()
  readonly #before: number
  #progress: Progress
  readonly #applier: Applier
  #isOpen = false
  #hasSchemaChange = false

  constructor(client: pg.Client, progress: Progress) {
    this.#client = client
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

  async begin(): Promise<void> {
    if (this.#isOpen) return
    await this.#client.query('begin')
    this.#isOpen = true
  }

  async apply(placed: Placed): Promise<void> {
    const { change } = placed
    if (change.kind === 'message' && change.prefix === PREFIX) this.#hasSchemaChange = true
    await this.#applier.apply(placed, this.#changes)
  }

  async commit(placed: Placed): Promise<void> {
    this.#progress = {
      ...this.#progress,
      seen: placed.commit,
      applied: placed.commit,
      appliedAt: placed.at,
      transactions: this.#progress.transactions + 1,
    }
    // A new enum value may be used only after the commit that made it, as it was on the primary.
    if (this.#hasSchemaChange || this.#applier.rows >= BATCH) await this.save()
  }

  get progress(): Progress {
    return this.#progress
  }

  /** Gives up what was not saved. */
  async discard(): Promise<void> {
    await this.#client.query('rollback')
  }

  /** Commits what was applied so far, whole transactions all of them. */
  async save(): Promise<void> {
    if (!this.#isOpen) return
    const done = await this.#applier.settle()
    this.#progress = {
      ...this.#progress,
      rows: this.#progress.rows + done.rows,
      schemaChanges: this.#progress.schemaChanges + done.schemaChanges,
      leftOut: [...this.#progress.leftOut, ...done.leftOut],
      roles: [...this.#progress.roles, ...done.roles],
      withheld: [...this.#progress.withheld, ...done.withheld],
      computed: [...this.#progress.computed, ...done.computed],
    }
    await saveProgress(this.#client, this.#progress)
    await this.#client.query('commit')
    this.#isOpen = false
    this.#hasSchemaChange = false
  }
}
