import type { BlockRange, CompareAnswer, OtherDatabase, PlanAnswer } from '../../examine/request.ts'
import { addTables, coverage, judgeTables, type TableResult } from '../../runtime/table-result.ts'
import type { Check } from '../../runtime/verdict.ts'
import { said } from '../journal.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Found } from './cut.ts'
import type { Opened } from './open.ts'
import type { Plan } from './plan.ts'
import type { Restored } from './restore.ts'

export type Compared = {
  readonly tables: readonly TableResult[]
  readonly notCompared: PlanAnswer['notCompared']
  /** Other databases of the copy that hold rows, none of which was compared. */
  readonly others: readonly OtherDatabase[]
  /** Share of the copy's rows, those of its other databases too; 0 to 1. */
  readonly coverage: number
  readonly bytes: number
}

// A durable operation a batch and one a turn, of 3,000 that an execution may have; waiting for RDS takes some hundred.
const MOST_BATCHES = 300
const MOST_FOLLOW_UPS = 6
/** Batches at one time: each holds two connections to the primary, which has other work. */
export const WIDTH = 8

/** Compares every row of the copy with the living primary, in batches over many examinations. */
export async function compareCopy(
  stage: Stage,
  plan: Plan,
  { copy }: Restored,
  { boundary }: Opened,
  { cut }: Found,
): Promise<Finding<Compared>> {
  const common = { copy, primary: plan.primary, boundary, cut }
  const work = await stage.examine<'plan'>('plan', { task: 'plan', ...common, batches: MOST_BATCHES })
  const found = await stage.examine<'databases'>('databases', { task: 'databases', ...common })
  const others = found.databases.filter(({ tables }) => tables > 0)
  const answers = await stage.eachOf('batch', work.batches, WIDTH, (inner, batch) =>
    compareBatch(inner, common, batch),
  )
  const tables = addTables(answers.flatMap(answer => answer.tables))
  const share = shareOf(tables, others)
  return {
    value: {
      tables,
      notCompared: work.notCompared,
      others,
      coverage: share,
      bytes: answers.reduce((sum, answer) => sum + answer.bytes, 0),
    },
    checks: [
      ...work.checks,
      ...found.checks,
      ...answers.flatMap(answer => answer.checks),
      ...judgeTables(tables),
      completeCheck(work, answers, tables.length),
    ],
    detail: `${work.tables} tables in ${work.batches.length} batches, ${(100 * share).toFixed(2)} % of the rows`,
  }
}

function shareOf(tables: readonly TableResult[], others: readonly OtherDatabase[]): number {
  const rows = tables.reduce((sum, table) => sum + table.rowsCopy, 0)
  const left = others.reduce((sum, other) => sum + other.rows, 0)
  const share = coverage(tables) / 100
  return left === 0 ? share : (share * rows) / (rows + left)
}

type Part = { tables: TableResult[]; checks: Check[]; bytes: number; complete: boolean }

async function compareBatch(
  stage: Stage,
  common: Pick<Plan, 'primary'> & { copy: Restored['copy'] } & Pick<Opened, 'boundary'> & Pick<Found, 'cut'>,
  batch: readonly BlockRange[],
): Promise<Part> {
  const part: Part = { tables: [], checks: [], bytes: 0, complete: false }
  let rest = batch
  for (let turn = 1; turn <= MOST_FOLLOW_UPS; turn++) {
    let answer: CompareAnswer
    try {
      answer = await stage.examine<'compare'>(`compare-${turn}`, { task: 'compare', ...common, batch: rest })
    } catch (error) {
      // The other batches still say something; this one says that it does not know.
      part.checks.push({ name: 'compare.batch', verdict: 'unknown', detail: said(error) })
      return part
    }
    part.tables.push(...answer.tables)
    part.bytes += answer.bytes
    rest = answer.rest
    if (rest.length === 0) return { ...part, complete: true }
  }
  part.checks.push({
    name: 'compare.batch',
    verdict: 'unknown',
    detail: `${rest.length} ranges were left after ${MOST_FOLLOW_UPS} turns`,
  })
  return part
}

/** Every table that was planned must have come back, too: a batch that answers without one of its tables is not complete. */
function completeCheck(work: PlanAnswer, parts: readonly Part[], tables: number): Check {
  const done = parts.filter(part => part.complete).length
  const complete = done === work.batches.length && parts.length === work.batches.length
  return {
    name: 'compare.complete',
    verdict: complete && tables === work.tables ? 'pass' : 'unknown',
    detail: `${done} of ${work.batches.length} batches were compared to their end, and ${tables} of ${work.tables} tables`,
  }
}
