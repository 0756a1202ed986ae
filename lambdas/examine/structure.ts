import type pg from 'pg'
import type { Check } from '../runtime/verdict.ts'
import { runAmcheck } from './amcheck.ts'
import { ask, several } from './check.ts'
import { refuseByName } from './guard.ts'
import type { StructureAnswer, StructureRequest } from './request.ts'
import { COLLATIONS, judgeCollations, type Mismatch } from './schema/collations.ts'
import { FLAGS, judgeFlags } from './schema/flags.ts'
import { compareSettings } from './schema/settings.ts'
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
  const known = primary && (await namesOf(primary, INVALID))
  const flags = primary ? await namesOf(primary, FLAGS) : new Set<string>()
  const collations = primary ? (await primary.query<Mismatch>(COLLATIONS)).rows : []
  return [
    await ask<{ name: string }>(copy, 'structure.valid', INVALID, rows => judgeInvalid(rows, known)),
    ...(await checkSequences(copy, primary)),
    await ask<{ name: string }>(copy, 'structure.flags', FLAGS, rows => judgeFlags(rows, flags)),
    await ask<Mismatch>(copy, 'structure.collations', COLLATIONS, rows => judgeCollations(rows, collations)),
    ...(primary ? [await compareSettings(copy, primary)] : []),
  ]
}

async function namesOf(primary: pg.Client, question: string): Promise<ReadonlySet<string>> {
  return new Set((await primary.query<{ name: string }>(question)).rows.map(row => row.name))
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
