import type pg from 'pg'
import { sentence } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { several } from './check.ts'
import { behindQuery, FEEDS, type Feed, readFeeds } from './sequences/feeds.ts'
import { hasMoved, isAhead, type Place, readPlaces } from './sequences/places.ts'

const NAME = 'structure.sequences'

/**
 * No sequence may give out a number that its column already holds, whatever the column makes of it, and none may stand
 * further than the primary could have brought it. After recovery it may be ahead, since PostgreSQL logs 32 numbers at a
 * time, and never behind. Where the primary's own is behind, its numbers were written by hand. A sequence that feeds no
 * column and has moved on since the cut is named: without the archive nothing says where it stood.
 */
export async function checkSequences(copy: pg.Client, primary: pg.Client | undefined): Promise<Check[]> {
  const feeds = await readFeeds(copy)
  const found: Found = { behind: [], unread: [], edges: new Map(), fed: new Set() }
  for (const one of feeds) await lookAt(copy, primary, one, found)
  const mine = await readPlaces(copy)
  const theirs = primary ? await readPlaces(primary) : { places: new Map<number, Place>(), unread: [] }
  found.unread.push(...mine.unread, ...theirs.unread.map(words => `on the primary: ${words}`))
  const pairs = [...mine.places.values()].flatMap(own => {
    const other = theirs.places.get(own.oid)
    return other ? [{ own, other }] : []
  })
  const ahead = pairs.filter(({ own, other }) => isAhead(own, other, found.edges.get(own.title) ?? []))
  const unfed = pairs.filter(({ own, other }) => !found.fed.has(own.title) && hasMoved(own, other))
  return [judge(feeds.length, found, ahead), ...unproven(unfed.map(({ own }) => own.title))]
}

type Found = {
  readonly behind: string[]
  readonly unread: string[]
  /** The furthest number of a column, by sequence. */
  readonly edges: Map<string, bigint[]>
  readonly fed: Set<string>
}

async function lookAt(copy: pg.Client, primary: pg.Client | undefined, one: Feed, found: Found) {
  const title = `${one.sequenceSchema}.${one.sequenceName}`
  found.fed.add(title)
  try {
    const { behind, edge } = await ask(copy, one)
    if (edge !== null && /^-?\d+$/.test(edge))
      found.edges.set(title, [...(found.edges.get(title) ?? []), BigInt(edge)])
    if (!behind) return
    const known = primary ? (await ask(primary, one).catch(() => ({ behind: false }))).behind : false
    if (!known) found.behind.push(title)
  } catch (error) {
    found.unread.push(`${title}: ${sentence(error)}`)
  }
}

async function ask(client: pg.Client, one: Feed): Promise<{ behind: boolean; edge: string | null }> {
  const { rows } = await client.query<{ behind: boolean | null; edge: string | null }>(behindQuery(one))
  return { behind: rows[0]?.behind === true, edge: rows[0]?.edge ?? null }
}

function judge(
  count: number,
  { behind, unread }: Found,
  ahead: readonly { readonly own: Place; readonly other: Place }[],
): Check {
  const asked = FEEDS.trim()
  if (behind.length > 0)
    return {
      name: NAME,
      verdict: 'fail',
      detail: `sequences behind their column: ${several(behind)}`,
      asked,
      answer: behind,
    }
  if (ahead.length > 0) {
    const words = ahead.map(
      ({ own, other }) => `${own.title} at ${own.last}, on the primary at ${other.last}`,
    )
    return {
      name: NAME,
      verdict: 'unknown',
      detail: `sequences further than the primary could have brought them, unless somebody set the primary's back since: ${several(words)}`,
      asked,
      answer: words.slice(0, 20),
    }
  }
  if (unread.length > 0)
    return { name: NAME, verdict: 'unknown', detail: `could not be read: ${several(unread, 3)}`, asked }
  return { name: NAME, verdict: 'pass', detail: `${count} sequences are at or past their column`, asked }
}

const unproven = (titles: readonly string[]): Check[] =>
  titles.length === 0
    ? []
    : [
        {
          name: `${NAME}.unproven`,
          verdict: 'skipped',
          detail: `${titles.length} sequences feed no column and have moved on since the cut, so that nothing here says where they stood: ${several(titles)}`,
        },
      ]
