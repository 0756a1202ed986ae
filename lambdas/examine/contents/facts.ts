import type pg from 'pg'
import { address, quote, type Relation, readColumnTypes, readRelations, titleOf } from '../relations.ts'
import { type Shape, shapeOf } from './shape.ts'

/** A table of the copy and how its rows are found in the archive. */
export type Facts = {
  readonly relation: Relation
  readonly title: string
  readonly shape: Shape
  /** Whether all its changes go to the archive, updates and deletions too. */
  readonly archived: boolean
  /** Names of the columns by which the archive names a row; undefined where only the whole row does. */
  readonly key: readonly string[] | undefined
  /** One a column of the relation. */
  readonly columns: readonly ColumnFacts[]
}

export type ColumnFacts = {
  readonly name: string
  readonly type: number
  readonly typmod: number
  /**
   * SQL of what the column must hold where the archive says nothing of it: a generated column's expression, or what
   * rows have that are older than the column. Undefined where that cannot be asked.
   */
  readonly otherwise: string | undefined
  readonly isGenerated: boolean
}

const TABLES = `
select
  c.oid::pg_catalog.int8 as oid,
  exists (
    select
    from pg_catalog.pg_publication_rel r
    join pg_catalog.pg_publication p on p.oid = r.prpubid
    where r.prrelid = c.oid and p.pubname = 'holdfast_archive'
  ) as archived,
  (
    select pg_catalog.array_agg(a.attname::pg_catalog.text order by k.place)
    from pg_catalog.pg_index i
    cross join lateral pg_catalog.unnest(i.indkey::pg_catalog.int2[]) with ordinality k(number, place)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
    where i.indrelid = c.oid
      and i.indisvalid
      and k.place <= i.indnkeyatts
      -- Where the stream carries whole rows, the primary key names them all the same.
      and case c.relreplident when 'i' then i.indisreplident when 'n' then false else i.indisprimary end
  ) as key
from pg_catalog.pg_class c
where c.oid = any ($1::pg_catalog.oid[])`

const COLUMNS = `
select
  a.attrelid::pg_catalog.int8 as relation,
  a.attnum as number,
  a.attgenerated = 's' as generated,
  -- What calls a function of a user's is not run: this role may read everything.
  case
    when not exists (
      select
      from pg_catalog.pg_depend e
      where e.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and e.objid = d.oid
        and e.refclassid in (
          'pg_catalog.pg_proc'::pg_catalog.regclass,
          'pg_catalog.pg_operator'::pg_catalog.regclass,
          'pg_catalog.pg_type'::pg_catalog.regclass
        )
    )
    then pg_catalog.pg_get_expr(d.adbin, d.adrelid)
  end as expression,
  case when y.typcategory <> 'A' and y.typtype <> 'd' then a.attmissingval::pg_catalog.text end as missing,
  a.atthasmissing as defaulted,
  pg_catalog.format_type(a.atttypid, null) as type
from pg_catalog.pg_attribute a
join pg_catalog.pg_type y on y.oid = a.atttypid
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum and a.attgenerated = 's'
where a.attrelid = any ($1::pg_catalog.oid[]) and a.attnum > 0 and not a.attisdropped`

const VERSION = `select pg_catalog.current_setting('server_version_num')::pg_catalog.int4 as version`

/** Reads what is known of these tables in the copy, by oid. */
export async function readFacts(client: pg.Client, oids: readonly number[]): Promise<Map<number, Facts>> {
  const relations = await readRelations(client, 'copy', oids)
  const types = await readColumnTypes(client, relations.values())
  const { rows: tables } = await client.query(TABLES, [oids])
  const { rows: columns } = await client.query(COLUMNS, [oids])
  const { version } = (await client.query(VERSION)).rows[0]
  const known = new Map(tables.map(table => [Number(table.oid), table]))
  const facts = new Map<number, Facts>()
  for (const [oid, relation] of relations) {
    const own = columns.filter(column => Number(column.relation) === oid)
    facts.set(oid, {
      relation,
      title: titleOf(relation),
      shape: shapeOf(relation, types, version),
      archived: known.get(oid)?.archived === true,
      key: known.get(oid)?.key ?? undefined,
      columns: relation.columns.map(({ number, name, type, typmod }) => {
        const column = own.find(each => each.number === number)
        const isGenerated = column?.generated === true
        return { name, type, typmod, isGenerated, otherwise: otherwiseOf(column) }
      }),
    })
  }
  return facts
}

type ColumnRow = {
  readonly generated: boolean
  readonly expression: string | null
  readonly missing: string | null
  readonly defaulted: boolean
  readonly type: string
}

/** Deparsed with pg_catalog as the whole path, so every other name in the expression is qualified. */
function otherwiseOf(column: ColumnRow | undefined): string | undefined {
  if (column === undefined || column.generated)
    return column?.expression == null ? undefined : `(${column.expression})`
  if (column.missing === null) return column.defaulted ? undefined : 'null'
  const literal = `'${column.missing.replaceAll("'", "''")}'`
  return `(${literal}::${column.type}[])[1]`
}

/**
 * Place, every column as its type's own output writes it, which is what the archive holds, and one text of a letter a
 * column: `t` where it holds what it must if the archive says nothing of it.
 */
export function rowsQuery({ relation, columns }: Pick<Facts, 'relation' | 'columns'>): string {
  const values = columns.map(({ name }) => `t.${quote(name)}`)
  const others = columns.map(({ name, otherwise }) =>
    otherwise === undefined
      ? "'f'"
      : `case when row(t.${quote(name)})::pg_catalog.text is not distinct from row(${otherwise})::pg_catalog.text then 't' else 'f' end`,
  )
  return `
select ${['t.ctid', ...values, others.join(' || ') || "''"].join(', ')}
from only ${address(relation)} t
where t.ctid = any ($1::pg_catalog.tid[])`
}
