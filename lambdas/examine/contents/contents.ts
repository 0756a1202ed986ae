import { Refusal, sentence } from '../../runtime/failure.ts'
import { type Lsn, parseLsn } from '../../runtime/segment/lsn.ts'
import type { Archive } from '../../runtime/segment/store.ts'
import type { Check } from '../../runtime/verdict.ts'
import { ctidOf } from '../../runtime/witness/versions.ts'
import { several } from '../check.ts'
import { readRelations } from '../relations.ts'
import type { ContentsAnswer, ContentsRange, ContentsRequest, ContentsResult } from '../request.ts'
import type { Lane } from '../rows.ts'
import { openSession } from '../session.ts'
import type { Side } from '../side.ts'
import { findEnd, readBack } from './archive.ts'
import { type Facts, readFacts } from './facts.ts'
import { Images } from './images.ts'
import { pieces, readLeft } from './left.ts'
import { prepareReading } from './read-versions.ts'
import { type Row, readRows } from './rows.ts'
import { boundsUnread, checkBounds, readBounds } from './sequences.ts'
import { Sight } from './sight.ts'
import { judgeRow } from './verdict.ts'

/** Rows that one call holds, and characters of what they hold. */
const ROWS_AT_ONCE = 400_000
const TEXT_AT_ONCE = 100_000_000

/** Faults that a table names one by one. */
const NAMED = 10

/** Proves what rows hold that only the copy has; see ContentsRequest. */
export async function contents(
  request: ContentsRequest,
  sides: { readonly primary: Side; readonly copy: Side },
  archive: Archive,
): Promise<ContentsAnswer> {
  const lane = await openLane(sides)
  try {
    const sight = await Sight.open(archive, request.systemIdentifier, request.cut)
    const { rows, rest } = await gather(lane, request.tables, sight)
    const images = new Images(rows)
    const archived = await readArchive(request, lane, images, archive)
    const tables = judged(rows, { rewritten: images.rewritten, end: archived.end })
    const { sequences } = archived
    const checks = [
      readCheck(tables, sight, archived),
      ...tables.flatMap(faulty),
      ...(sequences ? [sequences] : []),
    ]
    return { checks, tables, rest }
  } finally {
    await Promise.allSettled([lane.primary.end(), lane.copy.end()])
  }
}

/** What the archive could not say, if anything; `unread` where it could say nothing at all. */
type Archived = {
  readonly ended?: string | undefined
  readonly unread?: string
  readonly end?: Lsn
  readonly sequences?: Check
}

async function readArchive(
  request: ContentsRequest,
  lane: Lane,
  images: Images,
  archive: Archive,
): Promise<Archived> {
  const late = Date.now() + (request.budgetMs ?? 600_000)
  const { systemIdentifier, cut, boundary, until } = request
  const hasRows = images.left > 0
  if (!hasRows && request.sequences !== true) return {}
  try {
    const stretch = { archive, systemIdentifier, cut, until: parseLsn(until) }
    const tail = await findEnd(lane.copy, boundary, stretch, images.hasWholeRows)
    const sequences = request.sequences
      ? { sequences: await checkBounds(lane, await readBounds(archive, tail, cut)) }
      : {}
    const ended = hasRows ? await readBack(archive, tail, images, () => Date.now() > late) : undefined
    return { ended, end: tail.end, ...sequences }
  } catch (error) {
    // Asking again helps nobody: what the witness saw still counts.
    if (!(error instanceof Refusal)) throw error
    const why = sentence(error)
    return {
      ...(hasRows ? { unread: why } : {}),
      ...(request.sequences ? { sequences: boundsUnread(why) } : {}),
    }
  }
}

async function openLane(sides: { readonly primary: Side; readonly copy: Side }): Promise<Lane> {
  const primary = await openSession(sides.primary)
  try {
    const copy = await openSession(sides.copy, { statementTimeout: 600_000 })
    await Promise.all([prepareReading(primary), prepareReading(copy)])
    return { primary, copy }
  } catch (error) {
    await primary.end()
    throw error
  }
}

async function gather(
  lane: Lane,
  tables: readonly ContentsRange[],
  sight: Sight,
): Promise<{ rows: Row[]; rest: ContentsRange[] }> {
  const oids = tables.map(({ oid }) => oid)
  const facts = await readFacts(lane.copy, oids)
  const primary = await readRelations(lane.primary, 'primary', oids)
  const rows: Row[] = []
  const rest: ContentsRange[] = []
  let text = 0
  for (const table of tables) {
    const own = facts.get(table.oid)
    if (!own) throw new Error(`the copy has no table with oid ${table.oid}`)
    const theirs = table.strategy === 'tid' ? primary.get(table.oid) : undefined
    const later: ContentsRange['changedIn'][number][] = []
    for (const piece of pieces(table.changedIn)) {
      if (rows.length >= ROWS_AT_ONCE || text >= TEXT_AT_ONCE) {
        later.push(piece)
        continue
      }
      const left = await readLeft(lane, own, theirs, piece)
      const seen = await sight.look(own, left)
      const places = [...left.places].map((place, at) => ({
        ...{ place, xmin: left.xmins[at] ?? 0, witness: seen[at] },
      }))
      for (const row of await readRows(lane.copy, own, places)) {
        rows.push(row)
        text += row.values.reduce((sum, value) => sum + (value?.length ?? 0), 0)
      }
    }
    if (later.length > 0) rest.push({ ...table, changedIn: later })
  }
  return { rows, rest }
}

type Mutable = { -readonly [K in keyof ContentsResult]: ContentsResult[K] }

function judged(
  rows: readonly Row[],
  known: { readonly rewritten: boolean; readonly end: Lsn | undefined },
): ContentsResult[] {
  const results = new Map<Facts, Mutable>()
  for (const row of rows) {
    const { facts } = row
    const result = results.get(facts) ?? nothing(facts)
    results.set(facts, result)
    result.rows += 1
    const { kind, why } = judgeRow(row, known)
    result[kind === 'old-row' ? 'oldRow' : kind] += 1
    if (kind !== 'corrupt' && kind !== 'unproven') continue
    const fault = { ctid: ctidOf(row.place), xmin: String(row.xmin), kind, why }
    // What is wrong is named before what is only not known.
    const others = result.faults.filter(other => other.kind === 'unproven')
    const corrupt = result.faults.filter(other => other.kind === 'corrupt')
    if (kind === 'corrupt' && corrupt.length < NAMED)
      result.faults = [...corrupt, fault, ...others].slice(0, NAMED)
    else if (result.faults.length < NAMED) result.faults = [...result.faults, fault]
  }
  return [...results.values()]
}

function nothing({ title, relation, archived }: Facts): Mutable {
  const counts = { rows: 0, witness: 0, image: 0, oldRow: 0, corrupt: 0, unproven: 0 }
  return { table: title, oid: relation.oid, archived, ...counts, faults: [] }
}

function readCheck(tables: readonly ContentsResult[], sight: Sight, { ended, unread }: Archived): Check {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  const seen = sight.moments.length === 0 ? 'no witness' : `the witness of ${sight.moments.join(', ')}`
  return {
    name: 'contents.read',
    verdict: unread === undefined ? 'pass' : 'unknown',
    detail: `${rows} rows that only the copy has were held against ${seen}${unread === undefined ? ' and the archive' : `; the archive could not be read: ${unread}`}${ended === undefined ? '' : `; ${ended}`}`,
  }
}

/** One check a table with a row that is damaged. What is only unproven is judged by the drill, against its floor. */
function faulty(table: ContentsResult): Check[] {
  if (table.corrupt === 0) return []
  const named = table.faults
    .filter(({ kind }) => kind === 'corrupt')
    .map(({ ctid, xmin, why }) => `${ctid} of transaction ${xmin}: ${why}`)
  return [
    {
      name: `contents.table.${table.table}`,
      verdict: 'fail',
      detail: `${table.table}: ${table.corrupt} of ${table.rows} rows that were changed or deleted since the cut hold in the copy what they did not hold: ${several(named, 3)}`,
      answer: table,
    },
  ]
}
