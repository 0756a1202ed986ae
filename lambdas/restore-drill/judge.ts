import { type FaultKind, type OtherDatabase, UNPROVEN_SCHEMA } from '../examine/request.ts'
import type { Evidence, EvidenceStage, EvidenceTable } from '../runtime/evidence/record.ts'
import { sayHolding } from '../runtime/holding.ts'
import type { TableResult } from '../runtime/table-result.ts'
import type { Check } from '../runtime/verdict.ts'
import { worst } from '../runtime/verdict.ts'
import { provenRows, sayKinds, type TableContents } from './contents.ts'
import { sayCount, sayDuration } from './report/figure.ts'
import type { DrillRequest } from './request.ts'
import type { Compared } from './stages/compare.ts'
import type { Found } from './stages/cut.ts'
import type { Opened } from './stages/open.ts'
import type { Plan } from './stages/plan.ts'
import type { Restored } from './stages/restore.ts'
import type { Rolled } from './stages/roll-forward.ts'

/** What was measured, as far as the drill got. */
export type Measures = {
  readonly plan: Plan | null
  readonly restored: Restored | null
  readonly opened: Opened | null
  readonly found: Found | null
  readonly compared: Compared | null
  /** Absent where there is no archive to prove contents by. */
  readonly contents?: readonly TableContents[] | null
  /** `undefined` where no archive is rolled along; `null` where it was to be and was not. */
  readonly rolled?: Rolled | null | undefined
  /** Milliseconds since the epoch: the last check was answered. */
  readonly verifiedAt: number
}

/** The measured figures, in seconds from the decision; what never happened is `null`. */
export function measure({
  plan,
  restored,
  opened,
  found,
  compared,
  contents,
  rolled,
  verifiedAt,
}: Measures): Evidence['measured'] {
  const t0 = restored?.clocks.t0 ?? null
  const since = (at: number | null | undefined) =>
    t0 === null || at === null || at === undefined ? null : Math.max(0, Math.round(at - t0) / 1_000)
  return {
    rpoSeconds: lossOf({ plan, found, rolled }),
    rtoSeconds: since(opened?.clocks.t6),
    coverage: compared === null ? null : shareProven(compared, contents),
    clocks: {
      accepted: since(restored?.clocks.t1),
      available: since(restored?.clocks.t2),
      answering: since(opened?.clocks.t4),
      warm: since(opened?.clocks.t6),
      verified: compared === null ? null : since(verifiedAt),
      hydrated: hydratedSince(restored, since(restored?.clocks.t2)),
    },
    facts: {
      ...(found === null ? {} : { lost: found.lost, cut: found.cut, disasterAt: found.disasterAt }),
      ...(compared === null
        ? {}
        : { rows: sum(compared.tables, 'rowsCopy'), bytes: compared.bytes, tables: compared.tables.length }),
      ...(contents ? { contents: contents.slice(0, 1_000) } : {}),
      ...(rolled ? { rollForward: { ...rolled, identicalTables: rolled.identicalTables.length } } : {}),
      ...(restored === null
        ? {}
        : {
            storageOperation: restored.instance.storageOperation,
            storagePercent: restored.instance.storagePercent,
          }),
    },
  }
}

/**
 * Share of the copy's rows that are equal to the primary's or whose contents are proven otherwise; without an archive,
 * of those that were compared at all.
 */
function shareProven(
  { tables, coverage, others }: Compared,
  contents: readonly TableContents[] | null | undefined,
): number {
  const rows = sum(tables, 'rowsCopy')
  if (!contents || rows === 0) return coverage
  const left = others.reduce((all, other) => all + other.rows, 0)
  return Math.min(coverage, (sum(tables, 'equal') + provenRows(contents)) / (rows + left))
}

/**
 * Seconds of writes that the disaster would have cost. How near a restore comes to the moment that it was asked for is
 * no loss, and cannot miss: what counts is what the archive held when the disaster struck. Where there is none it is
 * the newest moment that could be restored when the drill decided; in the other region, how far the copy reaches.
 */
function lossOf({ plan, found, rolled }: Pick<Measures, 'plan' | 'found' | 'rolled'>): number | null {
  if (rolled !== undefined) return rolled?.loss?.complete === true ? rolled.loss.withTail.seconds : null
  const reached = found?.rpoSeconds ?? null
  if (plan === null || reached === null || plan.from.kind !== 'instance') return reached
  const restorable = plan.from.window?.latest
  return restorable === undefined
    ? null
    : Math.max(reached, Math.max(0, Date.parse(plan.mark.now) - restorable) / 1_000)
}

/** RDS names an operation while blocks still come from S3; a copy that never named one has no such clock here. */
function hydratedSince(restored: Restored | null, available: number | null): number | null {
  return restored !== null && restored.instance.storageOperation === null ? available : null
}

/** One check an objective. What could not be measured is `unknown`. */
export function objectiveChecks(
  request: DrillRequest,
  measured: Evidence['measured'],
  { rolled, compared }: Partial<Pick<Measures, 'rolled' | 'compared'>> = {},
): Check[] {
  const { objective, coverageFloor } = request
  const within = (name: string, found: number | null, most: number, unit: string): Check => ({
    name,
    verdict: found === null ? 'unknown' : found <= most ? 'pass' : 'fail',
    detail:
      found === null ? `not measured, at most ${most} ${unit}` : `${found} ${unit}, at most ${most} ${unit}`,
  })
  const { coverage } = measured
  const rpo = within('objective.rpo', measured.rpoSeconds, objective.rpoSeconds, 's')
  return [
    { ...rpo, detail: `${rpo.detail}${sayUnheld(rolled)}` },
    within('objective.rto', measured.rtoSeconds, objective.rtoSeconds, 's'),
    {
      name: 'objective.coverage',
      verdict: coverage === null ? 'unknown' : coverage >= coverageFloor ? 'pass' : 'fail',
      detail: `${coverage === null ? 'not measured' : `${(100 * coverage).toFixed(2)} %`}, at least ${(100 * coverageFloor).toFixed(2)} %${sayOthers(compared?.others ?? [])}`,
    },
  ]
}

function sayOthers(others: readonly OtherDatabase[]): string {
  const named = others.slice(0, 3).map(other => `database ${other.title} ${sayHolding(other)}`)
  const more = others.length > 3 ? ` and ${others.length - 3} more` : ''
  return others.length === 0 ? '' : `; not compared: ${named.join(', ')}${more}`
}

function sayUnheld(rolled: Rolled | null | undefined): string {
  if (!rolled?.loss) return ''
  const { withTail, complete } = rolled.loss
  return `: ${complete ? '' : 'at least '}${withTail.transactions} transactions with ${withTail.rows} rows were not in the archive when the disaster struck`
}

export type Judgement = {
  readonly verdict: 'pass' | 'fail' | 'unknown'
  /** In plain words. */
  readonly sentence: string
  /** For a negative control: was it caught by the right check? */
  readonly caught?: boolean
}

/** The drill's verdict over everything that was found. */
export function judge(
  request: DrillRequest,
  stages: readonly EvidenceStage[],
  tables: readonly EvidenceTable[],
  objectives: readonly Check[],
  measured: Evidence['measured'],
): Judgement {
  const checks = [...stages.flatMap(stage => stage.checks), ...objectives]
  if (request.negativeControl !== undefined) return judgeControl(request.negativeControl, checks)
  const verdict = worst(checks)
  if (verdict === 'pass')
    return { verdict, sentence: `${passed(tables, measured)}${sayUndatedCatalogs(checks)}` }
  const isRed = (check: Check) => check.verdict === 'fail' || check.verdict === 'unknown'
  const found = stages.flatMap(stage => stage.checks).filter(isRed)
  // Where a stage failed, an objective that could therefore not be measured is no second trouble.
  const missed = objectives.filter(check => check.verdict === 'fail' || (isRed(check) && found.length === 0))
  const red = [...found, ...missed]
  const first = red.find(check => check.verdict === verdict)
  const more = red.length > 1 ? ` (and ${red.length - 1} more)` : ''
  return {
    verdict,
    sentence: `${verdict === 'fail' ? 'Not proven' : 'Not known'}: ${first?.name}: ${firstLine(first?.detail ?? '')}${more}`,
  }
}

function passed(tables: readonly EvidenceTable[], { rpoSeconds, rtoSeconds }: Evidence['measured']): string {
  const compared = tables.filter(table => table.level !== 'none')
  const rows = total(compared, 'compared')
  const equal = total(compared, 'equal')
  const how = equal === rows ? '' : `${sayCount(equal)} of `
  // Of another database nothing is said but that it was not compared.
  const of = tables.some(isDatabase) ? ' in this database' : ''
  const nothing =
    unprovenOf(compared) === 0 ? 'nothing' : 'nothing says that those were there and held this; nothing else'
  return `It comes back: ${how}${sayCount(rows)} rows in ${compared.length} ${compared.length === 1 ? 'table' : 'tables'} equal the living database's${sayChanged(compared)}; ${nothing}${of} is lost or corrupt; ${sayDuration(rpoSeconds)} of writes lost, serving again after ${sayDuration(rtoSeconds)}${sayUnseen(tables)}`
}

/** Catalog rows that only the copy has, so that nobody takes what may be alive again for proven. */
function sayUndatedCatalogs(checks: readonly Check[]): string {
  const found = checks.find(({ name }) => name === UNPROVEN_SCHEMA)
  return found === undefined ? '' : `; not proven: ${found.detail.split(':')[0]}`
}

/** A table's name has its schema, and one with a space is quoted. */
const isDatabase = ({ name, level }: EvidenceTable) => level === 'none' && name.startsWith('database ')

/** What was not looked at, whole databases first. */
function sayUnseen(tables: readonly EvidenceTable[]): string {
  const unseen = tables.filter(table => table.level === 'none')
  const others = unseen.filter(isDatabase).map(({ name, rows }) => `${name} with ${sayCount(rows)} rows`)
  const left = unseen.filter(table => !isDatabase(table)).map(table => table.name)
  return `${named('not compared', others)}${named('not looked at', left)}`
}

function named(what: string, names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return names.length === 0 ? '' : `; ${what}: ${names.slice(0, 3).join(', ')}${more}`
}

/** Rows that were changed or deleted since, of which nothing says what they held. */
const unprovenOf = (tables: readonly EvidenceTable[]) =>
  tables.reduce((all, table) => all + (table.contents?.unproven ?? table.changedSince), 0)

/** What happened to the rows that the living database has no longer, so that nobody takes them for compared. */
function sayChanged(tables: readonly EvidenceTable[]): string {
  const changed = total(tables, 'changedSince')
  if (changed === 0) return ''
  const unproven = unprovenOf(tables)
  const kinds = sayKinds(tables.flatMap(table => table.contents ?? []))
  const how =
    unproven === 0
      ? `all of them proven to hold what they held then${kinds}`
      : `${sayCount(unproven)} of them unproven${kinds}`
  return `, ${sayCount(changed)} were changed or deleted there since, ${how}`
}

function total(tables: readonly EvidenceTable[], count: 'compared' | 'equal' | 'changedSince'): number {
  return tables.reduce((all, table) => all + table[count], 0)
}

// Which checks must see which fault.
const CATCHES: Readonly<Record<FaultKind, readonly RegExp[]>> = {
  'row-deleted': [/^compare\.table/],
  'row-changed': [/^compare\.table/],
  'row-added': [/^compare\.(table|own-writes)/],
  'index-dropped': [/^structure\.schema$/],
  'grant-lost': [/^structure\.schema$/],
  'sequence-behind': [/^structure\.sequences$/],
  'heap-byte-flipped': [/^structure\.(amcheck|checksums)/, /^compare\.table/],
  'index-byte-flipped': [/^structure\.(amcheck|checksums)/],
  'wrong-time': [/^identify\.(asked-time|canaries)$/],
  'other-database': [/^identify\.system-identifier$/],
}

/** The check that saw this fault, among those that should. Red elsewhere is luck, and counts for nothing. */
export function rightCheck(kind: FaultKind, checks: readonly Check[]): Check | undefined {
  return checks.find(
    ({ name, verdict }) => verdict === 'fail' && CATCHES[kind].some(pattern => pattern.test(name)),
  )
}

function judgeControl(kind: FaultKind, checks: readonly Check[]): Judgement {
  const red = checks.filter(check => check.verdict === 'fail')
  const right = rightCheck(kind, checks)
  const injected = checks.find(check => check.name === 'control.injected')
  if (right && injected !== undefined && injected.verdict !== 'unknown')
    return {
      verdict: 'pass',
      caught: true,
      sentence: `The control ${kind} was caught: ${right.name}: ${firstLine(right.detail)}`,
    }
  const why =
    injected === undefined || injected.verdict === 'unknown'
      ? `it was never put into the copy: ${injected?.detail ?? 'the drill did not get so far'}`
      : `no check that should see it turned red (red were: ${red.map(found => found.name).join(', ') || 'none'})`
  return {
    verdict: 'fail',
    caught: false,
    sentence: `THE VERIFIER FAILED: the control ${kind} was not caught: ${why}`,
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}

function sum(tables: readonly TableResult[], field: 'rowsCopy' | 'equal'): number {
  return tables.reduce((all, table) => all + table[field], 0)
}
