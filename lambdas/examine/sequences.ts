import type pg from 'pg'
import { sentence } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { several } from './check.ts'
import { quote } from './relations.ts'

/**
 * Sequences that feed a column: serial and identity, and those that a column of whole numbers takes its default from
 * without owning them. A cycling one may rightly lie behind.
 */
const OWNED = `
with fed(sequence, relation, attnum) as (
  select d.objid, d.refobjid, d.refobjsubid
  from pg_catalog.pg_depend d
  where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refobjsubid > 0
    and d.deptype in ('a', 'i')
  union
  select d.refobjid, f.adrelid, f.adnum
  from pg_catalog.pg_depend d
  join pg_catalog.pg_attrdef f on f.oid = d.objid
  join pg_catalog.pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
  where d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and a.atttypid in ('int2'::pg_catalog.regtype, 'int4'::pg_catalog.regtype, 'int8'::pg_catalog.regtype)
    and pg_catalog.pg_get_expr(f.adbin, f.adrelid) ~ '^nextval[(][^()]*[)]$'
)
select
  sn.nspname as "sequenceSchema", s.relname as "sequenceName",
  tn.nspname as "tableSchema", t.relname as "tableName",
  a.attname as "column",
  q.seqincrement > 0 as rising
from fed
join pg_catalog.pg_class s on s.oid = fed.sequence and s.relkind = 'S'
join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
join pg_catalog.pg_sequence q on q.seqrelid = s.oid and not q.seqcycle
join pg_catalog.pg_class t on t.oid = fed.relation and t.relkind in ('r', 'p') and t.relpersistence = 'p'
join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = fed.attnum
join pg_catalog.pg_type y on y.oid = a.atttypid
where s.relpersistence = 'p'
  -- A sequence can be owned by a column of any type, and its owner can make a function the cast of that type to a number.
  and y.typcategory = 'N'
  and (y.typtype = 'd' or y.typnamespace = 'pg_catalog'::pg_catalog.regnamespace)
order by 1, 2`

type Owned = {
  readonly sequenceSchema: string
  readonly sequenceName: string
  readonly tableSchema: string
  readonly tableName: string
  readonly column: string
  readonly rising: boolean
}

const behind = (one: Owned) => {
  const column = `t.${quote(one.column)}`
  const edge = one.rising ? `max(${column})` : `min(${column})`
  const sign = one.rising ? '<' : '>'
  return `select s.last_value ${sign} m.edge or (s.last_value = m.edge and not s.is_called) as behind
from ${quote(one.sequenceSchema)}.${quote(one.sequenceName)} s, (select ${edge}::pg_catalog.int8 as edge from ${quote(one.tableSchema)}.${quote(one.tableName)} t) m`
}

/**
 * No sequence may give out a number that its column already holds. After recovery it may be ahead, since PostgreSQL
 * logs 32 numbers at a time, and never behind. Where the primary's own is behind, its numbers were written by hand.
 */
export async function checkSequences(copy: pg.Client, primary: pg.Client | undefined): Promise<Check> {
  const name = 'structure.sequences'
  const { rows: owned } = await copy.query<Owned>(OWNED)
  const faults: string[] = []
  const unread: string[] = []
  for (const one of owned) {
    const title = `${one.sequenceSchema}.${one.sequenceName}`
    try {
      if (!(await isBehind(copy, one))) continue
      const known = primary ? await isBehind(primary, one).catch(() => false) : false
      if (!known) faults.push(title)
    } catch (error) {
      unread.push(`${title}: ${sentence(error)}`)
    }
  }
  if (faults.length > 0)
    return {
      name,
      verdict: 'fail',
      detail: `sequences behind their column: ${several(faults)}`,
      asked: OWNED.trim(),
      answer: faults,
    }
  if (unread.length > 0)
    return {
      name,
      verdict: 'unknown',
      detail: `could not be read: ${several(unread, 3)}`,
      asked: OWNED.trim(),
    }
  return {
    name,
    verdict: 'pass',
    detail: `${owned.length} sequences are at or past their column`,
    asked: OWNED.trim(),
  }
}

async function isBehind(client: pg.Client, one: Owned): Promise<boolean> {
  return (await client.query<{ behind: boolean | null }>(behind(one))).rows[0]?.behind === true
}
