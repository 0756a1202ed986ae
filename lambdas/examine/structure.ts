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
  and d.datcollversion is not null
  and d.datcollversion is distinct from pg_catalog.pg_database_collation_actual_version(d.oid)`

/**
 * Settings that change what the same SQL answers. Sizes and timeouts may differ: a copy may be smaller. Those that a
 * database or a role sets are rows of a catalog, whose changes since the cut are known: `own` says so.
 */
const SETTINGS = `
select s.name, s.setting, s.source in ('database', 'user', 'database user') as own
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
  const known = primary && (await namesOf(primary))
  return [
    await ask<{ name: string }>(copy, 'structure.valid', INVALID, rows => judgeInvalid(rows, known)),
    await checkSequences(copy, primary),
    await ask(copy, 'structure.collations', COLLATIONS, judgeCollations),
    ...(primary ? [await compareSettings(copy, primary)] : []),
  ]
}

async function namesOf(primary: pg.Client): Promise<ReadonlySet<string>> {
  return new Set((await primary.query<{ name: string }>(INVALID)).rows.map(row => row.name))
}

type Judged = Pick<Check, 'verdict' | 'detail'>

/**
 * An index that was being built at the cut is invalid in the copy, and a constraint that was validated since is not valid
 * there yet. Both are said by rows of a catalog: whether they were changed since is the comparison of catalogs' to judge.
 */
function judgeInvalid(rows: { name: string }[], known: ReadonlySet<string> | undefined): Judged {
  if (rows.length === 0) return { verdict: 'pass', detail: 'every constraint and every index is valid' }
  const names = several(rows.map(row => row.name))
  if (!known) return { verdict: 'unknown', detail: `invalid, and no primary to say since when: ${names}` }
  const own = rows.filter(row => !known.has(row.name)).map(row => row.name)
  const since = own.length === 0 ? '' : `; not, or no longer, on the primary: ${several(own)}`
  return { verdict: 'pass', detail: `${rows.length} are invalid in the copy: ${names}${since}` }
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

type Setting = { readonly name: string; readonly setting: string; readonly own: boolean }

async function compareSettings(copy: pg.Client, primary: pg.Client): Promise<Check> {
  const theirs = (await primary.query<Setting>(SETTINGS)).rows
  const wanted = new Map(theirs.map(row => [row.name, row]))
  return ask<Setting>(copy, 'structure.settings', SETTINGS, rows => {
    const compared = rows.filter(row => !row.own && !wanted.get(row.name)?.own)
    const other = compared.filter(row => wanted.get(row.name)?.setting !== row.setting)
    const words = other.map(
      row => `${row.name} is ${row.setting}, on the primary ${wanted.get(row.name)?.setting}`,
    )
    return words.length === 0
      ? { verdict: 'pass', detail: `${compared.length} settings that change answers are the primary's` }
      : { verdict: 'fail', detail: several(words) }
  })
}
