import type pg from 'pg'
import { HELD } from './held.ts'
import { type BothTypes, pairValues } from './rows/values.ts'
import { readTypes, type TypeRow } from './types.ts'

/** A table with storage of its own, on one side. */
export type Relation = {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly persistence: 'p' | 'u' | 't'
  /** False for a materialized view that was never filled: reading it raises. */
  readonly populated: boolean
  /** True in a copy where a prepared transaction lets nobody read it. */
  readonly held: boolean
  /** Number of its file on disk: another one on the other side means that it was rewritten. */
  readonly filenode: number
  /** Its TOAST table and the number of that one's file; 0 and 0 where it has none. */
  readonly toast: readonly [oid: number, filenode: number]
  /** 32 bits: the transaction that last changed what the catalog says of it, at or after the one that gave it its file. */
  readonly catalogXmin: number
  /** Of its file in the copy; 0 on the primary, where asking would wait for whoever holds the table's lock. */
  readonly bytes: number
  readonly columns: readonly Column[]
}

export type Column = {
  readonly number: number
  readonly name: string
  readonly type: number
  readonly typmod: number
  /** False for a collation under which different texts are equal. */
  readonly deterministic: boolean
}

/**
 * Tables, partitions and materialized views, and the two catalogs that hold large objects. Parents of partitions
 * have no storage; temporary tables end with their session.
 */
export const RELATIONS = `
select
  c.oid::pg_catalog.int8 as oid,
  n.nspname as schema,
  c.relname as name,
  c.relkind as kind,
  c.relpersistence as persistence,
  c.relispopulated as populated,
  coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::pg_catalog.int8 as filenode,
  array[c.reltoastrelid::pg_catalog.int8, coalesce(pg_catalog.pg_relation_filenode(nullif(c.reltoastrelid, 0)), 0)::pg_catalog.int8] as toast,
  c.xmin::pg_catalog.text as "catalogXmin",
  coalesce(h.whole, false) as held,
  case when $2 and c.relkind in ('r', 'm') and h.whole is not true then coalesce(pg_catalog.pg_relation_size(c.oid), 0) else 0 end as bytes
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join ${HELD} h on $2 and h.relation = c.oid
where c.relpersistence <> 't'
  and (
    c.relkind in ('r', 'm', 'f')
      and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
      and n.nspname not like 'pg\\_temp\\_%'
    or c.oid in ('pg_catalog.pg_largeobject'::pg_catalog.regclass, 'pg_catalog.pg_largeobject_metadata'::pg_catalog.regclass)
  )
  -- Only the copy's own may be without data: a view that was emptied on the primary since is as good as dropped there.
  and (c.relispopulated or $2)
  and ($1::pg_catalog.oid[] is null or c.oid = any ($1::pg_catalog.oid[]))
order by c.oid`

/** Columns with stored values, in order; a virtual generated column stores none. */
export const COLUMNS = `
select
  a.attrelid::pg_catalog.int8 as relation,
  a.attnum as number,
  a.attname as name,
  a.atttypid::pg_catalog.int8 as type,
  a.atttypmod as typmod,
  coalesce(l.collisdeterministic, true) as deterministic
from pg_catalog.pg_attribute a
left join pg_catalog.pg_collation l on l.oid = a.attcollation
where a.attrelid = any ($1::pg_catalog.oid[])
  and a.attnum > 0
  and not a.attisdropped
  and a.attgenerated <> 'v'
order by a.attrelid, a.attnum`

/** The relations of one side by oid, with their columns. @param only these oids; all of the database when absent */
export async function readRelations(
  client: pg.Client,
  side: 'primary' | 'copy',
  only?: readonly number[],
): Promise<Map<number, Relation>> {
  const { rows } = await client.query(RELATIONS, [only ?? null, side === 'copy'])
  const columns = await client.query(COLUMNS, [rows.map(row => row.oid)])
  const byRelation = Map.groupBy(columns.rows, row => Number(row.relation))
  return new Map(
    rows.map(row => {
      const oid = Number(row.oid)
      const own = (byRelation.get(oid) ?? []).map(
        column => ({ ...column, type: Number(column.type) }) as Column,
      )
      return [
        oid,
        {
          ...row,
          oid,
          filenode: Number(row.filenode),
          toast: row.toast.map(Number),
          catalogXmin: Number(row.catalogXmin),
          bytes: Number(row.bytes),
          columns: own,
        } as Relation,
      ]
    }),
  )
}

const WORD = /^[a-z_][a-z0-9_]*$/

/** An identifier as SQL takes it. */
export const quote = (name: string) => `"${name.replaceAll('"', '""')}"`

/** Schema and name for a reader, quoted where they need it. */
export const titleOf = (relation: Pick<Relation, 'schema' | 'name'>) =>
  [relation.schema, relation.name].map(part => (WORD.test(part) ? part : quote(part))).join('.')

/** Schema and name for SQL. */
export const address = (relation: Pick<Relation, 'schema' | 'name'>) =>
  `${quote(relation.schema)}.${quote(relation.name)}`

/** How the rows of one table are hashed on both sides, and which columns cannot be. */
export type Hashing = {
  readonly primary: readonly string[]
  readonly copy: readonly string[]
  /** Columns left out, each with its reason. */
  readonly leftOut: readonly string[]
}

/**
 * Expressions for the columns that both sides have, under each side's own name. The copy says which columns there
 * are: one that the primary got after the cut would change every row's text and no row's xmin.
 * @param byContent true where neither place nor transaction goes into the hash: then it must tell apart all that the
 * text does
 */
export function hashingOf(primary: Relation, copy: Relation, types: BothTypes, byContent = false): Hashing {
  const pairs = copy.columns.map(mine => {
    const title = `column ${quote(mine.name)}`
    const theirs = primary.columns.find(column => column.number === mine.number)
    if (!theirs) return { primary: [], copy: [], leftOut: [`${title}: dropped on the primary since`] }
    const at = (column: Column) => ({ ...column, at: `t.${quote(column.name)}` })
    return pairValues(at(theirs), at(mine), { types, byContent, title, depth: 0 })
  })
  return {
    primary: pairs.flatMap(pair => pair.primary),
    copy: pairs.flatMap(pair => pair.copy),
    leftOut: pairs.flatMap(pair => pair.leftOut),
  }
}

/** A list of rights as text with the oids of the roles. @param list an expression of type `aclitem[]` */
export const rightsOf = (list: string) =>
  `case when ${list} is not null then array(select e::pg_catalog.text from pg_catalog.aclexplode(${list}) e)::pg_catalog.text end`

/** The types of all columns of these relations, with what they are made of. */
export function readColumnTypes(
  client: pg.Client,
  relations: Iterable<Relation>,
): Promise<Map<number, TypeRow>> {
  return readTypes(
    client,
    [...relations].flatMap(relation => relation.columns.map(column => column.type)),
  )
}

/** Expressions in one record: PostgreSQL allows 1,664. */
const RECORD = 500

/** A row's two hashes as SQL expressions. Wide rows are hashed in groups, and the groups' hashes as a row. */
export type RowHash = readonly [seed0: string, seed1: string]

/**
 * A record's hash is a sum over its columns, and the rows' hashes are added up: without a last turn that is no sum, two
 * rows could exchange a value and leave the total as it was. One of the two seeds is turned: it tells such rows apart.
 */
export function hashesOf(parts: readonly string[]): RowHash {
  return [`pg_catalog.hashint8extended(${hashOf(parts, 0)}, 0)`, hashOf(parts, 1)]
}

/** The same with the row's place and its transaction in it: the hash of one version, which never changes. */
export const versionHashes = (parts: readonly string[]): RowHash => hashesOf(['t.ctid', 't.xmin', ...parts])

function hashOf(parts: readonly string[], seed: 0 | 1): string {
  if (parts.length <= RECORD) return `pg_catalog.hash_record_extended(row(${parts.join(', ')}), ${seed})`
  const groups = Array.from({ length: Math.ceil(parts.length / RECORD) }, (_, at) =>
    hashOf(parts.slice(at * RECORD, (at + 1) * RECORD), seed),
  )
  return hashOf(groups, seed)
}
