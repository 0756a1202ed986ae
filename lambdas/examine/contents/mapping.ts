import type { Relation, Tuple } from '../../runtime/segment/pgoutput.ts'
import type { Facts } from './facts.ts'
import { folded, keyText } from './rows.ts'

/** How a change of the archive reads in terms of the copy's table. */
export type Mapping = {
  /** Columns of the copy's table that the archive's had not. */
  readonly absent: ReadonlySet<number>
  /** One value a column of the copy's table; undefined where the change does not say it. */
  valuesOf(tuple: Tuple): (string | null | undefined)[]
  /** The text that finds the row; undefined where the archive named rows otherwise than the copy's table does. */
  keyOf(values: readonly (string | null | undefined)[]): string | undefined
}

/** Columns by which a row is found. Generated ones are in no archive before PostgreSQL 18. */
export function keyColumns({ key, columns }: Pick<Facts, 'key' | 'columns'>): number[] {
  if (key !== undefined) return key.map(name => columns.findIndex(column => column.name === name))
  return columns.flatMap(({ isGenerated }, at) => (isGenerated ? [] : [at]))
}

export function mappingOf(relation: Relation, facts: Facts): Mapping {
  const places = facts.columns.map(({ name }) => relation.columns.findIndex(column => column.name === name))
  const absent = new Set([...places.keys()].filter(at => places[at] === -1))
  // Of another type the same value may be another text.
  const isSame = facts.columns.map(({ type, typmod }, at) => {
    const column = relation.columns[places[at] ?? -1]
    return column?.type === type && column.modifier === typmod
  })
  const own = keyColumns(facts)
  const isNamed = relation.identity === 'f' || facts.key === undefined || namesThe(facts.key, relation)
  return {
    absent,
    valuesOf: tuple =>
      places.map((place, at) => {
        const value = isSame[at] ? tuple[place] : undefined
        return value == null ? value : folded(value)
      }),
    keyOf: values => (isNamed ? keyText(own.map(at => values[at])) : undefined),
  }
}

function namesThe(key: readonly string[], relation: Relation): boolean {
  const named = relation.columns.filter(column => column.key).map(column => column.name)
  return named.length === key.length && named.every(name => key.includes(name))
}
