import type { EvidenceTable } from '../../lambdas/runtime/evidence/record.ts'
import type { Damage } from './scenario/damage.ts'

/** Whether the copy has the rows that the damage took. */
export type Return = {
  readonly verdict: 'pass' | 'fail' | 'unknown'
  /** Rows of the damaged table that the copy has and the primary has not; null where nobody looked. */
  readonly rows: number | null
}

/**
 * Judges the damaged table by the record of the drill, and by nothing else of it: rows that other tables have lost or
 * changed say nothing of this one. A part of it that the record lacks, or that was not compared, makes it unknown.
 */
export function judgeReturn(damage: Damage, tables: readonly EvidenceTable[]): Return {
  const found = damage.tables.map(name => tables.find(table => table.name === name))
  const seen = found.filter(table => table !== undefined && isCompared(table))
  if (seen.length === 0 || seen.length < found.length) return { verdict: 'unknown', rows: null }
  const rows = seen.reduce((sum, table) => sum + (table?.changedSince ?? 0), 0)
  return { verdict: rows >= damage.rows ? 'pass' : 'fail', rows }
}

function isCompared({ level, verdict }: EvidenceTable): boolean {
  return level !== 'none' && verdict !== 'skipped' && verdict !== 'unknown'
}
