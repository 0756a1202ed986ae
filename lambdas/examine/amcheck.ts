import type pg from 'pg'
import { sentence } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { several } from './check.ts'
import { HELD, WHY_HELD } from './held.ts'
import { probeIndex } from './indexes/probe.ts'
import { quote } from './relations.ts'

/** A heap, an index or a sequence to be read from end to end. */
type Target = {
  readonly oid: number
  readonly name: string
  /** `heap`, `sequence`, or the access method of an index. */
  readonly method: string
  /** True where a prepared transaction holds it or its table: `whole` where nobody can read it. */
  readonly held: boolean
  readonly whole: boolean
}

/**
 * Heaps with their TOAST tables, indexes and sequences; catalogs too. Unlogged ones are empty and must have their files
 * all the same; temporary ones were not restored.
 */
const TARGETS = `
select
  c.oid::pg_catalog.int8 as oid,
  c.oid::pg_catalog.regclass::pg_catalog.text as name,
  case c.relkind when 'i' then a.amname::pg_catalog.text when 'S' then 'sequence' else 'heap' end as method,
  h.whole is not null as held,
  coalesce(h.whole, false) as whole
from pg_catalog.pg_class c
left join pg_catalog.pg_am a on a.oid = c.relam
left join pg_catalog.pg_index x on x.indexrelid = c.oid
left join lateral (
  select pg_catalog.bool_or(l.whole) as whole from ${HELD} l where l.relation in (c.oid, x.indrelid)
) h on true
where c.relpersistence <> 't'
  and c.relkind in ('r', 'm', 't', 'i', 'S')
  and (c.relkind <> 'i' or (select i.indisvalid from pg_catalog.pg_index i where i.indexrelid = c.oid))
  and c.oid > $1
order by c.oid`

/**
 * Where the functions are, and whether amcheck is of a version that looks for two rows under one unique key (17) and
 * into GIN indexes (18).
 */
const TOOLS = `
select
  pg_catalog.max(n.nspname) filter (where e.extname = 'amcheck') as amcheck,
  pg_catalog.max(n.nspname) filter (where e.extname = 'pg_prewarm') as prewarm,
  pg_catalog.max(n.nspname) filter (where e.extname = 'pg_visibility') as visibility,
  coalesce(pg_catalog.bool_or(p.proname = 'bt_index_parent_check' and p.pronargs = 4), false) as uniqueness,
  coalesce(pg_catalog.bool_or(p.proname = 'gin_index_check'), false) as gin
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
join pg_catalog.pg_depend d on d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and d.refobjid = e.oid
join pg_catalog.pg_proc p on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and p.oid = d.objid
where e.extname in ('amcheck', 'pg_prewarm', 'pg_visibility')`

type Tools = {
  readonly amcheck: string | null
  readonly prewarm: string | null
  readonly visibility: string | null
  readonly uniqueness: boolean
  readonly gin: boolean
}

export type AmcheckAnswer = { readonly checks: Check[]; readonly next?: string }

type Counts = {
  heaps: number
  indexes: number
  /** Files of which only the pages were read, each against its checksum. */
  pages: number
  /** Indexes that amcheck does not know and whose rows were looked up through them. */
  probed: number
  sampled: number
  /** Indexes of which nobody knows whether they find their rows, each with the reason. */
  unproven: string[]
  skipped: Map<string, number>
  faults: Check[]
  unknown: string[]
}

/**
 * Reads every heap and every index with amcheck: each heap row's form, each index against its heap with every entry
 * looked up, parents and uniqueness included. Of what amcheck does not know every page is read, so that its checksum is
 * looked at, and rows are looked up through the index. Stops when the time is up and says where to go on.
 */
export async function runAmcheck(client: pg.Client, after: string, end: number): Promise<AmcheckAnswer> {
  const tools = (await client.query<Tools>(TOOLS)).rows[0]
  if (!tools || tools.amcheck === null)
    return {
      checks: [
        { name: 'structure.amcheck', verdict: 'unknown', detail: 'amcheck is not installed in the copy' },
      ],
    }
  const targets = (await client.query(TARGETS, [after])).rows.map(
    row => ({ ...row, oid: Number(row.oid) }) as Target,
  )
  const counts: Counts = {
    heaps: 0,
    indexes: 0,
    pages: 0,
    probed: 0,
    sampled: 0,
    unproven: [],
    skipped: new Map(),
    faults: [],
    unknown: [],
  }
  let next: string | undefined
  for (const [at, target] of targets.entries()) {
    if (at > 0 && Date.now() > end) {
      next = String(targets[at - 1]?.oid)
      break
    }
    await look(client, tools, target, counts)
  }
  return { checks: [...checksOf(counts), ...(tools.visibility === null ? [UNMAPPED] : [])], next }
}

const UNMAPPED: Check = {
  name: 'structure.amcheck.visibility',
  verdict: 'skipped',
  detail: 'the maps of rows that everybody sees were not looked at: pg_visibility is not installed',
}

type Kind = 'heaps' | 'indexes' | 'pages'

/** Statements whose rows say a `fault` in words, or which raise one. */
type Questions = readonly [Kind, ...string[]]

function questionsOf(tools: Tools, { method, name, held }: Target): Questions | undefined {
  const inside = quote(tools.amcheck ?? '')
  const pages =
    tools.prewarm && `select ${quote(tools.prewarm)}.pg_prewarm($1::pg_catalog.regclass, 'buffer')`
  switch (method) {
    case 'heap':
      return [
        'heaps',
        `select 'block ' || blkno || ': ' || msg as fault from ${inside}.verify_heapam($1::pg_catalog.regclass, check_toast => true) limit 5`,
        ...(tools.visibility === null ? [] : [visibilityOf(quote(tools.visibility))]),
      ]
    case 'btree':
      return [
        'indexes',
        // Looking at parents takes a lock that whoever writes to the table keeps from us.
        `select ${inside}.${held ? 'bt_index_check' : 'bt_index_parent_check'}($1::pg_catalog.regclass, true${held ? '' : ', true'}${tools.uniqueness ? ', true' : ''})`,
      ]
    case 'sequence':
      // A page of zeros has a good checksum, and a file without a page has none to fail.
      return ['pages', emptyOf(name), ...(pages ? [pages] : [])]
    case 'gin':
      if (tools.gin) return ['indexes', `select ${inside}.gin_index_check($1::pg_catalog.regclass)`]
  }
  return pages ? ['pages', pages] : undefined
}

const emptyOf = (sequence: string) =>
  `select 'it holds no value' as fault where not exists (select from ${sequence}) and $1::pg_catalog.oid is not null`

/** The map of what everybody sees is no part of the table's file: where it errs, an index answers with rows that are gone. */
const visibilityOf = (inside: string) => `
select 'row ' || m.place || ' is marked as ' || m.mark || ', which it is not' as fault
from (
  select t_ctid as place, 'visible to everybody' as mark from ${inside}.pg_check_visible($1::pg_catalog.regclass)
  union all
  select t_ctid, 'frozen' from ${inside}.pg_check_frozen($1::pg_catalog.regclass)
) m
limit 1`

async function look(client: pg.Client, tools: Tools, target: Target, counts: Counts): Promise<void> {
  if (target.whole) {
    counts.skipped.set(WHY_HELD, (counts.skipped.get(WHY_HELD) ?? 0) + 1)
    return
  }
  const [kind, ...questions] = questionsOf(tools, target) ?? []
  if (kind === undefined) {
    const why = `of a kind that amcheck does not know (${target.method}), and pg_prewarm is not installed`
    counts.skipped.set(why, (counts.skipped.get(why) ?? 0) + 1)
    if (target.method !== 'sequence') await probe(client, target, counts)
    return
  }
  for (const question of questions) {
    try {
      const { rows } = await client.query<{ fault?: string }>(question, [target.oid])
      if (rows[0]?.fault) counts.faults.push(fault(target, question, rows[0].fault))
    } catch (error) {
      const code = (error as { code?: string }).code ?? ''
      if (/^XX|^58/.test(code)) counts.faults.push(fault(target, question, sentence(error)))
      else counts.unknown.push(`${target.name}: ${sentence(error)}`)
      return
    }
  }
  counts[kind] += 1
  if (kind === 'pages' && target.method !== 'sequence') await probe(client, target, counts)
}

async function probe(client: pg.Client, target: Target, counts: Counts): Promise<void> {
  const found = await probeIndex(client, target.oid, target.method)
  if (found.kind === 'fault')
    counts.faults.push(fault(target, 'rows looked up through the index', found.detail))
  else if (found.kind === 'unproven') counts.unproven.push(`${target.name} (${target.method}): ${found.why}`)
  else {
    counts.probed += 1
    if (found.sampled) counts.sampled += 1
  }
}

const NOUNS: Readonly<Record<string, string>> = { heap: 'table', sequence: 'sequence' }

const fault = (target: Target, asked: string, found: string): Check => ({
  name: `structure.amcheck.${target.name}`,
  verdict: 'fail',
  detail: `${NOUNS[target.method] ?? 'index'} ${target.name}: ${found}`,
  asked,
})

function checksOf(counts: Counts): Check[] {
  const pages = counts.pages > 0 ? `, and every page of ${counts.pages} sequences and other indexes` : ''
  const sampled = counts.sampled > 0 ? `, ${counts.sampled} of them by a sample of their rows` : ''
  const probed =
    counts.probed > 0
      ? `; ${counts.probed} of these indexes found the rows that were looked up${sampled}`
      : ''
  const left =
    counts.unproven.length > 0 ? `; ${counts.unproven.length} are not proven to find their rows` : ''
  const read = `${counts.heaps} heaps and ${counts.indexes} indexes were read from end to end${pages}${probed}${left}`
  const unknown = counts.unknown.length
  return [
    {
      name: 'structure.amcheck',
      verdict: unknown > 0 ? 'unknown' : counts.faults.length > 0 ? 'fail' : 'pass',
      detail:
        unknown > 0
          ? `${read}; ${unknown} could not be: ${several(counts.unknown, 3)}`
          : `${read}; ${counts.faults.length} are damaged`,
    },
    ...counts.faults.slice(0, 20),
    ...(counts.unproven.length === 0
      ? []
      : [
          {
            name: 'structure.amcheck.unproven',
            verdict: 'skipped' as const,
            detail: `not proven to find their rows: ${several(counts.unproven, 20)}`,
          },
        ]),
    ...[...counts.skipped].map(([why, count]) => ({
      name: 'structure.amcheck.skipped',
      verdict: 'skipped' as const,
      detail: `${count} files not read: ${why}`,
    })),
  ]
}
