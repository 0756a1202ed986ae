import type pg from 'pg'
import { runBytes } from './wire.ts'

const BEGIN = /^(begin|start\s+transaction)\b/i
const COMMIT = /^(commit|end)\b(?!\s+prepared)/i
const ROLLBACK = /^(rollback|abort)\b(?!\s+prepared)(?![\s\S]*\bto\b)/i
const PREPARE = /^prepare\s+transaction\b/i

/** The dump's own transactions, as savepoints of the load's: what the dump rolls back is rolled back. */
export class TransactionBlock {
  readonly #client: pg.Client
  #isOpen = false

  constructor(client: pg.Client) {
    this.#client = client
  }

  /** Does what the statement asks, when it is about a transaction. @throws Error for a prepared one */
  async handle(head: string): Promise<boolean> {
    if (PREPARE.test(head)) throw new Error('a prepared transaction cannot be loaded')
    if (BEGIN.test(head)) {
      // A second one is a warning to psql and changes nothing.
      if (!this.#isOpen) await this.#run('savepoint holdfast_block')
      this.#isOpen = true
      return true
    }
    if (!COMMIT.test(head) && !ROLLBACK.test(head)) return false
    if (this.#isOpen)
      await this.#run(
        `${COMMIT.test(head) ? '' : 'rollback to savepoint holdfast_block;'}release savepoint holdfast_block`,
      )
    this.#isOpen = /\band\s+chain\b/i.test(head) && !/\bno\s+chain\b/i.test(head)
    if (this.#isOpen) await this.#run('savepoint holdfast_block')
    return true
  }

  async #run(sql: string): Promise<void> {
    await runBytes(this.#client, [Buffer.from(sql)])
  }
}
