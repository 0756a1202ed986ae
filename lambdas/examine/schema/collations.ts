import type { Check } from '../../runtime/verdict.ts'
import { several } from '../check.ts'

export const COLLATIONS = `
select c.collname::pg_catalog.text as name, c.collversion as recorded, pg_catalog.pg_collation_actual_version(c.oid) as actual
from pg_catalog.pg_collation c
where c.collversion is not null and c.collversion is distinct from pg_catalog.pg_collation_actual_version(c.oid)
union all
select 'database ' || d.datname, d.datcollversion, pg_catalog.pg_database_collation_actual_version(d.oid)
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
  and d.datcollversion is not null
  and d.datcollversion is distinct from pg_catalog.pg_database_collation_actual_version(d.oid)`

/** A collation whose recorded version is not the one that the server sorts by. */
export type Mismatch = { readonly name: string; readonly recorded: string; readonly actual: string | null }

/**
 * Indexes of a collation of another version may be in a wrong order. What the primary has in the same way came with the
 * copy and is no fault of it: amcheck reads the indexes, and the sentence names the step that mends the primary.
 */
export function judgeCollations(
  rows: readonly Mismatch[],
  primary: readonly Mismatch[],
): Pick<Check, 'verdict' | 'detail'> {
  const word = (one: Mismatch) => `${one.name} ${one.recorded} now ${one.actual ?? 'unknown'}`
  const known = new Set(primary.map(word))
  const own = rows.map(word).filter(one => !known.has(one))
  if (own.length > 0) return { verdict: 'fail', detail: `collations of another version: ${several(own)}` }
  if (rows.length === 0)
    return { verdict: 'pass', detail: 'every collation has the version that its indexes were built with' }
  return {
    verdict: 'pass',
    detail: `collations of another version, as on the primary: ${several(rows.map(word))}; HINT: on the primary, reindex what uses them, then ALTER COLLATION or ALTER DATABASE … REFRESH VERSION`,
  }
}
