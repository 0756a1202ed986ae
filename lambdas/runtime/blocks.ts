/** Blocks `from` to `to` (exclusive) of a table's file. */
export type Blocks = readonly [from: number, to: number]

/** Ranges of one table that are kept: an answer must fit into a checkpoint, and blocks looked at in vain cost little. */
const MOST = 16

/** Every block of both lists, in order, in a few ranges: where there would be more, the nearest are taken together. */
export function joinBlocks(a: readonly Blocks[], b: readonly Blocks[], most = MOST): Blocks[] {
  const joined: [number, number][] = []
  for (const [from, to] of [...a, ...b].sort((x, y) => x[0] - y[0])) {
    const last = joined.at(-1)
    if (last && from <= last[1]) last[1] = Math.max(last[1], to)
    else joined.push([from, to])
  }
  if (joined.length <= most) return joined
  const gaps = joined.slice(1).map((range, at) => range[0] - (joined[at]?.[1] ?? 0))
  // The widest gaps stay.
  const least = gaps.toSorted((x, y) => y - x)[most - 2] ?? 0
  const result: [number, number][] = []
  let stay = most - 1
  for (const [at, range] of joined.entries()) {
    const last = result.at(-1)
    if (last && ((gaps[at - 1] ?? 0) < least || stay === 0)) last[1] = range[1]
    else {
      if (last) stay -= 1
      result.push(range)
    }
  }
  return result
}

/** The blocks of these places, written as `(block,number)`. */
export function blocksAt(places: readonly string[]): Blocks[] {
  const blocks = new Set(places.map(place => Number(place.slice(1, place.indexOf(',')))))
  return joinBlocks(
    [...blocks].map(block => [block, block + 1] as const),
    [],
  )
}
