import { sentence } from '../runtime/failure.ts'
import {
  type Digest,
  isSame,
  type Part,
  parseRow,
  readBlocks,
  readDigests,
  readRows,
  readWriters,
} from './digest.ts'
import type { History } from './history.ts'
import { judgeLeft, judgeMissing, judgeRows, type Lane } from './rows.ts'
import { allEqual, type Counts, NOTHING, plus } from './tally.ts'

/** The same blocks of one table on both sides. */
export type Chunk = {
  readonly table: number
  readonly from: number
  readonly to: number | null
  /** Blocks of the copy in it, for balance. */
  readonly blocks: number
  readonly primary: Omit<Part, 'from' | 'to'>
  readonly copy: Omit<Part, 'from' | 'to'>
}

export type ChunkOutcome = { readonly chunk: Chunk; readonly counts: Counts; readonly digest: Digest }

export const partOf = (chunk: Chunk, side: 'primary' | 'copy'): Part => ({
  ...chunk[side],
  from: chunk.from,
  to: chunk.to,
})

/** Compares several chunks: one statement on each side at the same time, then a closer look at those that differ. */
export async function compareChunks(
  lane: Lane,
  history: History,
  chunks: readonly Chunk[],
): Promise<ChunkOutcome[]> {
  const [primary, copy] = await both(
    readDigests(
      lane.primary,
      chunks.map(chunk => partOf(chunk, 'primary')),
    ),
    readDigests(
      lane.copy,
      chunks.map(chunk => partOf(chunk, 'copy')),
    ),
  )
  const outcomes: ChunkOutcome[] = []
  for (const [at, chunk] of chunks.entries()) {
    const [theirs, mine] = [primary[at], copy[at]]
    if (!theirs || !mine) throw new Error(`no digest came back for chunk ${at}`)
    const counts = isSame(theirs, mine)
      ? allEqual(mine.count)
      : await lookCloser(lane, history, chunk, theirs, mine)
    outcomes.push({ chunk, counts, digest: mine })
  }
  return outcomes
}

/** Waits for both, also when one fails: a connection must be free before it is used again. */
export async function both<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([a, b])
  if (second.status === 'rejected') throw new SideError('copy', second.reason)
  if (first.status === 'rejected') throw new SideError('primary', first.reason)
  return [first.value, second.value]
}

/** An error and the side that it came from. */
export class SideError extends Error {
  override readonly name = 'SideError'
  readonly side: 'primary' | 'copy'
  /** SQLSTATE; empty when the server said none. */
  readonly code: string

  constructor(side: 'primary' | 'copy', cause: unknown) {
    super(`the ${side} did not answer: ${sentence(cause)}`, { cause })
    this.side = side
    this.code = (cause as { code?: string } | null)?.code ?? ''
  }
}

async function lookCloser(
  lane: Lane,
  history: History,
  chunk: Chunk,
  theirs: Digest,
  mine: Digest,
): Promise<Counts> {
  if (theirs.count === 0) return emptied(lane, history, chunk, mine)
  const [primary, copy] = await both(
    readBlocks(lane.primary, partOf(chunk, 'primary')),
    readBlocks(lane.copy, partOf(chunk, 'copy')),
  )
  const differing: number[] = []
  const onlyPrimary: number[] = []
  let equal = 0
  for (const block of new Set([...primary.keys(), ...copy.keys()])) {
    const [a, b] = [primary.get(block), copy.get(block)]
    if (a && b && isSame(a, b)) equal += b.count
    else if (a && !b && !(history.isAged() && block < chunk.from + chunk.blocks)) onlyPrimary.push(block)
    else differing.push(block)
  }
  const judged = await judgeBlocks(lane, history, chunk, differing)
  return plus(allEqual(equal), plus(judged, await judgeNewBlocks(lane, history, chunk, onlyPrimary)))
}

/**
 * Blocks without a row in the copy, as where a table grew: asking who wrote them is cheaper than reading them. Where ids
 * are old enough to come again, that is for blocks beyond the copy's file alone: none of their rows can be of before.
 */
async function judgeNewBlocks(
  lane: Lane,
  history: History,
  chunk: Chunk,
  blocks: readonly number[],
): Promise<Counts> {
  const [block] = blocks
  if (block === undefined) return NOTHING
  const writers = await asked('primary', readWriters(lane.primary, partOf(chunk, 'primary'), blocks))
  await keepUp(lane, history)
  const rows = [...writers].map(([xmin, count]) => ({
    ctid: `(${block},*)`,
    xid: history.onPrimary(xmin),
    count,
  }))
  const counts = await judgeMissing(lane, history, rows)
  return { ...counts, rowsPrimary: rows.reduce((sum, row) => sum + row.count, 0) }
}

/** After rows of the primary were read, and before they are judged. */
export const keepUp = (lane: Lane, history: History) => asked('primary', history.keepUp(lane.primary))

/** Blocks whose rows are fetched at once: a bound on memory. */
const BLOCKS_AT_ONCE = 512

async function judgeBlocks(
  lane: Lane,
  history: History,
  chunk: Chunk,
  blocks: readonly number[],
): Promise<Counts> {
  let sum = NOTHING
  for (let at = 0; at < blocks.length; at += BLOCKS_AT_ONCE) {
    const some = blocks.slice(at, at + BLOCKS_AT_ONCE)
    const [primary, copy] = await both(
      readRows(lane.primary, partOf(chunk, 'primary'), some),
      readRows(lane.copy, partOf(chunk, 'copy'), some),
    )
    await keepUp(lane, history)
    sum = plus(sum, await judgeTexts(lane, history, chunk, primary, copy))
  }
  return sum
}

async function judgeTexts(
  lane: Lane,
  history: History,
  chunk: Chunk,
  primary: readonly string[],
  copy: readonly string[],
): Promise<Counts> {
  const left = new Set(copy)
  const others = primary.filter(text => !left.delete(text))
  const equal = allEqual(primary.length - others.length)
  const table = { primary: chunk.primary.address, copy: chunk.copy.address }
  return plus(equal, await judgeRows(lane, history, others.map(parseRow), [...left].map(parseRow), table))
}

/** The primary has no row left here, as after a DELETE without WHERE: nothing can be lost, so nothing is hashed again. */
async function emptied(lane: Lane, history: History, chunk: Chunk, mine: Digest): Promise<Counts> {
  const writers = await asked('copy', readWriters(lane.copy, partOf(chunk, 'copy')))
  const rows = [...writers].map(([xmin, count]) => ({
    ctid: `(${chunk.from},*)`,
    xid: history.onCopy(xmin),
    count,
  }))
  const changedIn = [[chunk.from, chunk.to ?? chunk.from + chunk.blocks] as const]
  return { ...(await judgeLeft(lane, history, rows)), rowsCopy: mine.count, changedIn }
}

/** The answer, its error marked with the side. */
export async function asked<T>(side: 'primary' | 'copy', answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw new SideError(side, error)
  }
}
