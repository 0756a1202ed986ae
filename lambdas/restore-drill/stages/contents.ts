import type { ContentsAnswer, ContentsRange, ContentsRequest, ContentsResult } from '../../examine/request.ts'
import type { Check } from '../../runtime/verdict.ts'
import { addContents, contentsOf, provenCheck, sayKinds, type TableContents } from '../contents.ts'
import type { DrillRequest } from '../request.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Compared } from './compare.ts'
import type { Found } from './cut.ts'
import type { Opened } from './open.ts'
import type { Plan } from './plan.ts'
import type { Restored } from './restore.ts'

// The archive is behind by seconds: ten minutes of waiting are a broken archive.
const MOST_WAITS = 60
const PAUSE_SECONDS = 5
// Some hundred thousand rows each.
const MOST_TURNS = 200

/**
 * Proves the contents of the rows that only the copy has: the comparison cannot, and the tail meets them by their key
 * alone. Comes before the tail is applied, which writes over them.
 */
export async function proveContents(
  stage: Stage,
  request: DrillRequest,
  plan: Plan,
  { copy }: Restored,
  { boundary }: Opened,
  { cut }: Found,
  { tables: compared }: Compared,
): Promise<Finding<readonly TableContents[]>> {
  const { primary } = plan
  const changed = compared.filter(table => table.changedSince > 0)
  const { lsn: until, systemIdentifier } = await stage.examine<'mark'>('mark', { task: 'mark', primary })
  const common = { task: 'contents', copy, primary, boundary, cut, systemIdentifier, until } as const
  const results: ContentsResult[] = []
  const checks: Check[] = []
  let rest: readonly ContentsRange[] = changed.map(({ oid, strategy, changedIn }) => ({
    ...{ oid, strategy, changedIn: changedIn ?? [] },
  }))
  for (let turn = 1; turn === 1 || (rest.length > 0 && turn <= MOST_TURNS); turn++) {
    const answer = await askPatiently(stage, turn, { ...common, tables: rest, sequences: turn === 1 })
    results.push(...answer.tables)
    checks.push(...answer.checks)
    rest = answer.rest
  }
  const tables = contentsOf(compared, addContents(results))
  const floor = provenCheck(tables, request.provenFloor)
  return { value: tables, checks: [...checks, floor], detail: `${floor.detail}${kindsOf(floor, tables)}` }
}

/** The floor's own sentence says them where it holds. */
const kindsOf = (floor: Check, tables: readonly TableContents[]) =>
  floor.verdict === 'pass' ? '' : sayKinds(tables)

/** An error's kind does not travel over an invocation: the archive that is seconds behind looks like any other. */
async function askPatiently(stage: Stage, turn: number, request: ContentsRequest): Promise<ContentsAnswer> {
  for (let wait = 1; ; wait++)
    try {
      return await stage.examine<'contents'>(`contents-${turn}.${wait}`, request)
    } catch (error) {
      if (wait === MOST_WAITS) throw error
      await stage.pause(`contents-${turn}.${wait}.pause`, PAUSE_SECONDS)
    }
}
