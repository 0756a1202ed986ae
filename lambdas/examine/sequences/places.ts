import type pg from 'pg'
import { sentence } from '../../runtime/failure.ts'
import { quote } from '../relations.ts'

const SEQUENCES = `
select
  c.oid::pg_catalog.int8 as oid, n.nspname as schema, c.relname as name,
  pg_catalog.pg_relation_filenode(c.oid)::pg_catalog.int8 as filenode,
  q.seqincrement::pg_catalog.text as increment, q.seqcache::pg_catalog.text as cache, q.seqcycle as cycles
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_sequence q on q.seqrelid = c.oid
where c.relkind = 'S' and c.relpersistence = 'p'
order by c.oid`

/** Where a sequence stands, and how it moves. */
export type Place = {
  readonly oid: number
  readonly title: string
  /** Another one on the other side: it was started anew, as by TRUNCATE … RESTART IDENTITY. */
  readonly filenode: number
  readonly last: bigint
  readonly isCalled: boolean
  readonly increment: bigint
  readonly cache: bigint
  readonly cycles: boolean
}

/** Sequences read in one statement. */
const TOGETHER = 500

type Row = Omit<Place, 'oid' | 'title' | 'filenode' | 'last' | 'isCalled' | 'increment' | 'cache'> & {
  readonly [name in 'oid' | 'schema' | 'name' | 'filenode' | 'increment' | 'cache']: string
}

/** Every logged sequence by oid, and a sentence for each that cannot be read, as where its page is damaged. */
export async function readPlaces(
  client: pg.Client,
): Promise<{ readonly places: ReadonlyMap<number, Place>; readonly unread: readonly string[] }> {
  const { rows } = await client.query<Row>(SEQUENCES)
  const places = new Map<number, Place>()
  const unread: string[] = []
  const take = async (some: readonly Row[]) => {
    for (const place of await placesOf(client, some)) places.set(place.oid, place)
  }
  for (let at = 0; at < rows.length; at += TOGETHER) {
    const some = rows.slice(at, at + TOGETHER)
    try {
      await take(some)
    } catch {
      // One of them fails all: each by itself, then.
      for (const row of some)
        await take([row]).catch(error => unread.push(`${row.schema}.${row.name}: ${sentence(error)}`))
    }
  }
  return { places, unread }
}

async function placesOf(client: pg.Client, some: readonly Row[]): Promise<Place[]> {
  const sql = some
    .map(
      ({ schema, name }, n) =>
        `select ${n} as n, s.last_value::pg_catalog.text as last, s.is_called as "isCalled" from ${quote(schema)}.${quote(name)} s`,
    )
    .join('\nunion all\n')
  const { rows } = await client.query<{ n: number; last: string; isCalled: boolean }>(sql)
  return rows.flatMap(({ n, last, isCalled }) => {
    const row = some[n]
    if (row === undefined) return []
    return {
      oid: Number(row.oid),
      title: `${row.schema}.${row.name}`,
      filenode: Number(row.filenode),
      last: BigInt(last),
      isCalled,
      increment: BigInt(row.increment),
      cache: BigInt(row.cache),
      cycles: row.cycles,
    }
  })
}

/** Numbers that PostgreSQL logs ahead of those it gives out (SEQ_LOG_VALS); a recovery starts after them. */
const LOGGED = 32n

/** How far recovery may leave a sequence ahead. */
export const slackOf = ({ increment, cache }: Place) => increment * (LOGGED + cache)

/** True where `place` is further than `other`, by more than `slack`, in the direction in which it moves. */
export const isPast = (place: Place, other: bigint, slack: bigint) =>
  place.increment > 0n ? place.last > other + slack : place.last < other + slack

/**
 * Where the primary stands now it stood at the cut or later, so that the copy may be ahead of it by what recovery skips
 * and no more. Who set the primary's back since leaves the copy ahead as well: then it is near the numbers that its own
 * columns hold.
 * @param edges the furthest number that a column of the copy holds, by sequence
 */
export const isAhead = (mine: Place, theirs: Place, edges: readonly bigint[]): boolean =>
  !mine.cycles &&
  mine.filenode === theirs.filenode &&
  mine.increment === theirs.increment &&
  isPast(mine, theirs.last, slackOf(mine)) &&
  !edges.some(edge => !isPast(mine, edge, slackOf(mine)))

/** True where the primary has moved on since, so that only what it feeds can say whether the copy's lies behind. */
export const hasMoved = (mine: Place, theirs: Place): boolean =>
  !mine.cycles && (mine.increment > 0n ? theirs.last > mine.last : theirs.last < mine.last)
