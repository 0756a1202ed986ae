import type pg from 'pg'
import { sentence } from '../runtime/failure.ts'
import type { Check, Verdict } from '../runtime/verdict.ts'
import { digestTable, prepareReading } from './digest.ts'
import { sayOutside } from './outside.ts'
import type { CompareAnswer, CompareRequest, Outside, TableDigest } from './request.ts'

/** Asks the copy for the primary's digests: copy + tail = primary, or the tables where it is not. */
export async function compareWith(
  client: pg.Client,
  primary: CompareRequest['fingerprint'],
): Promise<CompareAnswer> {
  await prepareReading(client)
  const incomplete = new Map(primary.incomplete.map(({ table, reason }) => [table, reason]))
  for (const { table, reason } of await readComputed(client)) incomplete.set(table, reason)
  const checks: Check[] = []
  const identical: string[] = []
  let rows = 0n
  for (const wanted of primary.tables) {
    const check = await compareTable(client, wanted, incomplete.get(wanted.table))
    checks.push(check)
    if (check.verdict !== 'pass') continue
    identical.push(wanted.table)
    rows += BigInt(wanted.rows)
  }
  return {
    checks: [summary(checks, rows, primary.outside), ...checks.filter(check => check.verdict !== 'pass')],
    identical,
    different: checks.length - identical.length,
    rows: String(rows),
  }
}

async function compareTable(
  client: pg.Client,
  wanted: TableDigest,
  incomplete: string | undefined,
): Promise<Check> {
  const name = `roll-forward.table ${wanted.table}`
  try {
    const { rows } = await client.query('select pg_catalog.to_regclass($1) is not null as there', [
      wanted.table,
    ])
    if (!rows[0].there) return { name, verdict: 'fail', detail: 'the copy has no such table' }
    const found = await digestTable(client, wanted.table)
    if (found.rows === wanted.rows && found.sum0 === wanted.sum0 && found.sum1 === wanted.sum1)
      return { name, verdict: 'pass', detail: `${found.rows} rows are identical`, answer: found }
    const detail =
      found.rows === wanted.rows
        ? `${found.rows} rows on both sides, not all of them equal`
        : `${found.rows} rows in the copy, ${wanted.rows} on the primary`
    // The archive never promised these; that they differ is known, not proven to be harmless.
    const verdict: Verdict = incomplete === undefined ? 'fail' : 'unknown'
    return {
      name,
      verdict,
      detail: incomplete === undefined ? detail : `${detail}; ${incomplete}`,
      answer: { found, wanted },
    }
  } catch (error) {
    return { name, verdict: 'unknown', detail: `could not be read: ${sentence(error)}` }
  }
}

/** Tables with values that the copy computed for itself when it repeated a change of the schema. */
async function readComputed(
  client: pg.Client,
): Promise<readonly { readonly table: string; readonly reason: string }[]> {
  const { rows } = await client.query(
    "select pg_catalog.to_regclass('holdfast_roll_forward.schema_progress') as known",
  )
  if (rows[0].known === null) return []
  const found = await client.query(
    `select pg_catalog.format('%I.%I', n.nspname, c.relname) as table, t.statement
     from holdfast_roll_forward.schema_progress p
     cross join pg_catalog.jsonb_to_recordset(p.state->'computed') as t ("table" oid, statement text)
     join pg_catalog.pg_class c on c.oid = t.table
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace`,
  )
  return found.rows.map(({ table, statement }) => ({
    table,
    reason: `what "${statement}" wrote is not in the archive, and repeated it may give other values`,
  }))
}

function summary(checks: readonly Check[], rows: bigint, outside: readonly Outside[]): Check {
  const name = 'roll-forward.identical'
  if (checks.length === 0)
    return { name, verdict: 'unknown', detail: 'no table is archived, nothing was compared' }
  const equal = checks.filter(check => check.verdict === 'pass').length
  const worst = checks.some(check => check.verdict === 'fail')
    ? 'fail'
    : equal < checks.length
      ? 'unknown'
      : 'pass'
  const detail =
    worst === 'pass'
      ? `copy + tail = primary: ${equal} tables, ${rows} rows, identical`
      : `copy + tail differs from the primary in ${checks.length - equal} of ${checks.length} tables`
  return { name, verdict: worst, detail: `${detail}; ${sayOutside(outside)}` }
}
