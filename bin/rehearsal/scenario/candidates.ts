import type pg from 'pg'

/** A table that may be emptied. */
export type Candidate = {
  /** Quoted where needed, with its schema. */
  readonly name: string
  /** What holds its rows: itself, its partitions, the tables that inherit from it. */
  readonly members: readonly string[]
}

/**
 * Ordinary and partitioned tables with rows, largest first. Left out: what an extension owns, and every table of which
 * a part is unlogged (no copy has its rows) or foreign (its rows are somebody else's).
 */
const CANDIDATES = `
with recursive tree as (
  select c.oid as root, c.oid as member
  from pg_catalog.pg_class c
  where c.relkind in ('r', 'p') and not c.relispartition
  union
  select t.root, i.inhrelid from tree t join pg_catalog.pg_inherits i on i.inhparent = t.member
), known as (
  select t.root, c.oid, c.relkind, c.relpersistence, c.reltuples, n.nspname as schema,
    pg_catalog.format('%I.%I', n.nspname, c.relname) as name
  from tree t
  join pg_catalog.pg_class c on c.oid = t.member
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
)
select max(k.name) filter (where k.oid = k.root) as name,
  pg_catalog.array_agg(k.name order by k.oid) filter (where k.relkind = 'r') as members
from known k
group by k.root
having bool_and(k.relpersistence = 'p' and k.relkind in ('r', 'p'))
  and bool_and(k.schema not in ('pg_catalog', 'information_schema', 'holdfast', 'rehearsal'))
  and bool_and($1::text[] is null or k.name = any ($1))
  and bool_or(k.relkind = 'r' and k.reltuples <> 0)
  and not exists (
    select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = k.root and d.deptype = 'e'
  )
order by sum(greatest(k.reltuples, 0)) filter (where k.relkind = 'r') desc, k.root`

/** @param loaded the only tables to consider, each with its partitions; without it every one */
export async function candidatesOf(client: pg.Client, loaded?: readonly string[]): Promise<Candidate[]> {
  const { rows } = await client.query<Candidate>(CANDIDATES, [loaded ?? null])
  return rows
}
