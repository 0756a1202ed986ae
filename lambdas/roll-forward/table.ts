import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import type { Relation } from '../runtime/segment/pgoutput.ts'
import { tableName } from './statement.ts'

/** A column as the copy has it; types and operators as SQL text that means them whatever the search_path. */
export type TableColumn = {
  readonly name: string
  readonly type: string
  /** Whether unnest() gives the elements of an array of it back: not arrays, nor rows and domains, which may be either. */
  readonly travels: boolean
  /** Between the elements of an array of this type. */
  readonly delimiter: string
  /** `generated always as identity`: no UPDATE may give it a value. */
  readonly always: boolean
  /** Generated from other columns: the copy computes it, and nothing may give it a value. */
  readonly computed: boolean
}

/** What finds a row: the column's place in the relation, and its type's own equality. */
export type KeyColumn = { readonly index: number; readonly operator: string }

/** A table of the copy, in the shape in which the stream describes it. */
export type Table = {
  readonly relation: Relation
  /** In the relation's order. */
  readonly columns: readonly TableColumn[]
  /** Undefined where only the whole row identifies a row. */
  readonly key: readonly KeyColumn[] | undefined
  /** Equal keys have equal text: changes whose keys differ are of different rows. */
  readonly isExact: boolean
  /** Nothing but the key can make two rows collide: neither another unique nor an exclusion constraint. */
  readonly isAlone: boolean
  /** Whether an index finds rows by the key. */
  readonly isIndexed: boolean
}

type Index = {
  readonly primary: boolean
  /** Finds at most one row at any moment: unique, at once, of plain columns, without a condition. */
  readonly identifies: boolean
  readonly columns: readonly string[]
  readonly operators: readonly string[]
  readonly exact: boolean
}

/** Any `=` of the column's type that the search_path finds. */
const PLAIN = '='

/** One row of facts about a table; `exact` is what the server asks before it compares keys byte by byte. */
const FACTS = `
select
  (select coalesce(json_agg(json_build_object(
      'column', a.attname,
      'type', pg_catalog.format_type(a.atttypid, -1),
      'travels', t.typarray <> 0 and t.typtype not in ('c', 'd'),
      'delimiter', t.typdelim,
      'always', a.attidentity = 'a',
      'computed', a.attgenerated <> '')), '[]')
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select coalesce(json_agg(json_build_object(
      'primary', i.indisprimary,
      'identifies', i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null,
      'columns', k.columns, 'operators', k.operators, 'exact', k.exact)), '[]')
    from pg_catalog.pg_index i
    cross join lateral (
      select
        json_agg(a.attname order by p.place) as columns,
        json_agg(coalesce(o.name, '${PLAIN}') order by p.place) as operators,
        bool_and(f.proname = 'btequalimage' or f.proname = 'btvarstrequalimage' and l.collisdeterministic) is true as exact
      from generate_series(0, i.indnkeyatts - 1) as p (place)
      left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[p.place]
      left join pg_catalog.pg_opclass s on s.oid = i.indclass[p.place]
      left join pg_catalog.pg_am m on m.oid = s.opcmethod
      left join pg_catalog.pg_collation l on l.oid = i.indcollation[p.place]
      left join pg_catalog.pg_amproc r on m.amname = 'btree' and r.amprocfamily = s.opcfamily
        and r.amproclefttype = s.opcintype and r.amprocrighttype = s.opcintype and r.amprocnum = 4
      left join pg_catalog.pg_proc f on f.oid = r.amproc
      left join lateral (
        select format('operator(%I.%s)', n.nspname, e.oprname) as name
        from pg_catalog.pg_amop b
        join pg_catalog.pg_operator e on e.oid = b.amopopr
        join pg_catalog.pg_namespace n on n.oid = e.oprnamespace
        where m.amname = 'btree' and b.amopfamily = s.opcfamily and b.amopstrategy = 3
          and b.amoplefttype = s.opcintype and b.amoprighttype = s.opcintype
      ) as o on true
    ) as k
    where i.indrelid = c.oid and (i.indisunique or i.indisexclusion)) as indexes
from pg_catalog.pg_class c
where c.oid = pg_catalog.to_regclass($1)`

/** Looks at the copy's table that the stream means. @throws Refusal `NotApplied` when the copy's is another. */
export async function readTable(client: pg.Client, relation: Relation): Promise<Table> {
  const name = tableName(relation)
  const { rows } = await client.query(FACTS, [name])
  if (rows[0] === undefined) throw unlike(`the copy has no table ${name}`)
  const known = new Map<string, TableColumn>(
    rows[0].columns.map(({ column, ...facts }: TableColumn & { column: string }) => [column, facts]),
  )
  const columns = relation.columns.map(column => {
    const facts = known.get(column.name)
    if (facts === undefined) throw unlike(`${name} has no column ${column.name} in the copy`)
    return { ...facts, name: column.name }
  })
  const indexes: Index[] = rows[0].indexes
  const index = indexes.find(each => each.identifies && isIdentity(each, relation))
  const key = index ? keyOf(index, relation) : namedKey(relation)
  return {
    ...{ relation, columns, key },
    isExact: index?.exact === true,
    isAlone: indexes.every(each => each === index),
    isIndexed: index !== undefined,
  }
}

/** Whether an index is the one by which the stream names rows; where it sends whole rows, the primary key will do. */
function isIdentity(index: Index, relation: Relation): boolean {
  // A server that does not send generated columns does not send a key of them.
  const isSent = index.columns.every(name => relation.columns.some(column => column.name === name))
  if (relation.identity === 'f') return index.primary && isSent
  const named = relation.columns.filter(column => column.key).map(column => column.name)
  return named.length === index.columns.length && named.every(name => index.columns.includes(name))
}

function keyOf(index: Index, relation: Relation): KeyColumn[] {
  return index.columns.map((name, place) => ({
    index: relation.columns.findIndex(column => column.name === name),
    operator: index.operators[place] ?? PLAIN,
  }))
}

function namedKey(relation: Relation): KeyColumn[] | undefined {
  if (relation.identity === 'f') return undefined
  return relation.columns.flatMap((column, index) => (column.key ? [{ index, operator: PLAIN }] : []))
}

function unlike(fact: string): Refusal {
  return new Refusal(
    'NotApplied',
    fact,
    'a change of the schema that the archive does not hold came before it: compare the copy with the primary at the cut',
  )
}
