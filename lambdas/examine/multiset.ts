import type pg from 'pg'
import { asked, both, type Chunk, keepUp } from './chunk.ts'
import type { Digest, HashedRow, Part } from './digest.ts'
import type { History } from './history.ts'
import { type DatedRows, judgeLeft, judgeMissing, type Lane } from './rows.ts'
import { allEqual, type Counts, NOTHING, plus } from './tally.ts'

/** A whole table whose file was rewritten after the cut: rows are matched by content, wherever they lie. */
export type Whole = Pick<Chunk, 'primary' | 'copy'> & {
  readonly blocksPrimary: number
  readonly blocksCopy: number
  /** True for a materialized view: a refresh makes every row anew, and says nothing of what was there before. */
  readonly derived: boolean
  /** 64 bits: rows of a younger transaction were written after the table got its file. None: all of them were. */
  readonly filedAt: number
}

/** Blocks read in one statement: each has its own snapshot, so that none holds the primary's horizon for long. */
const BLOCKS = 8192

/** Rows in a bucket on average; what is looked at row by row when a bucket differs. */
const BUCKET = 256

/**
 * Compares a whole table as a bag of rows: buckets by hash on both sides, then the rows of the buckets that differ.
 * VACUUM FULL and CLUSTER keep xmin, so a row of before the cut is still known as one. Whatever else gives a table
 * another file (DDL that rewrites, pg_repack, SET LOGGED) writes the rows that it carries over under its own id: such a
 * row has no date, unless the copy has its equal.
 * @returns `refreshed` for a materialized view whose rows were all made since the cut
 */
export async function compareWhole(
  lane: Lane,
  history: History,
  whole: Whole,
): Promise<{ counts: Counts; digest: Digest; refreshed: boolean }> {
  const mask = maskFor(whole.blocksCopy * 60)
  const [primary, copy] = await both(
    buckets(lane.primary, whole.primary, whole.blocksPrimary, mask),
    buckets(lane.copy, whole.copy, whole.blocksCopy, mask),
  )
  const differing = [...new Set([...primary.keys(), ...copy.keys()])].filter(
    bucket => keyOf(primary.get(bucket)) !== keyOf(copy.get(bucket)),
  )
  const settled = [...copy].filter(([bucket]) => keyOf(primary.get(bucket)) === keyOf(copy.get(bucket)))
  const equal = allEqual(settled.reduce((sum, [, bucket]) => sum + Number(bucket.count), 0))
  const writer = differing.length > 0 ? await rewriterOf(lane, history, whole) : undefined
  const rewriter = whole.derived || (writer ?? 0) > whole.filedAt ? undefined : writer
  let counts = equal
  for (const some of slices(differing, [primary, copy])) {
    const [theirs, mine] = await both(
      rowsOf(lane.primary, whole.primary, whole.blocksPrimary, mask, some),
      rowsOf(lane.copy, whole.copy, whole.blocksCopy, mask, some),
    )
    await keepUp(lane, history)
    counts = plus(counts, await judgeBag(lane, history, theirs, mine, rewriter))
  }
  return { counts, digest: total(copy), refreshed: whole.derived && writer !== undefined }
}

/** Rows that are held at once, some 300 bytes each: where every row of a large table changed, memory must not grow with it. */
const ROWS_AT_ONCE = 500_000

/**
 * The buckets in groups of at most so many rows on both sides together, but at least one bucket; equal rows are in the
 * same bucket.
 */
export function* slices(
  buckets: readonly number[],
  sides: readonly ReadonlyMap<number, { readonly count: bigint }>[],
  most = ROWS_AT_ONCE,
): Generator<number[]> {
  let slice: number[] = []
  let rows = 0
  for (const bucket of buckets) {
    const own = sides.reduce((sum, side) => sum + Number(side.get(bucket)?.count ?? 0), 0)
    if (slice.length > 0 && rows + own > most) {
      yield slice
      slice = []
      rows = 0
    }
    slice.push(bucket)
    rows += own
  }
  if (slice.length > 0) yield slice
}

/**
 * The transaction of the oldest row where none is older than the copy's end. A rewrite leaves no older row than its own,
 * whatever DDL came after it. Distances from that end, since 32-bit ids have no order.
 */
async function rewriterOf(lane: Lane, history: History, whole: Whole): Promise<number | undefined> {
  let [least, most] = [2 ** 32, -1]
  for (const range of ranges(whole.blocksPrimary)) {
    const { rows } = await asked(
      'primary',
      lane.primary.query<{ least: string | null; most: string | null }>(
        `select min(r.distance) as least, max(r.distance) as most
         from (
           select case when x.id < 3 then 4294967295 else (x.id - $1 + 4294967296) % 4294967296 end as distance
           from only ${whole.primary.address} t
           cross join lateral (select t.xmin::pg_catalog.text::pg_catalog.int8 as id offset 0) x
           where ${range}
         ) r`,
        [history.firstNew % 2 ** 32],
      ),
    )
    least = Math.min(least, Number(rows[0]?.least ?? least))
    most = Math.max(most, Number(rows[0]?.most ?? most))
  }
  return most >= 0 && most < 2 ** 31 ? history.firstNew + least : undefined
}

type Bucket = { count: bigint; sum0: bigint; sum1: bigint }

const keyOf = (bucket: Bucket | undefined) => (bucket ? `${bucket.count}:${bucket.sum0}:${bucket.sum1}` : '')

/** One less than a power of two: as many buckets as give each about {@link BUCKET} rows, 65,536 at most. */
function maskFor(rows: number): number {
  let size = 64
  while (size < 65_536 && size * BUCKET < rows) size *= 2
  return size - 1
}

const hashed = (part: Omit<Part, 'from' | 'to'>, range: string) => `
select t.ctid, t.xmin, ${part.hashes[0]} as h0, ${part.hashes[1]} as h1
from only ${part.address} t
where ${range}
offset 0`

/** Consecutive ranges over a file; the last is open, since the file may grow. */
function* ranges(blocks: number): Generator<string> {
  for (let from = 0; from === 0 || from < blocks; from += BLOCKS) {
    const to = from + BLOCKS
    yield to < blocks ? `t.ctid >= '(${from},0)' and t.ctid < '(${to},0)'` : `t.ctid >= '(${from},0)'`
  }
}

async function buckets(
  client: pg.Client,
  part: Omit<Part, 'from' | 'to'>,
  blocks: number,
  mask: number,
): Promise<Map<number, Bucket>> {
  const sums = new Map<number, Bucket>()
  for (const range of ranges(blocks)) {
    const { rows } = await client.query({
      text: `select r.h0 & ${mask} as bucket, count(*), sum(r.h0), sum(r.h1) from (${hashed(part, range)}) r group by 1`,
      rowMode: 'array',
    })
    for (const [bucket, count, sum0, sum1] of rows as [string, string, string, string][]) {
      const sum = sums.get(Number(bucket)) ?? { count: 0n, sum0: 0n, sum1: 0n }
      sum.count += BigInt(count)
      sum.sum0 += BigInt(sum0)
      sum.sum1 += BigInt(sum1)
      sums.set(Number(bucket), sum)
    }
  }
  return sums
}

async function rowsOf(
  client: pg.Client,
  part: Omit<Part, 'from' | 'to'>,
  blocks: number,
  mask: number,
  wanted: readonly number[],
): Promise<HashedRow[]> {
  if (wanted.length === 0) return []
  const found: HashedRow[] = []
  for (const range of ranges(blocks)) {
    const { rows } = await client.query({
      text: `select r.* from (${hashed(part, range)}) r where r.h0 & ${mask} = any ($1::pg_catalog.int8[])`,
      values: [wanted],
      rowMode: 'array',
    })
    for (const row of rows as unknown as HashedRow[]) found.push(row)
  }
  return found
}

async function judgeBag(
  lane: Lane,
  history: History,
  primary: readonly HashedRow[],
  copy: readonly HashedRow[],
  rewriter: number | undefined,
): Promise<Counts> {
  const contentOf = (row: HashedRow) => `${row[2]}:${row[3]}`
  const left = Map.groupBy(copy, contentOf)
  const dated = primary.map(row => ({ row, xid: history.onPrimary(Number(row[1])) }))
  // A row of before the cut takes its equal first: a younger one of the same content is then the new one.
  const inOrder = [
    ...dated.filter(({ xid }) => history.mayBeInCopy(xid)),
    ...dated.filter(({ xid }) => !history.mayBeInCopy(xid)),
  ]
  const missing: DatedRows[] = []
  let equal = 0
  for (const { row, xid } of inOrder) {
    if (left.get(contentOf(row))?.pop()) equal += 1
    else missing.push({ ctid: row[0], xid, count: 1 })
  }
  const undated = missing.filter(row => row.xid === rewriter)
  const rest = [...left.values()]
    .flat()
    .map(row => ({ ctid: row[0], xid: history.onCopy(Number(row[1])), count: 1 }))
  const datable = missing.filter(row => row.xid !== rewriter)
  const seen: Counts = {
    ...NOTHING,
    rowsPrimary: primary.length,
    rowsCopy: copy.length,
    equal,
    undated: undated.length,
    faults: undated
      .slice(0, 10)
      .map(({ ctid, xid }) => ({ ctid, xmin: String(xid), kind: 'undated' as const })),
  }
  return plus(seen, plus(await judgeMissing(lane, history, datable), await judgeLeft(lane, history, rest)))
}

function total(sums: ReadonlyMap<number, Bucket>): Digest {
  let [count, sum0, sum1] = [0n, 0n, 0n]
  for (const bucket of sums.values()) {
    count += bucket.count
    sum0 += bucket.sum0
    sum1 += bucket.sum1
  }
  return { count: Number(count), sum0: String(sum0), sum1: String(sum1) }
}

/** A table that the primary has no longer: the copy's rows are read all the same, for their digest. */
export async function compareDropped(
  lane: Lane,
  whole: Pick<Whole, 'copy' | 'blocksCopy'>,
): Promise<{ counts: Counts; digest: Digest }> {
  const sums = await asked('copy', buckets(lane.copy, whole.copy, whole.blocksCopy, 63))
  const digest = total(sums)
  return {
    counts: {
      ...NOTHING,
      rowsCopy: digest.count,
      changedSince: digest.count,
      changedIn: [[0, whole.blocksCopy]],
    },
    digest,
  }
}
