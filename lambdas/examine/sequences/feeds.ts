import type pg from 'pg'
import { HELD } from '../held.ts'
import { quote } from '../relations.ts'

/**
 * Columns that take their values from a sequence: serial and identity, and every default that names one. `made` is the
 * default with the number in place of the call; it is null where something of a user's is part of it, which is not run, and
 * a column of a user's own type is not read, since its owner chooses what its casts and operators do.
 * A cycling sequence may rightly lie behind.
 */
export const FEEDS = `
with fed(sequence, relation, attnum, made) as (
  select d.objid, d.refobjid, d.refobjsubid, null
  from pg_catalog.pg_depend d
  where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refobjsubid > 0
    and d.deptype in ('a', 'i')
  union
  select d.refobjid, f.adrelid, f.adnum, case when f.adrelid not in (select h.relation from ${HELD} h where h.whole) and not exists (
    select
    from pg_catalog.pg_depend p
    where p.classid = d.classid and p.objid = f.oid and p.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass,
      'pg_catalog.pg_operator'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass)
  ) then pg_catalog.replace(pg_catalog.pg_get_expr(f.adbin, f.adrelid),
    'nextval(' || pg_catalog.quote_literal(d.refobjid::pg_catalog.regclass) || '::regclass)', 'k.n') end
  from pg_catalog.pg_depend d
  join pg_catalog.pg_attrdef f on f.oid = d.objid
  where d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
select
  sn.nspname as "sequenceSchema", s.relname as "sequenceName",
  tn.nspname as "tableSchema", t.relname as "tableName",
  a.attname as "column",
  b.typcategory = 'N' and coalesce(fed.made ~ '^[(]*k[.]n[)]*(::[a-z]+)?$', true) as number,
  fed.made,
  q.seqincrement > 0 as rising,
  q.seqincrement::pg_catalog.text as increment
from fed
join pg_catalog.pg_class s on s.oid = fed.sequence and s.relkind = 'S'
join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
join pg_catalog.pg_sequence q on q.seqrelid = s.oid and not q.seqcycle
join pg_catalog.pg_class t on t.oid = fed.relation and t.relkind in ('r', 'p') and t.relpersistence = 'p'
join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = fed.attnum
join pg_catalog.pg_type y on y.oid = a.atttypid
join pg_catalog.pg_type b on b.oid = case when y.typtype = 'd' then y.typbasetype else y.oid end
where s.relpersistence = 'p' and t.oid not in (select h.relation from ${HELD} h where h.whole) and b.typnamespace = 'pg_catalog'::pg_catalog.regnamespace and (fed.made is not null or b.typcategory = 'N')
order by 1, 2`

export type Feed = {
  readonly sequenceSchema: string
  readonly sequenceName: string
  readonly tableSchema: string
  readonly tableName: string
  readonly column: string
  /** True where the column holds the sequence's numbers as they are. */
  readonly number: boolean
  readonly made: string | null
  readonly rising: boolean
  readonly increment: string
}

export const sequenceOf = (one: Feed) => `${quote(one.sequenceSchema)}.${quote(one.sequenceName)}`
const tableOf = (one: Feed) => `${quote(one.tableSchema)}.${quote(one.tableName)}`

/** Numbers ahead of the sequence that are tried on a column which holds something made of them. */
const AHEAD = 10_000

/** One row, `behind`, and the furthest number that the column holds where it holds numbers, `edge`. */
export function behindQuery(one: Feed): string {
  if (one.number) {
    const column = `t.${quote(one.column)}`
    const edge = one.rising ? `max(${column})` : `min(${column})`
    return `select s.last_value ${one.rising ? '<' : '>'} m.edge or (s.last_value = m.edge and not s.is_called) as behind,
  m.edge::pg_catalog.text as edge
from ${sequenceOf(one)} s, (select ${edge} as edge from ${tableOf(one)} t) m`
  }
  return `select exists (
  select
  from ${sequenceOf(one)} s
  cross join pg_catalog.generate_series(0, ${AHEAD}) i
  cross join lateral (
    select s.last_value + (i + case when s.is_called then 1 else 0 end) * ${one.increment}::pg_catalog.numeric as exact
  ) x
  cross join lateral (select x.exact::pg_catalog.int8 as n where x.exact between -9223372036854775808 and 9223372036854775807) k
  join ${tableOf(one)} t on t.${quote(one.column)} = (${one.made})
) as behind, null as edge`
}

export async function readFeeds(client: pg.Client): Promise<Feed[]> {
  return (await client.query<Feed>(FEEDS)).rows
}
