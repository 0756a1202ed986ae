import { examine } from '../lambdas/examine/examine.ts'
import type {
  BlockRange,
  Boundary,
  CanariesAnswer,
  Canary,
  Cut,
  ExamineAnswer,
  ExamineRequest,
  MarkAnswer,
  TaskName,
  Tasks,
} from '../lambdas/examine/request.ts'
import { addTables, judgeTables, type TableResult } from '../lambdas/runtime/table-result.ts'
import type { Check } from '../lambdas/runtime/verdict.ts'
import { type Server, sidesOf } from './lab.ts'

/** Asks one task, with the sides that the request names. */
export function task<T extends TaskName>(
  request: Tasks[T]['request'] & { task: T },
  primary?: Server,
  copy?: Server,
): Promise<ExamineAnswer<T>> {
  return examine(request as ExamineRequest, sidesOf(primary, copy)) as Promise<ExamineAnswer<T>>
}

export type Examination = {
  /** Where the copy ends, once that was found. */
  readonly where?: { readonly boundary: Boundary; readonly cut: Cut }
  readonly checks: readonly Check[]
  readonly tables: readonly TableResult[]
  /** Names of the checks that failed, without those of `compare.table`. */
  readonly red: readonly string[]
  table(name: string): TableResult
}

export type DrillOptions = {
  readonly marked: MarkAnswer
  readonly target?: string
  readonly canaries?: readonly Canary[]
  readonly batchBytes?: number
  /** Skips amcheck and the catalogs. */
  readonly dataOnly?: boolean
  /** Done between `open` and the rest. */
  readonly between?: (boundary: { nextXid: string }) => Promise<void>
}

/** Milliseconds by which a sentinel may miss its place for a copy of half a second before or after to tell. */
const NEAR = 400

/** Sentinels around a moment, planted again when the machine was too slow for one of them. */
export async function planted(primary: Server, drill: string): Promise<CanariesAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await task({ task: 'canaries', primary: primary.endpoint, drill }, primary)
    const target = Date.parse(answer.target)
    const late = answer.canaries.filter(
      ({ at, offset }) => Math.abs(Date.parse(at) - target - offset * 1_000) > NEAR,
    )
    if (late.length === 0) return answer
    if (attempt === 10) throw new Error(`sentinels are late again and again: ${JSON.stringify(late)}`)
  }
}

export const marked = (primary: Server) => task({ task: 'mark', primary: primary.endpoint }, primary)

/** All that a drill asks of a copy, in its order. */
export async function examineCopy(
  primary: Server,
  copy: Server,
  options: DrillOptions,
): Promise<Examination> {
  const both = { primary: primary.endpoint, copy: copy.endpoint }
  const checks: Check[] = []
  const keep = <A extends { checks: Check[] }>(answer: A): A => {
    checks.push(...answer.checks)
    return answer
  }
  const { boundary } = keep(await task({ task: 'open', copy: copy.endpoint }, undefined, copy))
  await options.between?.(boundary)
  keep(await task({ task: 'quarantine', ...both }, primary, copy))
  keep(
    await task(
      {
        task: 'identify',
        ...both,
        boundary,
        expected: { ...options.marked, instances: ['shop-prod'] },
        mode: options.target === undefined ? 'latest' : 'time',
        target: options.target ?? options.marked.now,
        canaries: options.canaries,
      },
      primary,
      copy,
    ),
  )
  const { cut } = keep(await task({ task: 'cut', ...both, disasterAt: options.marked.now }, primary, copy))
  if (!options.dataOnly) {
    let after: string | undefined
    do {
      const answer = keep(await task({ task: 'structure', ...both, boundary, after }, primary, copy))
      after = answer.next
    } while (after !== undefined)
  }
  if (!cut) return { checks, tables: [], red: redOf(checks), table: noTable }
  if (!options.dataOnly) keep(await task({ task: 'databases', ...both, boundary, cut }, primary, copy))
  const tables = await compareAll(primary, copy, { boundary, cut, batchBytes: options.batchBytes }, keep)
  checks.push(...judgeTables(tables))
  return {
    where: { boundary, cut },
    checks,
    tables,
    red: redOf(checks),
    table: name => tables.find(table => table.table === name) ?? noTable(name),
  }
}

type Where = {
  boundary: Parameters<typeof task<'plan'>>[0]['boundary']
  cut: Parameters<typeof task<'plan'>>[0]['cut']
  batchBytes?: number
}

export async function compareAll(
  primary: Server,
  copy: Server,
  where: Where,
  keep: <A extends { checks: Check[] }>(answer: A) => A = answer => answer,
): Promise<TableResult[]> {
  const both = { primary: primary.endpoint, copy: copy.endpoint }
  const planned = keep(await task({ task: 'plan', ...both, ...where }, primary, copy))
  const results: TableResult[] = []
  for (const batch of planned.batches) {
    let rest: readonly BlockRange[] = batch
    for (let round = 0; rest.length > 0 && round < 5; round += 1) {
      const answer = await task({ task: 'compare', ...both, ...where, batch: rest }, primary, copy)
      results.push(...answer.tables)
      rest = answer.rest
    }
    if (rest.length > 0) throw new Error(`a batch does not end: ${JSON.stringify(rest)}`)
  }
  return addTables(results)
}

const redOf = (checks: readonly Check[]) =>
  checks.filter(check => check.verdict === 'fail' || check.verdict === 'unknown').map(check => check.name)

function noTable(name: string): never {
  throw new Error(`no result for ${name}`)
}
