import type pg from 'pg'
import type { Check } from '../runtime/verdict.ts'
import { runAmcheck } from './amcheck.ts'
import { ask, several } from './check.ts'
import { refuseByName } from './guard.ts'
import type { StructureAnswer, StructureRequest } from './request.ts'
import { compareSchemas } from './schema.ts'
import { checkSequences } from './sequences.ts'
import { withSession } from './session.ts'
import type { Side, Sides } from './side.ts'

/** Milliseconds for one statement in the copy: an index of a large table takes its time. */
const PATIENCE = 840_000

const INVALID = `
select c.conrelid::pg_catalog.regclass::pg_catalog.text || ' ' || c.conname as name
from pg_catalog.pg_constraint c
where not c.convalidated
union all
select i.indexrelid::pg_catalog.regclass::pg_catalog.text
from pg_catalog.pg_index i
where not i.indisvalid
order by 1`

const CHECKSUMS = `
select
  pg_catalog.current_setting('data_checksums') as enabled,
  coalesce((select sum(d.checksum_failures) from pg_catalog.pg_stat_database d), 0)::pg_catalog.int8 as failures`

const COLLATIONS = `
select c.collname::pg_catalog.text as name, c.collversion as recorded, pg_catalog.pg_collation_actual_version(c.oid) as actual
from pg_catalog.pg_collation c
where c.collversion is not null and c.collversion is distinct from pg_catalog.pg_collation_actual_version(c.oid)
union all
select 'database ' || d.datname, d.datcollversion, pg_catalog.pg_database_collation_actual_version(d.oid)
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
  and d.datcollversion is distinct from pg_catalog.pg_database_collation_actual_version(d.oid)`

/** Settings that change what the same SQL answers. Sizes and timeouts may differ: a copy may be smaller. */
const SETTINGS = `
select s.name, s.setting
from pg_catalog.pg_settings s
where s.name in (
  'server_encoding', 'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'default_text_search_config',
  'default_transaction_isolation', 'standard_conforming_strings', 'backslash_quote', 'transform_null_equals',
  'block_size', 'data_checksums', 'integer_datetimes', 'password_encryption', 'array_nulls', 'quote_all_identifiers',
  'track_commit_timestamp', 'xmlbinary'
)
order by 1`

/** Is the copy sound, and is it made like the primary? Follow-up calls go on with amcheck where the last one stopped. */
export function structure(
  request: StructureRequest,
  sides: Sides & { readonly copy: Side },
): Promise<StructureAnswer> {
  refuseByName(request.copy, request.primary)
  const end = Date.now() + (request.budgetMs ?? 600_000)
  const { primary } = sides
  const look = (copy: pg.Client, theirs: pg.Client | undefined) =>
    examineStructure(request, copy, theirs, end)
  return withSession(
    sides.copy,
    copy => (primary ? withSession(primary, theirs => look(copy, theirs)) : look(copy, undefined)),
    { statementTimeout: PATIENCE },
  )
}

async function examineStructure(
  request: StructureRequest,
  copy: pg.Client,
  primary: pg.Client | undefined,
  end: number,
): Promise<StructureAnswer> {
  const first = request.after === undefined
  const made = first ? await compareSchemas(primary, copy, request.boundary) : undefined
  const early = first ? await earlyChecks(copy, primary) : []
  const amcheck = await runAmcheck(copy, request.after ?? '0', end)
  // Last, since reading every page is what finds a bad checksum.
  const late =
    amcheck.next === undefined ? [await ask(copy, 'structure.checksums', CHECKSUMS, judgeChecksums)] : []
  return {
    checks: [...(made?.checks ?? []), ...early, ...amcheck.checks, ...late],
    next: amcheck.next,
    schemaDigest: made?.digest,
  }
}

async function earlyChecks(copy: pg.Client, primary: pg.Client | undefined): Promise<Check[]> {
  const known = await namesOf(primary)
  return [
    await ask<{ name: string }>(copy, 'structure.valid', INVALID, rows => judgeInvalid(rows, known)),
    await checkSequences(copy, primary),
    await ask(copy, 'structure.collations', COLLATIONS, judgeCollations),
    ...(primary ? [await compareSettings(copy, primary)] : []),
  ]
}

async function namesOf(primary: pg.Client | undefined): Promise<ReadonlySet<string>> {
  if (!primary) return new Set()
  return new Set((await primary.query<{ name: string }>(INVALID)).rows.map(row => row.name))
}

type Judged = Pick<Check, 'verdict' | 'detail'>

function judgeInvalid(rows: { name: string }[], known: ReadonlySet<string>): Judged {
  const own = rows.filter(row => !known.has(row.name)).map(row => row.name)
  if (own.length > 0)
    return { verdict: 'fail', detail: `invalid in the copy and not on the primary: ${several(own)}` }
  return rows.length === 0
    ? { verdict: 'pass', detail: 'every constraint and every index is valid' }
    : {
        verdict: 'pass',
        detail: `${rows.length} are invalid on the primary too: ${several(rows.map(row => row.name))}`,
      }
}

function judgeChecksums(rows: { enabled: string; failures: string }[]): Judged {
  const [row] = rows
  if (row?.enabled !== 'on')
    return {
      verdict: 'skipped',
      detail: 'the database has no page checksums: only amcheck and the comparison look at pages',
    }
  return Number(row.failures) === 0
    ? { verdict: 'pass', detail: 'no page failed its checksum' }
    : { verdict: 'fail', detail: `${row.failures} pages failed their checksum` }
}

const judgeCollations = (rows: { name: string; recorded: string; actual: string }[]): Judged =>
  rows.length === 0
    ? { verdict: 'pass', detail: 'every collation has the version that its indexes were built with' }
    : {
        verdict: 'fail',
        detail: `collations of another version: ${several(rows.map(row => `${row.name} ${row.recorded} now ${row.actual}`))}`,
      }

async function compareSettings(copy: pg.Client, primary: pg.Client): Promise<Check> {
  const theirs = (await primary.query<{ name: string; setting: string }>(SETTINGS)).rows
  const wanted = new Map(theirs.map(row => [row.name, row.setting]))
  return ask<{ name: string; setting: string }>(copy, 'structure.settings', SETTINGS, rows => {
    const other = rows.filter(row => wanted.get(row.name) !== row.setting)
    const words = other.map(row => `${row.name} is ${row.setting}, on the primary ${wanted.get(row.name)}`)
    return words.length === 0
      ? { verdict: 'pass', detail: `${rows.length} settings that change answers are the primary's` }
      : { verdict: 'fail', detail: several(words) }
  })
}
