import type pg from 'pg'
import { quote } from '../relations.ts'
import type { DatedRows, Lane } from '../rows.ts'

/** One table on both sides, as SQL takes it. */
export type Addresses = { readonly primary: string; readonly copy: string }

/** Says which rows lie in a block whose map calls every row frozen. */
export type Frozen = {
  /** Frozen on both sides: the block is older than what was frozen before the cut, or was filled and frozen again since. */
  readonly onBoth: (rows: readonly DatedRows[]) => Promise<DatedRows[]>
  readonly inCopy: (rows: readonly DatedRows[]) => Promise<DatedRows[]>
}

const WHERE_IT_IS = `
select n.nspname as inside
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
where e.extname = 'pg_visibility'`

/**
 * A frozen row's id has no epoch: in a database of more than 2^32 transactions it may look like one of those since the
 * cut. What the map of its block says is the only mark that SQL shows; without pg_visibility nothing is called frozen.
 */
export function openFrozen(lane: Lane, table: Addresses | undefined): Frozen {
  const frozenIn = async (side: 'primary' | 'copy', rows: readonly DatedRows[]) => {
    if (table === undefined || rows.length === 0) return []
    const blocks = await frozenBlocks(lane[side], table[side], [...new Set(rows.map(blockOf))])
    return rows.filter(row => blocks.has(blockOf(row)))
  }
  return {
    inCopy: rows => frozenIn('copy', rows),
    onBoth: async rows => frozenIn('primary', await frozenIn('copy', rows)),
  }
}

const blockOf = ({ ctid }: DatedRows) => Number(/^\((\d+),/.exec(ctid)?.[1])

async function frozenBlocks(
  client: pg.Client,
  address: string,
  blocks: readonly number[],
): Promise<ReadonlySet<number>> {
  const there = (await client.query<{ inside: string }>(WHERE_IT_IS)).rows[0]
  if (!there) return new Set()
  const { rows } = await client.query<{ block: string }>(
    `select b.block
     from pg_catalog.unnest($1::pg_catalog.int8[]) b(block)
     cross join lateral ${quote(there.inside)}.pg_visibility_map($2::pg_catalog.regclass, b.block) m
     where m.all_frozen`,
    [blocks, address],
  )
  return new Set(rows.map(row => Number(row.block)))
}
