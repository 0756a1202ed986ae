import type { ErrorObject, Event } from '@aws-sdk/client-lambda'
import type { Finished } from '../runner.ts'
import { asFailure, errorObject, newToken, page, pause, STATE_PAGE } from './answers.ts'
import type { EngineDeps } from './engine.ts'
import { type Ending, type Execution, hasPending, replayState } from './execution.ts'
import type { Live } from './live.ts'

/** What the driving of an execution needs of its engine. */
export type Driving = {
  readonly deps: EngineDeps
  readonly isStopped: () => boolean
  readonly end: (live: Live, ending: Ending) => void
}

const FIRST_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 60_000

/**
 * Invokes the function of an execution until it says that it waits for something, or that it is done; a function that
 * dies is invoked again, later and later.
 */
export async function invokeUntilPending(engine: Driving, live: Live): Promise<void> {
  const { execution } = live
  let failures = 0
  while (!execution.ending && !engine.isStopped()) {
    const before = Date.now()
    const output = await invoke(engine, live).catch(asFailure)
    if (engine.isStopped() || execution.ending) return
    if (output.error) {
      failures += 1
      recordInvocation(engine, execution, before, output)
      engine.deps.report(`execution ${execution.head.arn}: ${output.error.errorMessage}; invoked again`)
      await pause(Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1)))
      continue
    }
    failures = 0
    recordInvocation(engine, execution, before, output)
    if (settle(engine, live, output.payload) === 'pending' && execution.unheard.size === 0) return
  }
}

async function invoke({ deps }: Driving, live: Live): Promise<Finished> {
  const { execution } = live
  const { head } = execution
  const updated = [...execution.unheard]
  live.token = newToken(execution)
  live.answered = undefined
  const { operations, next } = page(replayState(execution), 0, STATE_PAGE.items)
  const target = deps.functions.resolve(head.region, head.account, head.functionName, head.version)
  execution.unheard.clear()
  const finished = await deps.runner.run({
    ...target,
    invokedArn: head.invokedArn,
    payload: JSON.stringify({
      DurableExecutionArn: head.arn,
      CheckpointToken: live.token,
      InitialExecutionState: { Operations: operations, NextMarker: next ?? '' },
      UpdatedOperationIds: updated,
    }),
  })
  // A function that died never heard them.
  if (finished.error) for (const id of updated) execution.unheard.add(id)
  return finished
}

// What the function said: done, failed, or to be called again.
function settle(engine: Driving, live: Live, payload: string): 'pending' | 'ended' {
  const { execution } = live
  const at = new Date()
  const output = JSON.parse(payload) as { Status?: string; Result?: string; Error?: ErrorObject } | null
  if (output?.Status === 'PENDING' && (hasPending(execution) || execution.unheard.size > 0)) return 'pending'
  if (output?.Status === 'SUCCEEDED')
    engine.end(live, { status: 'SUCCEEDED', at, result: output.Result ?? 'null' })
  else if (output?.Status === 'FAILED') engine.end(live, { status: 'FAILED', at, error: output.Error ?? {} })
  else
    engine.end(live, {
      status: 'FAILED',
      at,
      error: {
        ErrorType: 'InvalidParameterValueException',
        ErrorMessage:
          output?.Status === 'PENDING'
            ? 'Cannot return PENDING status with no pending operations.'
            : 'Invalid Status in invocation output.',
      },
    })
  return 'ended'
}

function recordInvocation({ deps }: Driving, execution: Execution, before: number, finished: Finished): void {
  const event: Event = {
    EventType: 'InvocationCompleted',
    EventId: execution.events.length + 1,
    EventTimestamp: new Date(),
    InvocationCompletedDetails: {
      StartTimestamp: new Date(before),
      EndTimestamp: new Date(),
      RequestId: finished.requestId,
      ...(finished.error ? { Error: { Payload: errorObject(finished.error) } } : {}),
    },
  }
  deps.journal.record(execution, { events: [event] })
}
