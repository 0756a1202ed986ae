import type { EvidenceStage, EvidenceTable } from '../../runtime/evidence/record.ts'
import { sayHolding } from '../../runtime/holding.ts'
import { judgeTables, type TableResult } from '../../runtime/table-result.ts'
import { type Check, worst } from '../../runtime/verdict.ts'
import { sayKinds, type TableContents } from '../contents.ts'
import type { Compared } from '../stages/compare.ts'
import type { Rolled } from '../stages/roll-forward.ts'

/** A table as the evidence keeps it. Changes after the cut are no loss: the archive explains them, or they are counted as unproven. */
function recordTable(
  table: TableResult,
  verdict: EvidenceTable['verdict'],
  contents: TableContents | undefined,
): EvidenceTable {
  const corrupt = table.corrupt + (contents?.corrupt ?? 0)
  const notes = [
    table.lost > 0 ? `${table.lost} lost` : '',
    corrupt > 0 ? `${corrupt} corrupt` : '',
    table.foreign > 0 ? `${table.foreign} written by the copy itself` : '',
    table.changedSince > 0
      ? `${table.changedSince} changed since${sayChanged(table, verdict, contents)}`
      : '',
    table.newSince > 0 ? `${table.newSince} new since` : '',
    table.undated > 0
      ? `${table.undated} undated${verdict === 'explained' ? ' (as the archive says)' : ''}`
      : '',
    table.notCompared ?? '',
  ].filter(Boolean)
  return {
    name: table.table,
    level: table.skipped ? 'none' : table.strategy,
    verdict,
    rows: table.rowsCopy,
    compared: table.skipped ? 0 : table.rowsCopy,
    equal: table.equal,
    changedSince: table.changedSince,
    lost: table.lost,
    corrupt: table.corrupt + table.foreign + (contents?.corrupt ?? 0),
    ...(contents === undefined ? {} : { contents: countsOf(contents) }),
    detail: notes.join(', '),
    digest: table.digest,
  }
}

const countsOf = ({ witness, image, oldRow, unproven }: TableContents) => ({
  witness,
  image,
  oldRow,
  unproven,
})

function sayChanged(
  { changedSince }: TableResult,
  verdict: EvidenceTable['verdict'],
  contents: TableContents | undefined,
): string {
  const unproven = contents?.unproven ?? changedSince
  const kinds = contents === undefined ? '' : sayKinds([contents])
  const how = unproven === 0 ? 'contents proven' : `${unproven} unproven`
  return ` (${how}${kinds}${verdict === 'explained' ? '; as the archive says' : ''})`
}

function judgeTable(
  table: TableResult,
  explained: ReadonlySet<string>,
  contents: TableContents | undefined,
): EvidenceTable {
  // The examination's own rule: a table that it does not remark on is equal.
  const check = judgeTables([table]).find(({ name }) => name === `compare.table.${table.table}`)
  const verdict = check?.verdict ?? 'pass'
  if (contents && contents.corrupt > 0) return recordTable(table, 'fail', contents)
  const isProven = table.changedSince === 0 || contents?.unproven === 0
  const isOpen = verdict === 'pass' ? table.changedSince > 0 : isOnlyUndated(table, verdict)
  if (isOpen && isProven && explained.has(table.table)) return recordTable(table, 'explained', contents)
  return recordTable(table, verdict === 'acknowledged' ? 'unknown' : verdict, contents)
}

/** True where nothing else is wrong or unknown than when rows of the primary were written, whose file is another one now. */
const isOnlyUndated = (table: TableResult, verdict: Check['verdict']) =>
  verdict === 'unknown' && table.undated > 0 && !table.skipped && table.notCompared === undefined

/**
 * The stages with what the archive explains: the comparison alone cannot say when rows were written that the primary
 * carried over into another file. Where the copy with its tail is the primary's table, none of them was missing.
 */
export function explainStages(
  stages: readonly EvidenceStage[],
  tables: readonly EvidenceTable[],
): EvidenceStage[] {
  const explained = new Set(
    tables.filter(table => table.verdict === 'explained').map(table => `compare.table.${table.name}`),
  )
  const explain = (check: Check): Check =>
    check.verdict === 'unknown' && explained.has(check.name)
      ? {
          ...check,
          verdict: 'explained',
          detail: `${check.detail}; the archive’s changes lead from the copy to exactly what the primary has`,
        }
      : check
  return stages.map(stage => {
    if (stage.name !== 'compare' || stage.verdict === 'skipped') return stage
    const checks = stage.checks.map(explain)
    return { ...stage, checks, verdict: worst(checks) }
  })
}

/**
 * The tables of the evidence: those compared, and those that were not with the reason. Rows of the copy that changed
 * since, and rows of the primary that nothing dates, are explained where the contents of the former are proven and the
 * archive's changes, each of which met its row, made the copy equal to the primary.
 */
export function tablesOf({
  compared,
  contents,
  rolled,
}: {
  readonly compared: Compared | null
  readonly contents?: readonly TableContents[] | null
  readonly rolled?: Rolled | null | undefined
}): EvidenceTable[] {
  if (compared === null) return []
  const explained = new Set(rolled?.identicalTables)
  const others = compared.others.map(other => ({
    table: `database ${other.title}`,
    why: `another database, ${sayHolding(other)}: not compared`,
    rows: other.rows,
  }))
  const left = [...compared.notCompared.map(one => ({ ...one, rows: 0 })), ...others].map(
    ({ table, why, rows }): EvidenceTable => ({
      name: table,
      level: 'none',
      verdict: 'skipped',
      rows,
      compared: 0,
      equal: 0,
      changedSince: 0,
      lost: 0,
      corrupt: 0,
      detail: why,
      digest: '',
    }),
  )
  const known = new Set(compared.tables.map(table => table.table))
  const proven = new Map(contents?.map(table => [table.table, table]))
  const judged = compared.tables.map(table => judgeTable(table, explained, proven.get(table.table)))
  return [...judged, ...left.filter(table => !known.has(table.name))].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
}
