import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Event,
  GetDurableExecutionCommand,
  type LambdaClient,
  paginateGetDurableExecutionHistory,
} from '@aws-sdk/client-lambda'
import type { DrillResult } from '../../lambdas/restore-drill/request.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'

/** A stage as the execution's history shows it. */
export type StageNews = {
  readonly name: string
  readonly startedAt: Date
  /** Absent while it runs. */
  readonly endedAt?: Date
  /** Batches of the comparison that are done, and all of them. */
  readonly batches?: { readonly done: number; readonly all: number }
}

/** The stages of a drill so far, in order. What runs inside a stage is not a stage. */
export function readHistory(events: readonly Event[]): StageNews[] {
  const stages = new Map<string, StageNews>()
  const parents = new Map<string, string>()
  for (const event of events) {
    const { EventType: type, Id: id = '', Name: name, EventTimestamp: at } = event
    if (event.ParentId !== undefined) parents.set(id, event.ParentId)
    if (event.SubType === 'MapIteration') countBatch(stages, topOf(id, parents), type)
    if (event.SubType !== 'RunInChildContext' || event.ParentId !== undefined || at === undefined) continue
    if (type === 'ContextStarted' && name !== undefined) stages.set(id, { name, startedAt: at })
    const begun = stages.get(id)
    if (begun && (type === 'ContextSucceeded' || type === 'ContextFailed'))
      stages.set(id, { ...begun, endedAt: at })
  }
  return [...stages.values()]
}

/** The stage that something happened in: what it is part of, as far up as that goes. */
function topOf(id: string, parents: ReadonlyMap<string, string>): string {
  const parent = parents.get(id)
  return parent === undefined ? id : topOf(parent, parents)
}

function countBatch(stages: Map<string, StageNews>, id: string, type: string | undefined): void {
  const stage = stages.get(id)
  if (!stage) return
  const { done, all } = stage.batches ?? { done: 0, all: 0 }
  if (type === 'ContextStarted') stages.set(id, { ...stage, batches: { done, all: all + 1 } })
  else stages.set(id, { ...stage, batches: { done: done + 1, all } })
}

// Lambda answers 15 history calls a second for the whole account: a follower takes one of them, then fewer.
const FIRST_PAUSE = 500
const LONGEST_PAUSE = 5_000

/**
 * Follows the execution to its end and returns what it answered.
 * @throws Refusal `DrillEnded` when it failed, was stopped or ran out of time: then the reaper cleans up
 */
export async function followDrill(
  lambda: LambdaClient,
  execution: string,
  tell: (stages: readonly StageNews[]) => void,
  signal?: AbortSignal,
): Promise<DrillResult> {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(LONGEST_PAUSE, pause * 1.1)) {
    signal?.throwIfAborted()
    const now = await lambda.send(new GetDurableExecutionCommand({ DurableExecutionArn: execution }))
    tell(readHistory(await historyOf(lambda, execution)))
    if (now.Status === 'SUCCEEDED' && now.Result !== undefined) return JSON.parse(now.Result) as DrillResult
    if (now.Status !== 'RUNNING')
      throw new Refusal(
        'DrillEnded',
        `the drill ended as ${now.Status}: ${now.Error?.ErrorMessage ?? 'without a sentence'}`,
        `read its history: aws lambda get-durable-execution-history --durable-execution-arn ${execution}; the reaper deletes its copy`,
      )
    await sleep(pause, undefined, { signal })
  }
}

async function historyOf(lambda: LambdaClient, execution: string): Promise<Event[]> {
  const events: Event[] = []
  for await (const page of paginateGetDurableExecutionHistory(
    { client: lambda },
    { DurableExecutionArn: execution, IncludeExecutionData: false, MaxItems: 1_000 },
  ))
    events.push(...(page.Events ?? []))
  return events
}
