import type pg from 'pg'
import { sentence } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { several } from './check.ts'
import { quote } from './relations.ts'

/** A heap or an index to be read from end to end. */
type Target = {
  readonly oid: number
  readonly name: string
  /** `heap`, or the access method of an index. */
  readonly method: string
}

/** Heaps with their TOAST tables, and indexes; catalogs too. Temporary and unlogged ones were not restored. */
const TARGETS = `
select
  c.oid::pg_catalog.int8 as oid,
  c.oid::pg_catalog.regclass::pg_catalog.text as name,
  case when c.relkind = 'i' then a.amname::pg_catalog.text else 'heap' end as method
from pg_catalog.pg_class c
left join pg_catalog.pg_am a on a.oid = c.relam
where c.relpersistence = 'p'
  and (c.relkind in ('i', 't') or c.relkind in ('r', 'm'))
  and (c.relkind <> 'i' or (select i.indisvalid from pg_catalog.pg_index i where i.indexrelid = c.oid))
  and c.oid > $1
order by c.oid`

const WHERE = `
select n.nspname as schema
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
where e.extname = 'amcheck'`

export type AmcheckAnswer = { readonly checks: Check[]; readonly next?: string }

type Counts = {
  heaps: number
  indexes: number
  skipped: Map<string, number>
  faults: Check[]
  unknown: string[]
}

/**
 * Reads every heap and every index with amcheck: each heap row's form, each index against its heap with every entry
 * looked up, parents included. Stops when the time is up and says where to go on.
 */
export async function runAmcheck(client: pg.Client, after: string, end: number): Promise<AmcheckAnswer> {
  const schema = (await client.query<{ schema: string }>(WHERE)).rows[0]?.schema
  if (schema === undefined)
    return {
      checks: [
        { name: 'structure.amcheck', verdict: 'unknown', detail: 'amcheck is not installed in the copy' },
      ],
    }
  const targets = (await client.query(TARGETS, [after])).rows.map(
    row => ({ ...row, oid: Number(row.oid) }) as Target,
  )
  const counts: Counts = { heaps: 0, indexes: 0, skipped: new Map(), faults: [], unknown: [] }
  let next: string | undefined
  for (const [at, target] of targets.entries()) {
    if (at > 0 && Date.now() > end) {
      next = String(targets[at - 1]?.oid)
      break
    }
    await look(client, schema, target, counts)
  }
  return { checks: checksOf(counts), next }
}

function questionOf(schema: string, target: Target): string | undefined {
  const inside = quote(schema)
  switch (target.method) {
    case 'heap':
      return `select blkno, offnum, attnum, msg from ${inside}.verify_heapam($1::pg_catalog.regclass, check_toast => true) limit 5`
    case 'btree':
      return `select ${inside}.bt_index_parent_check($1::pg_catalog.regclass, true, true)`
    case 'gin':
      return `select ${inside}.gin_index_check($1::pg_catalog.regclass)`
    default:
      return undefined
  }
}

async function look(client: pg.Client, schema: string, target: Target, counts: Counts): Promise<void> {
  const question = questionOf(schema, target)
  const skip = (why: string) => {
    counts.skipped.set(why, (counts.skipped.get(why) ?? 0) + 1)
  }
  if (question === undefined) return skip(`amcheck knows no ${target.method} index`)
  try {
    const { rows } = await client.query(question, [target.oid])
    if (target.method !== 'heap') counts.indexes += 1
    else counts.heaps += 1
    if (target.method === 'heap' && rows[0])
      counts.faults.push(fault(target, question, `block ${rows[0].blkno}: ${rows[0].msg}`))
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    if (/^XX|^58/.test(code)) counts.faults.push(fault(target, question, sentence(error)))
    // gin_index_check came with PostgreSQL 18.
    else if (code === '42883') skip(`this version's amcheck knows no ${target.method} index`)
    else counts.unknown.push(`${target.name}: ${sentence(error)}`)
  }
}

const fault = (target: Target, asked: string, found: string): Check => ({
  name: `structure.amcheck.${target.name}`,
  verdict: 'fail',
  detail: `${target.method === 'heap' ? 'table' : 'index'} ${target.name}: ${found}`,
  asked,
})

function checksOf(counts: Counts): Check[] {
  const read = `${counts.heaps} heaps and ${counts.indexes} indexes were read from end to end`
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
    ...[...counts.skipped].map(([why, count]) => ({
      name: 'structure.amcheck.skipped',
      verdict: 'skipped' as const,
      detail: `${count} indexes: ${why}`,
    })),
  ]
}
