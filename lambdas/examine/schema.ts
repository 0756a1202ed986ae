import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { Check } from '../runtime/verdict.ts'
import { type CatalogRow, describeRow, readCatalogs } from './catalogs.ts'
import { several } from './check.ts'
import { both } from './chunk.ts'
import { readCut } from './cut.ts'
import { type History, readHistory } from './history.ts'
import { type Boundary, type Cut, UNPROVEN_SCHEMA } from './request.ts'

/** Differences that are named in words; the rest is counted. */
const NAMED = 20

type Difference = {
  readonly catalog: string
  readonly key: string
  readonly primary?: CatalogRow
  readonly copy?: CatalogRow
}

/**
 * Both servers' catalogs, row by row. In a copy every row is the primary's own, so a difference must have an author:
 * DDL on the primary after the cut, known by its transaction, is noted; a row of before the cut that is missing or
 * says something else in the copy is a fault, and so is one that the copy wrote itself.
 * @param known where the copy ends, for a database that does not say it itself. What all databases of a cluster share is
 * then left out: the one that says it was asked.
 */
export async function compareSchemas(
  primary: pg.Client | undefined,
  copy: pg.Client,
  boundary: Boundary | undefined,
  known?: Cut,
): Promise<{ checks: Check[]; digest: string }> {
  const read = (client: pg.Client) => readCatalogs(client, known ? 'own' : 'all')
  if (!primary) return { checks: [], digest: digestOf((await read(copy)).rows) }
  const [theirs, mine] = await both(read(primary), read(copy))
  const digest = digestOf(mine.rows)
  const unread = [...new Set([...mine.unread, ...theirs.unread])]
  const cut = known ?? (await readCut(copy))
  if (!cut)
    return {
      checks: [
        {
          name: 'structure.schema',
          verdict: 'unknown',
          detail: 'without a heartbeat in the copy no difference can be dated',
        },
      ],
      digest,
    }
  const history = await readHistory(primary, copy, boundary ?? unbounded(cut), cut)
  const differences = [...theirs.rows].flatMap(([catalog, rows]) => {
    const own = mine.rows.get(catalog)
    return own ? differencesOf(catalog, rows, own) : []
  })
  const judged = await judge({ primary, copy }, history, differences)
  const count = [...mine.rows.values()].reduce((sum, rows) => sum + rows.size, 0)
  return {
    checks: [
      check('structure.schema', judged.faults, `${count} catalog rows say the same on both sides`),
      ...undated(judged.undated),
      ...since(judged.since),
      ...unproven(judged.left),
      ...unread.map(name => ({
        name: `structure.schema.${name}`,
        verdict: 'skipped' as const,
        detail: `${name} may not be read by this user: not compared${name === 'pg_authid' ? ', passwords above all; what pg_roles shows is' : ''}`,
      })),
    ],
    digest,
  }
}

/** Without a boundary nothing can be called the copy's own, and the last heartbeat's snapshot decides what was before the cut. */
const unbounded = (cut: Cut): Boundary => ({
  nextXid: String(Number.MAX_SAFE_INTEGER),
  exact: false,
  timeline: cut.timeline,
})

function digestOf(catalogs: ReadonlyMap<string, ReadonlyMap<string, CatalogRow>>): string {
  const hash = createHash('sha256')
  for (const [catalog, rows] of [...catalogs].sort(([a], [b]) => (a < b ? -1 : 1)))
    for (const key of [...rows.keys()].sort()) hash.update(`${catalog}\t${key}\t${rows.get(key)?.hash}\n`)
  return hash.digest('hex')
}

function differencesOf(
  catalog: string,
  primary: ReadonlyMap<string, CatalogRow>,
  copy: ReadonlyMap<string, CatalogRow>,
): Difference[] {
  const keys = new Set([...primary.keys(), ...copy.keys()])
  return [...keys]
    .map(key => ({ catalog, key, primary: primary.get(key), copy: copy.get(key) }))
    .filter(({ primary, copy }) => primary?.hash !== copy?.hash)
}

async function judge(
  clients: { readonly primary: pg.Client; readonly copy: pg.Client },
  history: History,
  differences: readonly Difference[],
): Promise<Record<'faults' | 'since' | 'left' | 'undated', string[]>> {
  const xidOf = (row: CatalogRow | undefined) => (row ? history.onPrimary(Number(row.xmin)) : -1)
  const settled = differences.map(one => xidOf(one.primary)).filter(history.mayBeInCopy)
  const committed = await history.committedInCopy(clients.copy, settled)
  const revived = await deletedInCopy(clients.copy, history, differences)
  const faults: string[] = []
  const since: string[] = []
  const left: string[] = []
  const undated: string[] = []
  const listOf = (one: Difference) => {
    if ((one.primary ?? one.copy)?.xmin === '') return undated
    if (revived.has(one)) return faults
    const own = one.copy !== undefined && history.isForeign(history.onCopy(Number(one.copy.xmin)))
    if (own || committed.has(xidOf(one.primary))) return faults
    return one.primary ? since : left
  }
  for (const one of differences) {
    const list = listOf(one)
    const client = one.primary ? clients.primary : clients.copy
    const what = !one.copy ? 'missing in the copy' : !one.primary ? 'only in the copy' : 'different'
    list.push(list.length < NAMED ? `${await describeRow(client, one.catalog, one.key)} (${what})` : one.key)
  }
  return { faults, since, left, undated }
}

/**
 * Rows that the copy shows although it says itself that a transaction which committed before its end deleted them. Its log
 * is asked, since a deletion that was rolled back leaves the same mark.
 */
async function deletedInCopy(
  copy: pg.Client,
  history: History,
  differences: readonly Difference[],
): Promise<ReadonlySet<Difference>> {
  const marked = differences.flatMap(one => {
    const xmax = Number(one.copy?.xmax ?? 0)
    const xid = history.onCopy(xmax)
    return xmax >= 3 && history.mayBeInCopy(xid) ? [{ one, xid }] : []
  })
  if (marked.length === 0) return new Set()
  const { rows } = await copy.query<{ xid: string }>(COMMITTED, [marked.map(({ xid }) => String(xid))])
  const committed = new Set(rows.map(row => Number(row.xid)))
  return new Set(marked.filter(({ xid }) => committed.has(xid)).map(({ one }) => one))
}

const COMMITTED = `
select x as xid
from pg_catalog.unnest($1::pg_catalog.text[]) x
where pg_catalog.pg_xact_status(x::pg_catalog.xid8) = 'committed'`

const check = (name: string, faults: readonly string[], good: string): Check => ({
  name,
  verdict: faults.length === 0 ? 'pass' : 'fail',
  detail:
    faults.length === 0
      ? good
      : `${faults.length} catalog rows differ without DDL since the cut: ${several(faults)}`,
  asked: 'select from every catalog of the schema, on both sides',
  answer: faults.slice(0, NAMED),
})

const undated = (list: readonly string[]): Check[] =>
  list.length === 0
    ? []
    : [
        {
          name: 'structure.schema.undated',
          verdict: 'unknown',
          detail: `${list.length} rows differ and their catalog, which would say since when, may not be read: ${several(list)}`,
          answer: list.slice(0, NAMED),
        },
      ]

const since = (list: readonly string[]): Check[] =>
  list.length === 0
    ? []
    : [
        {
          name: 'structure.schema.since',
          verdict: 'pass',
          detail: `${list.length} catalog rows were changed by DDL on the primary since the cut: ${several(list)}`,
          answer: list.slice(0, NAMED),
        },
      ]

/** No row of the primary dates what only the copy has: it may have gone before the cut, and live again in the copy. */
const unproven = (list: readonly string[]): Check[] =>
  list.length === 0
    ? []
    : [
        {
          name: UNPROVEN_SCHEMA,
          verdict: 'skipped',
          detail: `${list.length} catalog rows that only the copy has: dropped or revoked on the primary since the cut, or before it and alive again, which nothing here tells: ${several(list)}`,
          answer: list.slice(0, NAMED),
        },
      ]
