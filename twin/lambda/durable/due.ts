import type { ErrorObject, Event, Operation } from '@aws-sdk/client-lambda'
import type { Change, Ending, Execution } from './execution.ts'

type Closing = 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'STOPPED'

/** When the next thing of an execution is due by the clock, in milliseconds; undefined when nothing is. */
export function nextDue(execution: Execution): number | undefined {
  const times = [execution.head.startedAt.getTime() + execution.head.timeout * 1_000]
  for (const operation of execution.operations.values()) {
    const at = dueAt(execution, operation)
    if (at !== undefined) times.push(at)
  }
  return execution.ending ? undefined : Math.min(...times)
}

/** What has come due at `now`: waits that are over, attempts that may begin, callbacks that nobody answered. */
export function dueChange(execution: Execution, now: number): Change | undefined {
  const operations: Operation[] = []
  const events: Event[] = []
  for (const operation of execution.operations.values()) {
    const at = dueAt(execution, operation)
    if (at === undefined || at > now) continue
    if (operation.Status === 'PENDING') operations.push({ ...operation, Status: 'READY' })
    else {
      const late = operation.Type === 'CALLBACK'
      const closed = closeOperation(
        execution,
        operation,
        late ? 'TIMED_OUT' : 'SUCCEEDED',
        late ? { error: { ErrorMessage: 'Callback timed out', ErrorType: 'CallbackTimeout' } } : {},
        now,
        events.length,
      )
      operations.push(...(closed.operations ?? []))
      events.push(...(closed.events ?? []))
    }
  }
  if (operations.length === 0) return undefined
  return { operations, events, unheard: operations.map(operation => String(operation.Id)) }
}

function dueAt(execution: Execution, operation: Operation): number | undefined {
  if (operation.Status === 'PENDING') return operation.StepDetails?.NextAttemptTimestamp?.getTime()
  if (operation.Status !== 'STARTED') return undefined
  if (operation.Type === 'WAIT') return operation.WaitDetails?.ScheduledEndTimestamp?.getTime()
  if (operation.Type !== 'CALLBACK') return undefined
  const callback = execution.asides.get(String(operation.Id))?.callback
  const times = [callback?.timeoutAt, callback?.heartbeatAt].filter(time => time !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}

/** Closes an operation from outside of the function: a wait, a callback or an invoked function. */
export function closeOperation(
  execution: Execution,
  operation: Operation,
  status: Closing,
  outcome: { readonly result?: string; readonly error?: ErrorObject },
  now: number,
  offset = 0,
): Change {
  const closed: Operation = { ...operation, Status: status, EndTimestamp: new Date(now) }
  const details = { Result: outcome.result, Error: outcome.error }
  if (operation.Type === 'CALLBACK') closed.CallbackDetails = { ...operation.CallbackDetails, ...details }
  if (operation.Type === 'CHAINED_INVOKE') closed.ChainedInvokeDetails = details
  const event: Event = {
    EventId: execution.events.length + offset + 1,
    Id: operation.Id,
    Name: operation.Name,
    ParentId: operation.ParentId,
    SubType: operation.SubType,
    EventTimestamp: new Date(now),
    ...closingDetails(operation, status, outcome, execution),
  }
  return { operations: [closed], events: [event], unheard: [String(operation.Id)] }
}

function closingDetails(
  operation: Operation,
  status: Closing,
  outcome: { readonly result?: string; readonly error?: ErrorObject },
  execution: Execution,
): Event {
  const result = { Result: { Payload: outcome.result } }
  const error = { Error: { Payload: outcome.error } }
  if (operation.Type === 'WAIT') {
    const started = execution.events.find(event => event.Id === operation.Id)?.WaitStartedDetails
    return { EventType: 'WaitSucceeded', WaitSucceededDetails: { Duration: started?.Duration } }
  }
  if (operation.Type === 'CALLBACK') {
    if (status === 'SUCCEEDED') return { EventType: 'CallbackSucceeded', CallbackSucceededDetails: result }
    if (status === 'TIMED_OUT') return { EventType: 'CallbackTimedOut', CallbackTimedOutDetails: error }
    return { EventType: 'CallbackFailed', CallbackFailedDetails: error }
  }
  if (status === 'SUCCEEDED')
    return { EventType: 'ChainedInvokeSucceeded', ChainedInvokeSucceededDetails: result }
  if (status === 'TIMED_OUT')
    return { EventType: 'ChainedInvokeTimedOut', ChainedInvokeTimedOutDetails: error }
  if (status === 'STOPPED') return { EventType: 'ChainedInvokeStopped', ChainedInvokeStoppedDetails: error }
  return { EventType: 'ChainedInvokeFailed', ChainedInvokeFailedDetails: error }
}

/** Ends the execution itself. */
export function closeExecution(execution: Execution, ending: Ending): Change {
  const own = execution.operations.get(execution.head.id)
  const error = { Error: { Payload: ending.error } }
  const details: Record<Ending['status'], Event> = {
    SUCCEEDED: {
      EventType: 'ExecutionSucceeded',
      ExecutionSucceededDetails: { Result: { Payload: ending.result } },
    },
    FAILED: { EventType: 'ExecutionFailed', ExecutionFailedDetails: error },
    TIMED_OUT: { EventType: 'ExecutionTimedOut', ExecutionTimedOutDetails: error },
    STOPPED: { EventType: 'ExecutionStopped', ExecutionStoppedDetails: error },
  }
  return {
    ending,
    operations: own ? [{ ...own, Status: ending.status, EndTimestamp: ending.at }] : [],
    events: [
      {
        EventId: execution.events.length + 1,
        Id: execution.head.id,
        Name: execution.head.name,
        EventTimestamp: ending.at,
        ...details[ending.status],
      },
    ],
  }
}
