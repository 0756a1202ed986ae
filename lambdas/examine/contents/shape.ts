import { createHash } from 'node:crypto'
import { hashingOf, type Relation, versionHashes } from '../relations.ts'
import type { Types } from '../types.ts'

/** How the versions of one table are hashed, and a name for it: two hashes compare only under the same name. */
export type Shape = { readonly hash: string; readonly name: string }

/**
 * The shape by a table's own columns. Their names are no part of it: a column that was renamed holds what it held.
 * @param version of the server: a hash is promised to be the same within one major version only
 */
export function shapeOf(relation: Relation, types: Types, version: number): Shape {
  const hash = hashOf(relation, types)
  const columns = relation.columns.map(column => ({ ...column, name: `column ${column.number}` }))
  const nameless = hashOf({ ...relation, columns }, types)
  const facts = [
    Math.floor(version / 10_000),
    nameless,
    columns.map(({ number, type, typmod, deterministic }) => [number, type, typmod, deterministic]),
    // What is hashed in words changes with the words of an enum.
    nameless.includes('::pg_catalog.text') ? labelsOf(relation, types) : [],
  ]
  const name = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32)
  return { hash, name }
}

function hashOf(relation: Relation, types: Types): string {
  return versionHashes(hashingOf(relation, relation, { primary: types, copy: types }).copy)[1]
}

/** Labels of every enum that the table's columns are made of. */
function labelsOf({ columns }: Relation, types: Types): string[] {
  const seen = new Set<number>()
  const look = (oid: number): void => {
    if (seen.has(oid)) return
    seen.add(oid)
    for (const part of types.get(oid)?.parts ?? []) look(part)
  }
  for (const { type } of columns) look(type)
  return [...seen].sort((a, b) => a - b).flatMap(oid => types.get(oid)?.labels ?? [])
}
