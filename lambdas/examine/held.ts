/**
 * Relations that a prepared transaction holds: it came with the backup and keeps its locks until somebody ends it, so that
 * waiting is in vain. `whole` is true where not even reading is possible. SQL, as a subquery.
 */
export const HELD = `(
  select l.relation, pg_catalog.bool_or(l.mode = 'AccessExclusiveLock') as whole
  from pg_catalog.pg_locks l
  where l.pid is null and l.locktype = 'relation'
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
    and l.mode not in ('AccessShareLock', 'RowShareLock')
  group by l.relation
)`

/** Why a table cannot be read. */
export const WHY_HELD = 'a prepared transaction that was open at the cut holds it: nobody can read it'
