import type { Check } from '../../runtime/verdict.ts'
import { several } from '../check.ts'

/**
 * Marks without which PostgreSQL looks for no index, rule, trigger or event trigger, although there is one. They are
 * written in place, so that no comparison of catalogs can date them; set without need they do no harm.
 */
export const FLAGS = `
select c.oid::pg_catalog.regclass::pg_catalog.text || ': ' || f.flag as name
from pg_catalog.pg_class c
cross join lateral (
  select 'relhasindex is false and it has an index' as flag
  where not c.relhasindex and exists (select from pg_catalog.pg_index i where i.indrelid = c.oid)
  union all
  select 'relhasrules is false and it has a rule'
  where not c.relhasrules and exists (select from pg_catalog.pg_rewrite r where r.ev_class = c.oid)
  union all
  select 'relhastriggers is false and it has a trigger'
  where not c.relhastriggers and exists (select from pg_catalog.pg_trigger t where t.tgrelid = c.oid)
) f
union all
select d.datname || ': dathasloginevt is false and it has an event trigger for logins'
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database() and not d.dathasloginevt
  and exists (select from pg_catalog.pg_event_trigger e where e.evtevent = 'login' and e.evtenabled <> 'D')
order by 1`

/** @param known those of the primary, where there is one: what is wrong there, too, is not the copy's fault */
export function judgeFlags(
  rows: readonly { readonly name: string }[],
  known: ReadonlySet<string>,
): Pick<Check, 'verdict' | 'detail'> {
  const own = rows.map(row => row.name).filter(name => !known.has(name))
  if (own.length > 0) return { verdict: 'fail', detail: several(own) }
  const shared =
    rows.length === 0 ? '' : `; wrong on the primary as well: ${several(rows.map(row => row.name))}`
  return { verdict: 'pass', detail: `every index, rule and trigger is marked as being there${shared}` }
}
