import type { OpenAnswer } from '../../examine/request.ts'
import type { DrillRequest } from '../request.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Restored } from './restore.ts'

export type Opened = OpenAnswer & {
  /** Milliseconds since the epoch: first `select 1`, writable, warm queries answered. */
  readonly clocks: { readonly t4: number; readonly t5: number; readonly t6: number }
}

// `available` and a server that takes connections are not the same second.
const TRIES = 8

/** Connects to the copy, freezes where its own history begins, and asks the workload's warm queries: the RTO ends here. */
export async function openCopy(
  stage: Stage,
  request: DrillRequest,
  restored: Restored,
): Promise<Finding<Opened>> {
  const answer = await askUntilReady(stage, request, restored)
  const t6 = Date.parse(answer.warmAt)
  // The warm queries ran on one connection: what came before them is counted back from their end.
  const t4 = t6 - answer.warmMs + answer.firstQueryMs
  return {
    value: { ...answer, clocks: { t4, t5: t4, t6 } },
    checks: answer.checks,
    detail: `first query after ${Math.round(answer.firstQueryMs)} ms, warm after ${Math.round(answer.warmMs)} ms`,
  }
}

async function askUntilReady(stage: Stage, { warm }: DrillRequest, { copy }: Restored): Promise<OpenAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await stage.examine<'open'>(`open-${attempt}`, { task: 'open', copy, ...(warm ? { warm } : {}) })
    } catch (error) {
      if (attempt >= TRIES) throw error
      await stage.pause(`not-ready-${attempt}`, attempt)
    }
  }
}
