import type pg from 'pg'
import { restrictReading } from './digest.ts'
import type { Outside } from './request.ts'

/** Tables outside the archive that the sentence names. */
const NAMED = 5

/** Bytes of a table that is counted row by row; a larger one would hold the snapshot for its sake. */
const COUNTED = 256 * 1024 ** 2

const LARGE_OBJECTS = 'large objects'

/**
 * What holds data and is in no archive, ours aside: no pattern names it, it writes no log, no stream carries it, or it
 * should be archived and is in no publication. A table that only its pattern knows is as far outside as any other.
 */
const OUTSIDE = `
select pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
  pg_catalog.pg_relation_size(c.oid)::pg_catalog.float8 as bytes,
  case when c.reltuples >= 0 then c.reltuples::pg_catalog.int8::text end as estimate
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't'
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'holdfast')
  and not exists (
    select
    from holdfast.archive_table t
    join pg_catalog.pg_publication_rel r on r.prrelid = t.oid
    join pg_catalog.pg_publication p on p.oid = r.prpubid and p.pubname like 'holdfast\\_archive%'
    where t.oid = c.oid)
union all
select '${LARGE_OBJECTS}', 0, count(*)::text from pg_catalog.pg_largeobject_metadata having count(*) > 0
order by name`

type Listed = { readonly name: string; readonly bytes: number | null; readonly estimate: string | null }

/** Names them. Comes before a table is read: afterwards the session believes no view. */
export async function listOutside(client: pg.Client): Promise<readonly Listed[]> {
  return (await client.query<Listed>(OUTSIDE)).rows
}

/** Counts their rows in the snapshot. No view and no foreign table answers in the session afterwards. */
export async function countOutside(client: pg.Client, listed: readonly Listed[]): Promise<Outside[]> {
  await restrictReading(client)
  const counted: Outside[] = []
  for (const one of listed) counted.push(await countRows(client, one))
  return counted
}

async function countRows(client: pg.Client, { name, bytes, estimate }: Listed): Promise<Outside> {
  if (name === LARGE_OBJECTS) return { name, rows: estimate, counted: true }
  if (bytes === null || bytes > COUNTED) return { name, rows: estimate, counted: false }
  await client.query('savepoint counting')
  try {
    const { rows } = await client.query<{ n: string }>(`select count(*)::text as n from only ${name}`)
    return { name, rows: rows[0]?.n ?? null, counted: true }
  } catch {
    await client.query('rollback to savepoint counting')
    return { name, rows: null, counted: false }
  }
}

/** Said even where it is none: what the archive does not hold ends where the copy did. */
export function sayOutside(outside: readonly Outside[]): string {
  if (outside.length === 0) return 'no table is outside the archive'
  const known = outside.filter(({ rows }) => rows !== null)
  const rows = known.reduce((all, one) => all + BigInt(one.rows ?? 0), 0n)
  const about = known.every(({ counted }) => counted) ? '' : 'about '
  const unread = outside.length - known.length
  const uncounted = unread === 0 ? '' : ` and ${unread} that could not be counted`
  const [count, are] = outside.length === 1 ? ['1 table', 'is'] : [`${outside.length} tables`, 'are']
  const names = outside.slice(0, NAMED).map(({ name }) => name)
  const more = outside.length > NAMED ? ` and ${outside.length - NAMED} more` : ''
  return `${count} with ${about}${rows} ${rows === 1n ? 'row' : 'rows'}${uncounted} ${are} outside the archive: ${names.join(', ')}${more}`
}
