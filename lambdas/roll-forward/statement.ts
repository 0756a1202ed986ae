import type { Column, Relation, Tuple, Value } from '../runtime/segment/pgoutput.ts'

/** A statement with its values. Equal `name` means equal text, so that the server plans it once. */
export type Statement = {
  readonly name: string
  readonly text: string
  readonly values: (string | null)[]
  /** Rows that it must change; anything else means that the copy is not what the archive continues. */
  readonly expected: number
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function tableName(relation: Relation): string {
  return `${quote(relation.schema)}.${quote(relation.name)}`
}

/** Inserts rows of one table; parameters take the columns' own types, so every type reads its own text. */
export function insertRows(relation: Relation, rows: readonly Tuple[]): Statement {
  const width = relation.columns.length
  const columns = relation.columns.map(column => quote(column.name)).join(', ')
  const places = rows
    .map((_, row) => `(${relation.columns.map((_, column) => `$${row * width + column + 1}`).join(', ')})`)
    .join(', ')
  const text =
    width === 0
      ? `insert into ${tableName(relation)} default values`
      : `insert into ${tableName(relation)} (${columns}) overriding system value values ${places}`
  return named(
    text,
    rows.flatMap(row => row.map(sent)),
    rows.length,
  )
}

/**
 * Updates the one row that the change names. A TOAST value that did not change is left as it is, and so is every other
 * column that did not: an identity column that is `generated always` refuses even its own value. A change of nothing
 * becomes a look at the row, which must be there all the same.
 */
export function updateRow(relation: Relation, row: Tuple, old: Tuple | undefined): Statement {
  const values: (string | null)[] = []
  const sets = relation.columns.flatMap((column, index) => {
    const value = row[index]
    if (value === undefined || stayed(column, value, old?.[index], old !== undefined)) return []
    values.push(value)
    return [`${quote(column.name)} = $${values.length}`]
  })
  const where = identify(relation, old ?? row, values)
  const table = `only ${tableName(relation)}`
  return sets.length === 0
    ? named(`select from ${table} where ${where} limit 1`, values, 1)
    : named(`update ${table} set ${sets.join(', ')} where ${where}`, values, 1)
}

/** Whether an update left the column alone: a key without an old tuple, since one that changes is sent with its old value. */
function stayed(column: Column, value: Value, before: Value, hasOld: boolean): boolean {
  return hasOld ? before !== undefined && before === value : column.key
}

export function deleteRow(relation: Relation, old: Tuple): Statement {
  const values: (string | null)[] = []
  const where = identify(relation, old, values)
  return named(`delete from only ${tableName(relation)} where ${where}`, values, 1)
}

export function truncateTables(
  relations: readonly Relation[],
  flags: { readonly cascade: boolean; readonly restart: boolean },
): string {
  const tables = relations.map(relation => `only ${tableName(relation)}`).join(', ')
  const words = `${flags.restart ? ' restart identity' : ''}${flags.cascade ? ' cascade' : ''}`
  return `truncate ${tables}${words}`
}

/**
 * The condition that finds one row. By key where there is one. By all columns where the identity is the whole row:
 * several equal rows are then as good as each other, so any one of them is taken. Values are compared as text since
 * not every type has an equality (json, xml, point).
 */
function identify(relation: Relation, old: Tuple, values: (string | null)[]): string {
  const use = (value: Value) => {
    values.push(value ?? null)
    return `$${values.length}`
  }
  if (relation.identity !== 'f') {
    const keys = relation.columns.flatMap((column, index) =>
      column.key ? [`${quote(column.name)} = ${use(old[index])}`] : [],
    )
    return keys.join(' and ')
  }
  const same = relation.columns.flatMap((column, index) => {
    const value = old[index]
    if (value === undefined) return []
    return [value === null ? `${quote(column.name)} is null` : equals(column, use(value))]
  })
  const table = tableName(relation)
  return `ctid = (select ctid from only ${table} where ${same.join(' and ') || 'true'} limit 1)`
}

/** A cast to text is not what the stream holds: it writes true for t and 10.0.0.1/32 for 10.0.0.1, and drops blanks. */
function equals(column: Column, place: string): string {
  return `pg_catalog.format('%s', ${quote(column.name)}) = ${place}`
}

const sent = (value: Value) => value ?? null

const names = new Map<string, string>()

/** The server keeps a statement by its name; 63 bytes of text would not tell two wide tables apart. */
function named(text: string, values: (string | null)[], expected: number): Statement {
  let name = names.get(text)
  if (name === undefined) {
    name = `r${names.size}`
    names.set(text, name)
  }
  return { name, text, values, expected }
}
