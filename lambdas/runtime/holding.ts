/** What a database holds, as far as it could be counted. */
export type Holding = {
  /** Tables with at least one row, and the large objects as one. */
  readonly tables: number
  readonly rows: number
  /** False where an estimate is among the counts. */
  readonly counted: boolean
}

/** E.g. `with 3 tables and 1200 rows`. */
export function sayHolding({ tables, rows, counted }: Holding): string {
  return `with ${tables} ${tables === 1 ? 'table' : 'tables'} and ${counted ? '' : 'about '}${rows} ${rows === 1 ? 'row' : 'rows'}`
}
