import type pg from 'pg'
import type { Boundary } from '../../examine/request.ts'
import { Refusal } from '../failure.ts'
import { formatLsn } from './lsn.ts'
import { fullXid } from './xid.ts'

export type Archived = { readonly xid: number; readonly commit: bigint; readonly at: string }

/**
 * Tells which archived transactions the copy has from its base. Its log ended at one place, so they are exactly the
 * first ones in commit order; the copy's own commit log says for each, as long as the id is not one that the copy
 * gave out again itself. The commit's time, to the microsecond, tells those two apart.
 */
export class BoundaryFinder {
  readonly #client: pg.Client
  readonly #next: bigint
  readonly #exact: boolean
  readonly #hasTimes: boolean
  /** Everything committed before was in the copy when its newest heartbeat was. */
  readonly #surely: bigint
  #passed = false

  private constructor(
    client: pg.Client,
    boundary: Boundary,
    facts: { readonly hasTimes: boolean; readonly surely: bigint },
  ) {
    this.#client = client
    this.#next = BigInt(boundary.nextXid)
    this.#exact = boundary.exact
    this.#hasTimes = facts.hasTimes
    this.#surely = facts.surely
  }

  /**
   * @param surely position of the newest heartbeat that survived in the copy, 0 without any
   * @throws Refusal `BoundaryUnclear` when the copy's first own transaction is not known and commits carry no times
   */
  static async open(client: pg.Client, boundary: Boundary, surely: bigint): Promise<BoundaryFinder> {
    const { rows } = await client.query(
      "select pg_catalog.current_setting('track_commit_timestamp')::boolean as has",
    )
    const hasTimes = rows[0].has === true
    if (!boundary.exact && !hasTimes)
      throw new Refusal(
        'BoundaryUnclear',
        'the copy may have written before its first own transaction was read, and its commits carry no times',
        'set track_commit_timestamp to 1 in the parameter groups of the primary and of the drill',
      )
    return new BoundaryFinder(client, boundary, { hasTimes, surely })
  }

  /**
   * Whether the copy has this transaction from its base. Ask in commit order.
   * @throws Refusal `NotAPrefix` when the copy has one that was committed after one that it has not
   */
  async has(transaction: Archived): Promise<boolean> {
    if (!this.#passed && transaction.commit < this.#surely) return true
    const found = await this.#committedHere(transaction)
    if (found && this.#passed)
      throw new Refusal(
        'NotAPrefix',
        `the copy has the transaction committed at ${formatLsn(transaction.commit)} but not one committed before it`,
        'this copy is not of the database that was archived, or its transaction log is damaged',
      )
    if (!found) this.#passed = true
    return found
  }

  async #committedHere(transaction: Archived): Promise<boolean> {
    const xid = fullXid(transaction.xid, this.#next)
    // At or above it nothing of the primary's can be here. Not exact means that it may be too high, never too low.
    if (xid >= this.#next) return false
    const { rows } = await this.#client.query({
      name: 'boundary',
      text: `select coalesce(pg_catalog.pg_xact_status($1::xid8), 'committed') = 'committed' as committed,
        case when $2::boolean and pg_catalog.pg_xact_status($1::xid8) = 'committed' then
          pg_catalog.to_char(pg_catalog.pg_xact_commit_timestamp(($1::xid8)::xid) at time zone 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') end as at`,
      values: [String(xid), this.#hasTimes],
    })
    const { committed, at } = rows[0]
    if (!committed) return false
    if (at !== null) return at === transaction.at
    return this.#exact
  }
}
