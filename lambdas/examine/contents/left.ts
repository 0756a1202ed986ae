import type pg from 'pg'
import type { Blocks } from '../../runtime/blocks.ts'
import { findPlace, type Versions } from '../../runtime/witness/versions.ts'
import { blocksOf } from '../jobs.ts'
import { address, type Relation } from '../relations.ts'
import type { Lane } from '../rows.ts'
import type { Facts } from './facts.ts'
import { readVersions } from './read-versions.ts'

/** Blocks whose rows are looked at together. */
const TOGETHER = 1_024

/** The blocks in pieces that fit into memory. */
export function pieces(blocks: readonly Blocks[]): Blocks[] {
  return blocks.flatMap(([from, to]) =>
    Array.from({ length: Math.ceil((to - from) / TOGETHER) }, (_, at) => {
      const begin = from + at * TOGETHER
      return [begin, Math.min(begin + TOGETHER, to)] as const
    }),
  )
}

/**
 * The copy's versions in these blocks that the primary has no longer at their place; all of them where the primary's
 * file is another one. A version that is gone never comes back.
 */
export async function readLeft(
  lane: Lane,
  facts: Facts,
  primary: Relation | undefined,
  [from, to]: Blocks,
): Promise<Versions> {
  const { relation, shape } = facts
  const place = { address: address(relation), from, to }
  const mine = await readVersions(lane.copy, { ...place, hash: shape.hash }, blocksOf(relation))
  if (primary?.filenode !== relation.filenode) return mine
  const theirs = await readTheirs(lane.primary, { ...place, address: address(primary) })
  const kept: number[] = []
  for (const [at, at0] of mine.places.entries()) {
    const there = findPlace(theirs, at0)
    if (there < 0 || theirs.xmins[there] !== mine.xmins[at]) kept.push(at)
  }
  return {
    places: Float64Array.from(kept, at => mine.places[at] ?? 0),
    xmins: Uint32Array.from(kept, at => mine.xmins[at] ?? 0),
    hashes: BigInt64Array.from(kept, at => mine.hashes[at] ?? 0n),
  }
}

async function readTheirs(
  client: pg.Client,
  place: { readonly address: string; readonly from: number; readonly to: number },
): Promise<Versions> {
  return readVersions(client, place, place.to)
}
