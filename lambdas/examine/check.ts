import type pg from 'pg'
import { sentence } from '../runtime/failure.ts'
import type { Check, Verdict } from '../runtime/verdict.ts'

/** A check that asked SQL: the statement and its first rows go into the evidence. */
export function asked(name: string, verdict: Verdict, detail: string, sql: string, answer: unknown): Check {
  return { name, verdict, detail, asked: sql.trim(), answer }
}

/** Runs a check's question; a question that fails is `unknown` with the server's sentence, never a pass. */
export async function ask<Row extends pg.QueryResultRow>(
  client: pg.Client,
  name: string,
  sql: string,
  judge: (rows: Row[]) => Pick<Check, 'verdict' | 'detail'>,
  values: readonly unknown[] = [],
): Promise<Check> {
  try {
    const { rows } = await client.query<Row>(sql, [...values])
    const { verdict, detail } = judge(rows)
    return asked(name, verdict, detail, sql, rows.slice(0, 50))
  } catch (error) {
    return { name, verdict: 'unknown', detail: sentence(error), asked: sql.trim() }
  }
}

/** ISO time with microseconds in SQL. */
export const isoOf = (expression: string) =>
  `pg_catalog.to_char((${expression}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

/** A list for a sentence: the first few, and how many more. */
export function several(items: readonly string[], most = 5): string {
  const more = items.length - most
  return more > 0 ? `${items.slice(0, most).join(', ')} and ${more} more` : items.join(', ')
}
