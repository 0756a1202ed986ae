import type pg from 'pg'

/** A type as the catalog describes it, with what it is made of. */
export type TypeRow = {
  readonly oid: number
  readonly name: string
  /** In pg_catalog: its output and its hash are PostgreSQL's own. */
  readonly builtin: boolean
  readonly sort: 'b' | 'c' | 'd' | 'e' | 'p' | 'r' | 'm'
  readonly isArray: boolean
  /** False for a composite or a range that compares texts by a collation under which different ones are equal. */
  readonly deterministic: boolean
  /** Base of a domain, element of an array, bound of a range, fields of a composite. */
  readonly parts: readonly number[]
  /** Labels of an enum, in order. */
  readonly labels: string | null
  /** Attributes of a composite that were not dropped, in order. */
  readonly fields: readonly Field[] | null
  /** A domain's own modifier of its base. */
  readonly typmod: number
  /** As SQL takes it. */
  readonly address: string
  /** Types that its values are without being made anew. */
  readonly coercible: readonly number[]
}

/** An attribute of a composite. */
export type Field = {
  readonly number: number
  readonly name: string
  readonly type: number
  readonly typmod: number
  readonly deterministic: boolean
}

/** Types by oid, with all that they are made of. */
export type Types = ReadonlyMap<number, TypeRow>

/** Every type that these types are made of, themselves included. */
export const TYPES = `
with recursive used(oid) as (
  select pg_catalog.unnest($1::pg_catalog.oid[])
  union
  select part.oid
  from used
  join pg_catalog.pg_type t on t.oid = used.oid
  cross join lateral (
    select t.typbasetype where t.typtype = 'd'
    union all
    select t.typelem where t.typelem <> 0 and t.typlen = -1
    union all
    select r.rngsubtype from pg_catalog.pg_range r where t.oid in (r.rngtypid, r.rngmultitypid)
    union all
    select a.atttypid from pg_catalog.pg_attribute a
    where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  ) part(oid)
)
select
  t.oid::pg_catalog.int8 as oid,
  t.typname as name,
  t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace as builtin,
  t.typtype as sort,
  t.typcategory = 'A' and t.typelem <> 0 as "isArray",
  not exists (
    select
    from pg_catalog.pg_collation l
    where not l.collisdeterministic and (
      exists (select from pg_catalog.pg_attribute a where t.typtype = 'c' and a.attrelid = t.typrelid and a.attcollation = l.oid)
      or exists (select from pg_catalog.pg_range r where t.oid in (r.rngtypid, r.rngmultitypid) and r.rngcollation = l.oid)
    )
  ) as deterministic,
  array(
    select t.typbasetype::pg_catalog.int8 where t.typtype = 'd'
    union all
    select t.typelem::pg_catalog.int8 where t.typelem <> 0 and t.typlen = -1
    union all
    select r.rngsubtype::pg_catalog.int8 from pg_catalog.pg_range r where t.oid in (r.rngtypid, r.rngmultitypid)
    union all
    select a.atttypid::pg_catalog.int8 from pg_catalog.pg_attribute a
    where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  ) as parts,
  (
    select pg_catalog.string_agg(e.enumlabel, ',' order by e.enumsortorder)
    from pg_catalog.pg_enum e
    where e.enumtypid = t.oid
  ) as labels,
  (
    select pg_catalog.json_agg(pg_catalog.json_build_object(
      'number', a.attnum, 'name', a.attname, 'type', a.atttypid::pg_catalog.int8, 'typmod', a.atttypmod,
      'deterministic', coalesce(l.collisdeterministic, true)) order by a.attnum)
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_collation l on l.oid = a.attcollation
    where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
  ) as fields,
  t.typtypmod as typmod,
  (select pg_catalog.quote_ident(n.nspname) from pg_catalog.pg_namespace n where n.oid = t.typnamespace)
    || '.' || pg_catalog.quote_ident(t.typname) as address,
  array(
    select k.casttarget::pg_catalog.int8 from pg_catalog.pg_cast k where k.castsource = t.oid and k.castmethod = 'b'
  ) as coercible
from used
join pg_catalog.pg_type t on t.oid = used.oid`

/** @returns the types by oid */
export async function readTypes(client: pg.Client, oids: readonly number[]): Promise<Map<number, TypeRow>> {
  const { rows } = await client.query(TYPES, [[...new Set(oids)]])
  return new Map(
    rows.map(row => [
      Number(row.oid),
      {
        ...row,
        oid: Number(row.oid),
        parts: row.parts.map(Number),
        coercible: row.coercible.map(Number),
      } as TypeRow,
    ]),
  )
}

/**
 * Built-in types whose hash tells apart all that their text tells apart. Not among them: numeric (1.0 = 1.00) and
 * floats (0 = -0), interval (1 mon = 30 days), bpchar without a length (blanks at the end), and those that have no hash
 * at all, such as json, xml, point or tsvector. jsonb is: its hash differs with every key and value, though neither with
 * the scale of a number inside nor with where in it an array ends.
 */
const EXACT = new Set([
  ...['bool', 'bytea', 'char', 'name', 'int8', 'int2', 'int4', 'oid', 'text', 'varchar', 'uuid'],
  ...['date', 'time', 'timetz', 'timestamp', 'timestamptz', 'inet', 'cidr', 'macaddr', 'macaddr8'],
  ...['jsonb', 'pg_lsn', 'xid', 'xid8', 'cid', 'tid', 'oidvector'],
  ...['regproc', 'regprocedure', 'regoper', 'regoperator', 'regclass', 'regcollation', 'regtype', 'regrole'],
  ...['regnamespace', 'regconfig', 'regdictionary'],
])

/** Built-in types whose bytes on the wire are exact where their hash is not. */
const SENT: Readonly<Record<string, string>> = {
  float4: 'float4send',
  float8: 'float8send',
  interval: 'interval_send',
}

/**
 * How a value enters the hash: as it is, with its scale, as its wire bytes, with its bounds, as its text, as what its
 * type's own output says, or as rights with the oids of roles, whose names change without a change of the row.
 */
export type Form =
  | ('plain' | 'scale' | 'array' | 'text' | 'output' | 'right' | 'rights')
  | { readonly send: string }

/** True for a form that is made of the value in words. */
export const isWritten = (form: Form) => form === 'text' || form === 'output'

/** The form for a column of this type. @param typmod the column's; a numeric with one has a fixed scale */
export function formOf(oid: number, typmod: number, types: Types): Form {
  const type = types.get(oid)
  if (!type) return 'output'
  const parts = () => type.parts.map(part => formOf(part, -1, types))
  const allPlain = () => type.deterministic && parts().every(form => form === 'plain')
  const written = type.builtin ? 'text' : 'output'
  if (type.builtin && type.name === '_aclitem') return 'rights'
  if (type.isArray) return allPlain() ? 'array' : written
  switch (type.sort) {
    case 'd':
      return formOf(type.parts[0] ?? 0, type.typmod, types)
    case 'e':
      return 'plain'
    case 'c':
    case 'r':
    case 'm':
      return type.parts.length > 0 && allPlain() ? 'plain' : written
    default:
      return baseForm(type, typmod)
  }
}

function baseForm(type: TypeRow, typmod: number): Form {
  if (!type.builtin) return 'output'
  if (EXACT.has(type.name)) return 'plain'
  if (type.name === 'aclitem') return 'right'
  if (type.name === 'bpchar') return typmod >= 0 ? 'plain' : 'output'
  if (type.name === 'numeric') return typmod >= 0 ? 'plain' : 'scale'
  const send = SENT[type.name]
  return send === undefined ? 'text' : { send }
}

/** True for jsonb and whatever is made of it. */
export function holdsJsonb(oid: number, types: Types): boolean {
  const type = types.get(oid)
  if (!type) return false
  if (type.parts.length > 0) return type.parts.some(part => holdsJsonb(part, types))
  return type.builtin && type.name === 'jsonb'
}

/**
 * What a type is made of, down to its base types. Two values are hashed alike only where it is the same on both sides.
 * @param labels true with the words of enums, which a value's text holds and its hash does not
 */
export function makeupOf(oid: number, types: Types, labels: boolean): string {
  const type = types.get(oid)
  if (!type) return String(oid)
  const fields = type.fields?.map(({ number, type }) => `${number}:${makeupOf(type, types, labels)}`)
  const parts = fields ?? type.parts.map(part => makeupOf(part, types, labels))
  return `${oid}(${parts.join(',')}${labels ? `;${type.labels ?? ''}` : ''})`
}
