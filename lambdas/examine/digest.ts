import type pg from 'pg'
import type { RowHash } from './relations.ts'

/** Part of one table on one side: SQL address, the hashes of a row, and the blocks `from` to `to` (exclusive; null: to the end). */
export type Part = {
  readonly address: string
  readonly hashes: RowHash
  readonly from: number
  readonly to: number | null
}

/** Two 64-bit hashes a row, added up: equal rows cannot cancel each other as they would under xor. */
export type Digest = { readonly count: number; readonly sum0: string; readonly sum1: string }

/** One row as it is compared: its place, its transaction, its two hashes. Never its content. */
export type HashedRow = readonly [ctid: string, xmin: string, hash0: string, hash1: string]

export const within = (part: Pick<Part, 'from' | 'to'>) =>
  [
    ...(part.from > 0 ? [`t.ctid >= '(${part.from},0)'`] : []),
    ...(part.to === null ? [] : [`t.ctid < '(${part.to},0)'`]),
  ].join(' and ') || 'true'

/**
 * One digest a part, in their order, in one statement. This is where a comparison spends its time, so a row is hashed
 * once: its other hash is the first one turned, and `offset 0` keeps the planner from taking both from the columns.
 * A changed row goes unseen once in 2⁶⁴.
 */
export function digestQuery(parts: readonly Part[]): string {
  return parts
    .map(
      (part, at) =>
        `select ${at} as at, count(*), sum(pg_catalog.hashint8extended(r.hash, 0)), sum(r.hash)
from (select ${part.hashes[1]} as hash from only ${part.address} t where ${within(part)} offset 0) r`,
    )
    .join('\nunion all\n')
}

/** @returns one digest a part */
export async function readDigests(client: pg.Client, parts: readonly Part[]): Promise<Digest[]> {
  const { rows } = await client.query({ text: digestQuery(parts), rowMode: 'array' })
  const digests: Digest[] = []
  for (const [at, count, sum0, sum1] of rows as [number, string, string | null, string | null][])
    digests[at] = { count: Number(count), sum0: sum0 ?? '0', sum1: sum1 ?? '0' }
  return digests
}

export const isSame = (a: Digest, b: Digest) => a.count === b.count && a.sum0 === b.sum0 && a.sum1 === b.sum1

/**
 * A digest for every block that holds visible rows. Scanning block by block costs half of what taking the block's
 * number out of every row's ctid does.
 */
export async function readBlocks(client: pg.Client, part: Part): Promise<Map<number, Digest>> {
  const size = `pg_catalog.pg_relation_size('${part.address.replaceAll("'", "''")}'::pg_catalog.regclass)`
  const text = `
select block.number, r.*
from pg_catalog.generate_series(${part.from}::pg_catalog.int8, ${part.to ?? `${size} / 8192`} - 1) block(number)
cross join lateral (
  select count(*) as rows, sum(${part.hashes[0]}), sum(${part.hashes[1]})
  from only ${part.address} t
  where ${THE_BLOCK}
  offset 0
) r
where r.rows > 0`
  const { rows } = await client.query({ text, rowMode: 'array' })
  return new Map(
    (rows as [string, string, string, string][]).map(([block, count, sum0, sum1]) => [
      Number(block),
      { count: Number(count), sum0, sum1 },
    ]),
  )
}

/**
 * One block's rows. Inside a fenced lateral query the range is a parameter: the block is read by itself. Its name is
 * qualified: a bare one would mean the table's own column where it has one of that name.
 */
const THE_BLOCK = `t.ctid >= ('(' || block.number || ',0)')::pg_catalog.tid
    and t.ctid < ('(' || (block.number + 1) || ',0)')::pg_catalog.tid`

/**
 * The rows of these blocks, each as one text of place, xmin and hashes: equal rows are equal texts, and only the others
 * need be taken apart with {@link parseRow}. One message a block, since a message a row would cost more than its hash.
 */
export async function readRows(client: pg.Client, part: Part, blocks: readonly number[]): Promise<string[]> {
  if (blocks.length === 0) return []
  const text = `
select r.rows
from pg_catalog.unnest($1::pg_catalog.int8[]) block(number)
cross join lateral (
  select pg_catalog.string_agg(t.ctid::pg_catalog.text || ' ' || t.xmin::pg_catalog.text || ' ' || ${part.hashes[0]} || ' ' || ${part.hashes[1]}, ';') as rows
  from only ${part.address} t
  where ${THE_BLOCK}
  offset 0
) r
where r.rows is not null`
  const { rows } = await client.query({ text, values: [blocks], rowMode: 'array' })
  return (rows as [string][]).flatMap(([block]) => block.split(';'))
}

/** A text of {@link readRows} as a row. */
export function parseRow(text: string): HashedRow {
  const [ctid = '', xmin = '', hash0 = '', hash1 = ''] = text.split(' ')
  return [ctid, xmin, hash0, hash1]
}

/** How many rows each transaction wrote, in the whole part or in some of its blocks. */
export async function readWriters(
  client: pg.Client,
  part: Part,
  blocks?: readonly number[],
): Promise<Map<number, number>> {
  const source =
    blocks === undefined
      ? `(select t.xmin from only ${part.address} t where ${within(part)})`
      : `(select r.xmin from pg_catalog.unnest($1::pg_catalog.int8[]) block(number) cross join lateral (
  select t.xmin from only ${part.address} t
  where ${THE_BLOCK}
  offset 0
) r)`
  const text = `select w.xmin, count(*) from ${source} w group by w.xmin`
  const { rows } = await client.query({
    text,
    values: blocks === undefined ? [] : [blocks],
    rowMode: 'array',
  })
  return new Map((rows as [string, string][]).map(([xmin, count]) => [Number(xmin), Number(count)]))
}
