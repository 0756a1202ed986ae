import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import type { Relation } from '../runtime/segment/pgoutput.ts'

/** What the session wrote in this transaction, by the server's own count, and what it was made to leave behind. */
const COUNTED = `
select
  (select coalesce(pg_catalog.jsonb_object_agg(
      pg_catalog.format('%s.%s', pg_catalog.to_json(s.schemaname), pg_catalog.to_json(s.relname)),
      s.n_tup_ins operator(pg_catalog.+) s.n_tup_upd operator(pg_catalog.+) s.n_tup_del), '{}')
    from pg_catalog.pg_stat_xact_all_tables s
    where s.n_tup_ins operator(pg_catalog.+) s.n_tup_upd operator(pg_catalog.+) s.n_tup_del operator(pg_catalog.>) 0
      and s.schemaname operator(pg_catalog.<>) 'pg_toast') as rows,
  (select pg_catalog.count(*)::pg_catalog.int4 from pg_catalog.pg_cursors c where c.is_holdable) as cursors,
  (select pg_catalog.count(*)::pg_catalog.int4 from pg_catalog.pg_prepared_statements p where p.from_sql) as statements,
  current_user::pg_catalog.text operator(pg_catalog.=) session_user::pg_catalog.text as "isSelf",
  pg_catalog.current_setting('track_counts') as counts,
  pg_catalog.pg_stat_force_next_flush() as flush`

type Counted = {
  readonly rows: Readonly<Record<string, number>>
  readonly cursors: number
  readonly statements: number
  readonly isSelf: boolean
  readonly counts: string
}

/**
 * What was sent to be written, to be held against what the server counted. Checks, domains, expressions of indexes and
 * generated columns are code of the database's users that runs with the rows: it may read and write every table,
 * and nothing that it wrote may stay.
 */
export class Writes {
  readonly #sent = new Map<string, number>()
  /** Rows that may have been counted beside, of a try that was taken back. */
  readonly #tried = new Map<string, number>()

  note(relation: Relation, rows: number): void {
    add(this.#sent, relation, rows)
  }

  /** A statement was taken back: the server counts what it had done, which nobody knows. */
  noteTried(relation: Relation, rows: number): void {
    add(this.#tried, relation, rows)
  }

  /** Part of the transaction, as its last statement but the progress. @throws Refusal `ForeignWrites` */
  async check(client: pg.Client): Promise<void> {
    const { rows } = await client.query(COUNTED)
    const counted: Counted = rows[0]
    const wrong = Object.entries(counted.rows).find(([table, found]) => !this.#explains(table, found))
    this.#sent.clear()
    this.#tried.clear()
    if (wrong !== undefined) throw foreign(`wrote to ${wrong[0]}, ${wrong[1]} rows in all`)
    if (counted.cursors > 0) throw foreign('left a cursor that would run at the commit')
    if (counted.statements > 0) throw foreign('prepared statements in the roll-forward’s session')
    if (!counted.isSelf) throw foreign('changed the role of the roll-forward’s session')
    if (counted.counts !== 'on') throw foreign('cannot be told from the roll-forward: track_counts is off')
  }

  #explains(table: string, found: number): boolean {
    const sent = this.#sent.get(table) ?? 0
    return found >= sent && found <= sent + (this.#tried.get(table) ?? 0)
  }
}

function add(counts: Map<string, number>, { schema, name }: Relation, rows: number): void {
  const key = `${JSON.stringify(schema)}.${JSON.stringify(name)}`
  counts.set(key, (counts.get(key) ?? 0) + rows)
}

function foreign(fact: string): Refusal {
  return new Refusal(
    'ForeignWrites',
    `code of the database’s users, run with the rows of the archive, ${fact}`,
    'look at the checks, domains, expression indexes and generated columns of the archived tables; what it did was taken back',
  )
}
