import type { Relation, Value } from '../runtime/segment/pgoutput.ts'
import type { Group, RowChange } from './pending.ts'
import type { Table } from './table.ts'

/** A statement with its values. Equal `name` means equal text, so that the server plans it once. */
export type Statement = {
  /** Empty: planned each time, for the values at hand. */
  readonly name: string
  readonly text: string
  readonly values: readonly (string | number)[]
  /** Whether it answers with the number, from 1, of the change that each touched row was touched for. */
  readonly answers: boolean
}

/** A name as SQL means it. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A table's name as SQL means it, with its schema. */
export function tableName(relation: Pick<Relation, 'schema' | 'name'>): string {
  return `${quote(relation.schema)}.${quote(relation.name)}`
}

/** One statement for a group of changes of a table: their values travel as one array a column. */
export function statementOf(
  table: Table,
  group: Pick<Group, 'kind' | 'set' | 'changes' | 'times'>,
): Statement {
  const source = new Source(table, group.changes)
  if (group.kind === 'insert') return source.finish(insert(table, source), false)
  if (group.kind === 'remove') return source.finish(removeRows(table, source, group.times ?? []), true)
  const found = (table.key ?? []).map(({ index, operator }) => {
    const column = quote(table.columns[index]?.name ?? '')
    return `t.${column} ${operator} ${source.value(index, 'old')}`
  })
  const place = { from: source, where: found.join(' and ') }
  if (group.kind === 'delete') return source.finish(deleteRows(table, place), true)
  if (group.set.length === 0) return source.finish(look(table, place), true)
  const replaces = group.set.some(index => table.columns[index]?.always)
  return source.finish((replaces ? replace : update)(table, group.set, place), !replaces)
}

/** Where the changes' values come from, and which rows they mean. */
type Place = { readonly from: Source; readonly where: string }

function insert(table: Table, source: Source): string {
  const values = given(table).map(index => source.value(index, 'row'))
  const columns = values.length === 0 ? '' : `(${columnList(table)}) overriding system value `
  return `insert into ${tableName(table.relation)} ${columns}select ${values.join(', ')} from ${source.name}`
}

function deleteRows(table: Table, { from, where }: Place): string {
  return `delete from only ${tableName(table.relation)} as t using ${from.name} where ${where} returning r.n`
}

/** A change of nothing is a look at the row, which must be there all the same. */
function look(table: Table, { from, where }: Place): string {
  return `select r.n from only ${tableName(table.relation)} as t, ${from.name} where ${where}`
}

function update(table: Table, set: readonly number[], { from, where }: Place): string {
  const sets = set.map(index => `${quote(table.columns[index]?.name ?? '')} = ${from.value(index, 'row')}`)
  return `update only ${tableName(table.relation)} as t set ${sets.join(', ')} from ${from.name} where ${where} returning r.n`
}

/** An identity that is always generated takes no value from an UPDATE, only from an INSERT: the row goes and comes back. */
function replace(table: Table, set: readonly number[], { from, where }: Place): string {
  const kept = given(table).map(index => {
    const value = set.includes(index)
      ? from.value(index, 'row')
      : `t.${quote(table.columns[index]?.name ?? '')}`
    return `${value} as v${index}`
  })
  const gone = `delete from only ${tableName(table.relation)} as t using ${from.name} where ${where} returning ${kept.join(', ')}`
  const values = given(table)
    .map(index => `v${index}`)
    .join(', ')
  return `with gone as (${gone}) insert into ${tableName(table.relation)} (${columnList(table)}) overriding system value select ${values} from gone`
}

/**
 * Removes as many rows like each given one as are to go. Rows are compared as the text of the whole row, since not every
 * type has an equality (json, xml, point); both sides are written by the type itself.
 */
function removeRows(table: Table, source: Source, times: readonly number[]): string {
  const wanted = given(table)
    .map(index => source.value(index, 'old'))
    .join(', ')
  const here = given(table)
    .map(index => `t.${quote(table.columns[index]?.name ?? '')}`)
    .join(', ')
  const count = source.array('int', times.map(String), ',')
  return `with wanted as materialized (
      select row(${wanted})::text as whole, r.n, r.${count} as times from ${source.name}
    ), found as (
      select t.ctid as place, w.n, w.times, row_number() over (partition by w.n) as nth
      from only ${tableName(table.relation)} as t
      join wanted w on w.whole = row(${here})::text
    )
    delete from only ${tableName(table.relation)} as t using found f
    where t.ctid = f.place and f.nth <= f.times
    returning f.n`
}

function columnList(table: Table): string {
  return given(table)
    .map(index => quote(table.columns[index]?.name ?? ''))
    .join(', ')
}

/** Places of the columns that have a value of their own: what is generated follows from them. */
function given(table: Table): number[] {
  return table.columns.flatMap(({ computed }, index) => (computed ? [] : [index]))
}

/** The changes as a table `r` with a column for each array asked for, and their number from 1 as `n`. */
class Source {
  readonly #table: Table
  readonly #changes: readonly RowChange[]
  readonly #types: string[] = []
  readonly #values: string[] = []

  constructor(table: Table, changes: readonly RowChange[]) {
    this.#table = table
    this.#changes = changes
  }

  /** An expression for a column's value. Each type reads its own text. */
  value(index: number, side: keyof RowChange): string {
    const column = this.#table.columns[index]
    const { type = 'text', travels = true, delimiter = ',' } = column ?? {}
    const values = this.#changes.map(change => change[side][index])
    if (travels) return `r.${this.array(type, values, delimiter)}`
    return `r.${this.array('text', values, ',')}::${type}`
  }

  /** The name of a new column of `r`. */
  array(type: string, values: readonly Value[], delimiter: string): string {
    this.#values.push(arrayLiteral(values, delimiter))
    this.#types.push(type)
    return `c${this.#types.length}`
  }

  /** To be asked for in a FROM clause; `finish` puts the arrays there, whose number is known then. */
  readonly name = '\0'

  finish(text: string, answers: boolean): Statement {
    // A table without columns has rows all the same.
    if (this.#types.length === 0)
      this.array(
        'text',
        this.#changes.map(() => null),
        ',',
      )
    const arrays = this.#types.map((type, place) => `$${place + 1}::${type}[]`).join(', ')
    const columns = this.#types.map((_, place) => `c${place + 1}`).join(', ')
    const from = `unnest(${arrays}) with ordinality as r (${columns}, n)`
    const whole = text.replace(this.name, () => from)
    const name = this.#table.isIndexed ? nameOf(whole) : ''
    return { name, text: whole, values: this.#values, answers }
  }
}

function arrayLiteral(values: readonly Value[], delimiter: string): string {
  const elements = values.map(value =>
    value == null ? 'NULL' : `"${/["\\]/.test(value) ? value.replace(/["\\]/g, '\\$&') : value}"`,
  )
  return `{${elements.join(delimiter)}}`
}

const names = new Map<string, string>()

/** The server keeps a statement by its name; 63 bytes of text would not tell two wide tables apart. */
function nameOf(text: string): string {
  const name = names.get(text) ?? `r${names.size}`
  names.set(text, name)
  return name
}
