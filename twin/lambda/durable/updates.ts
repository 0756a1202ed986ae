import type {
  Event,
  Operation,
  OperationStatus,
  OperationType,
  OperationUpdate,
} from '@aws-sdk/client-lambda'
import { WireError } from '../../wire/call.ts'
import type { Aside, Execution } from './execution.ts'

/** Lambda's limits on one execution. */
export const LIMITS = {
  operations: 3_000,
  payloadBytes: 262_144,
  errorBytes: 32_768,
  /** Over the whole execution. */
  totalBytes: 104_857_600,
} as const

type Action = 'START' | 'SUCCEED' | 'FAIL' | 'RETRY' | 'CANCEL'

// For each action, the states in which it is allowed; `new` is an operation that is not there yet.
const ALLOWED: Record<OperationType, Partial<Record<Action, readonly (OperationStatus | 'new')[]>>> = {
  STEP: {
    START: ['new', 'READY'],
    SUCCEED: ['new', 'STARTED', 'READY'],
    FAIL: ['new', 'STARTED', 'READY'],
    RETRY: ['new', 'STARTED', 'READY'],
  },
  CONTEXT: { START: ['new'], SUCCEED: ['new', 'STARTED'], FAIL: ['new', 'STARTED'] },
  WAIT: { START: ['new'], CANCEL: ['STARTED'] },
  CALLBACK: { START: ['new'], CANCEL: ['STARTED'] },
  CHAINED_INVOKE: { START: ['new'], CANCEL: ['STARTED'] },
  EXECUTION: { SUCCEED: ['STARTED'], FAIL: ['STARTED'] },
}

const invalid = (message: string) => new WireError('InvalidParameterValueException', message)

/** What one batch of updates does to an execution. */
export type Applied = {
  readonly operations: Map<string, Operation>
  readonly events: Event[]
  readonly asides: Record<string, Aside>
  readonly metered: number
  readonly bytes: number
  /** The update of the execution itself, if there is one: it ends it. */
  readonly closing?: OperationUpdate
}

/**
 * Works out what `updates` do, without doing it: all of them or none.
 * @throws WireError InvalidParameterValueException
 */
export function applyUpdates(
  execution: Execution,
  updates: readonly OperationUpdate[],
  now: number,
): Applied {
  const last = updates.at(-1)
  const closings = updates.filter(update => update.Type === 'EXECUTION')
  if (closings.length > 1) throw invalid('Cannot checkpoint multiple EXECUTION updates.')
  if (closings.length === 1 && last?.Type !== 'EXECUTION')
    throw invalid('EXECUTION checkpoint must be the last update.')
  const operations = new Map<string, Operation>()
  const events: Event[] = []
  const asides: Record<string, Aside> = {}
  const seen = new Map<string, OperationUpdate>()
  let metered = 0
  let bytes = 0
  for (const given of updates) {
    // The execution has one operation of its own, whatever id the SDK made up for a large result.
    const update = given.Type === 'EXECUTION' ? { ...given, Id: execution.head.id } : given
    const id = String(update.Id ?? '')
    if (!id) throw invalid('Operation update must have an Id.')
    checkTwice(seen.get(id), update)
    const before = operations.get(id) ?? execution.operations.get(id)
    checkUpdate(update, before, parentOf(update, operations, execution))
    const after = applyUpdate(update, before, now, execution)
    operations.set(id, after)
    seen.set(id, update)
    events.push(eventOf(update, after, execution.events.length + events.length + 1, now))
    const aside = asideOf(update, now)
    if (aside) asides[id] = aside
    metered += before === undefined || update.Action === 'RETRY' ? 1 : 0
    bytes += Buffer.byteLength(update.Payload ?? '')
  }
  if (execution.metered + metered > LIMITS.operations)
    throw invalid(`The durable execution exceeds the limit of ${LIMITS.operations} operations.`)
  if (execution.bytes + bytes > LIMITS.totalBytes)
    throw invalid(`The durable execution exceeds the limit of ${LIMITS.totalBytes} bytes of payload.`)
  return { operations, events, asides, metered, bytes, closing: closings[0] }
}

function checkTwice(before: OperationUpdate | undefined, update: OperationUpdate): void {
  if (!before) return
  const opens = before.Action === 'START' && update.Action !== 'START'
  if ((update.Type !== 'STEP' && update.Type !== 'CONTEXT') || !opens)
    throw invalid('Cannot update the same operation twice in a single request.')
}

function parentOf(update: OperationUpdate, operations: Map<string, Operation>, execution: Execution) {
  if (!update.ParentId) return 'none'
  return (operations.get(update.ParentId) ?? execution.operations.get(update.ParentId))?.Type
}

function checkUpdate(
  update: OperationUpdate,
  before: Operation | undefined,
  parent: string | undefined,
): void {
  const type = update.Type
  if (!type || !(type in ALLOWED)) throw invalid('Invalid operation type.')
  if (parent !== 'none' && parent !== 'CONTEXT') throw invalid('Invalid parent operation id.')
  const states = ALLOWED[type][update.Action as Action]
  if (!states) throw invalid('Invalid action for the given operation type.')
  if (!states.includes(before?.Status ?? 'new'))
    throw invalid(
      before
        ? `Invalid current ${type} state to ${String(update.Action).toLowerCase()}: ${before.Status}.`
        : `Cannot ${String(update.Action).toLowerCase()} a ${type} that does not exist.`,
    )
  checkPayload(update)
}

function checkPayload(update: OperationUpdate): void {
  if (update.Action === 'FAIL' && update.Payload != null)
    throw invalid('Cannot provide a Payload for FAIL action.')
  if (update.Action === 'SUCCEED' && update.Error != null)
    throw invalid('Cannot provide an Error for SUCCEED action.')
  if (update.Action === 'RETRY' && update.StepOptions == null)
    throw invalid('Invalid StepOptions for the given action.')
  if (update.Action === 'RETRY' && update.Error != null && update.Payload != null)
    throw invalid('Cannot provide both error and payload to RETRY a STEP.')
  if (update.Error != null && Buffer.byteLength(JSON.stringify(update.Error)) > LIMITS.errorBytes)
    throw invalid(`Error object size must be less than ${LIMITS.errorBytes} bytes.`)
  // A large result of the whole execution is what this very path is for.
  if (update.Type !== 'EXECUTION' && Buffer.byteLength(update.Payload ?? '') > LIMITS.payloadBytes)
    throw invalid(`Payload size must be less than or equal to ${LIMITS.payloadBytes} bytes.`)
}

const CLOSED = { SUCCEED: 'SUCCEEDED', FAIL: 'FAILED', CANCEL: 'CANCELLED' } as const

function applyUpdate(
  update: OperationUpdate,
  before: Operation | undefined,
  now: number,
  execution: Execution,
): Operation {
  const operation: Operation = before
    ? { ...before }
    : {
        Id: update.Id,
        ParentId: update.ParentId,
        Name: update.Name,
        Type: update.Type,
        SubType: update.SubType,
        StartTimestamp: new Date(now),
        Status: 'STARTED',
      }
  const action = update.Action as Action
  if (action === 'START') operation.Status = 'STARTED'
  if (action in CLOSED) {
    operation.Status = CLOSED[action as keyof typeof CLOSED]
    operation.EndTimestamp = new Date(now)
  }
  if (update.Type === 'STEP') applyStep(operation, update, now)
  if (update.Type === 'CONTEXT')
    operation.ContextDetails = {
      ...operation.ContextDetails,
      ReplayChildren: update.ContextOptions?.ReplayChildren ?? operation.ContextDetails?.ReplayChildren,
      ...(action === 'START' ? {} : { Result: update.Payload, Error: update.Error }),
    }
  if (update.Type === 'WAIT' && action === 'START')
    operation.WaitDetails = {
      ScheduledEndTimestamp: new Date(now + (update.WaitOptions?.WaitSeconds ?? 0) * 1_000),
    }
  if (update.Type === 'CALLBACK' && action === 'START')
    operation.CallbackDetails = { CallbackId: callbackId(execution.head.id, String(update.Id)) }
  return operation
}

function applyStep(operation: Operation, update: OperationUpdate, now: number): void {
  const attempts = operation.StepDetails?.Attempt ?? 0
  if (update.Action === 'START') {
    // The state of a condition stays readable: the function may die before it says the next one.
    if (operation.StepDetails)
      operation.StepDetails = { ...operation.StepDetails, NextAttemptTimestamp: undefined }
    return
  }
  operation.StepDetails = { Attempt: attempts + 1, Result: update.Payload, Error: update.Error }
  if (update.Action === 'RETRY') {
    operation.Status = 'PENDING'
    operation.StepDetails.NextAttemptTimestamp = new Date(
      now + (update.StepOptions?.NextAttemptDelaySeconds ?? 0) * 1_000,
    )
  }
}

/** The id that a callback is answered by: it names the execution and the operation. */
export function callbackId(executionId: string, operationId: string): string {
  return Buffer.from(`${executionId} ${operationId}`).toString('base64')
}

function asideOf(update: OperationUpdate, now: number): Aside | undefined {
  if (update.Action !== 'START') return undefined
  if (update.Type === 'CALLBACK') {
    const timeout = update.CallbackOptions?.TimeoutSeconds
    const heartbeat = update.CallbackOptions?.HeartbeatTimeoutSeconds
    return {
      callback: {
        ...(timeout ? { timeoutAt: now + timeout * 1_000 } : {}),
        ...(heartbeat ? { heartbeatSeconds: heartbeat, heartbeatAt: now + heartbeat * 1_000 } : {}),
      },
    }
  }
  if (update.Type === 'CHAINED_INVOKE')
    return {
      invoke: {
        functionName: String(update.ChainedInvokeOptions?.FunctionName ?? ''),
        payload: update.Payload ?? 'null',
      },
    }
  return undefined
}

function eventOf(update: OperationUpdate, operation: Operation, eventId: number, now: number): Event {
  return {
    EventId: eventId,
    Id: operation.Id,
    Name: operation.Name,
    ParentId: operation.ParentId,
    SubType: operation.SubType,
    EventTimestamp: new Date(now),
    ...detailsOf(update, operation),
  }
}

function detailsOf(update: OperationUpdate, operation: Operation): Event {
  const result = { Result: { Payload: update.Payload } }
  const error = { Error: { Payload: update.Error } }
  const retry = {
    RetryDetails: {
      CurrentAttempt: operation.StepDetails?.Attempt,
      NextAttemptDelaySeconds: update.StepOptions?.NextAttemptDelaySeconds,
    },
  }
  switch (`${update.Type} ${update.Action}`) {
    case 'STEP START':
      return { EventType: 'StepStarted', StepStartedDetails: {} }
    case 'STEP SUCCEED':
      return { EventType: 'StepSucceeded', StepSucceededDetails: { ...result, ...retry } }
    case 'STEP FAIL':
      return { EventType: 'StepFailed', StepFailedDetails: { ...error, ...retry } }
    case 'STEP RETRY':
      return update.Error
        ? { EventType: 'StepFailed', StepFailedDetails: { ...error, ...retry } }
        : { EventType: 'StepSucceeded', StepSucceededDetails: { ...result, ...retry } }
    case 'CONTEXT START':
      return { EventType: 'ContextStarted', ContextStartedDetails: {} }
    case 'CONTEXT SUCCEED':
      return { EventType: 'ContextSucceeded', ContextSucceededDetails: result }
    case 'CONTEXT FAIL':
      return { EventType: 'ContextFailed', ContextFailedDetails: error }
    case 'WAIT START':
      return {
        EventType: 'WaitStarted',
        WaitStartedDetails: {
          Duration: update.WaitOptions?.WaitSeconds,
          ScheduledEndTimestamp: operation.WaitDetails?.ScheduledEndTimestamp,
        },
      }
    case 'WAIT CANCEL':
      return { EventType: 'WaitCancelled', WaitCancelledDetails: error }
    case 'CALLBACK START':
      return {
        EventType: 'CallbackStarted',
        CallbackStartedDetails: {
          CallbackId: operation.CallbackDetails?.CallbackId,
          Timeout: update.CallbackOptions?.TimeoutSeconds,
          HeartbeatTimeout: update.CallbackOptions?.HeartbeatTimeoutSeconds,
        },
      }
    case 'CHAINED_INVOKE START':
      return {
        EventType: 'ChainedInvokeStarted',
        ChainedInvokeStartedDetails: {
          FunctionName: update.ChainedInvokeOptions?.FunctionName,
          Input: { Payload: update.Payload },
        },
      }
    case 'CALLBACK CANCEL':
      return { EventType: 'CallbackFailed', CallbackFailedDetails: error }
    case 'CHAINED_INVOKE CANCEL':
      return { EventType: 'ChainedInvokeStopped', ChainedInvokeStoppedDetails: error }
    case 'EXECUTION SUCCEED':
      return { EventType: 'ExecutionSucceeded', ExecutionSucceededDetails: result }
    default:
      return { EventType: 'ExecutionFailed', ExecutionFailedDetails: error }
  }
}
