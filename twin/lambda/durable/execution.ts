import type { ErrorObject, Event, ExecutionStatus, Operation } from '@aws-sdk/client-lambda'

/** What an execution was started with; it never changes. */
export type Head = {
  /** `arn:aws:lambda:…:function:<name>:<version>/durable-execution/<execution name>/<id>` */
  readonly arn: string
  readonly name: string
  readonly id: string
  readonly region: string
  readonly account: string
  readonly functionName: string
  /** The version that began it, and that every replay uses. */
  readonly version: string
  /** As it was asked, alias and all; what the handler sees as `invokedFunctionArn`. */
  readonly invokedArn: string
  /** JSON text */
  readonly input: string
  /** Seconds */
  readonly timeout: number
  readonly retentionDays: number
  readonly startedAt: Date
  /** The operation of another execution that waits for this one. */
  readonly parent?: { readonly arn: string; readonly operationId: string }
}

/** What the twin must know of an operation that the operation itself does not say. Times are milliseconds. */
export type Aside = {
  readonly callback?: {
    readonly timeoutAt?: number
    readonly heartbeatSeconds?: number
    readonly heartbeatAt?: number
  }
  readonly invoke?: { readonly functionName: string; readonly payload: string }
}

/** How an execution ended. */
export type Ending = {
  readonly status: Exclude<ExecutionStatus, 'RUNNING'>
  readonly at: Date
  readonly result?: string
  readonly error?: ErrorObject
}

/** One line of the journal: what is new since the line before. */
export type Change = {
  readonly operations?: readonly Operation[]
  readonly events?: readonly Event[]
  readonly asides?: Readonly<Record<string, Aside>>
  /** Operations that changed while the function was not told. */
  readonly unheard?: readonly string[]
  readonly ending?: Ending
  /** Operations as they are metered: each once, and once more for each retry. */
  readonly metered?: number
  /** Bytes of payload that were written. */
  readonly bytes?: number
}

/** An execution as its journal tells it. */
export type Execution = {
  readonly head: Head
  readonly operations: Map<string, Operation>
  readonly events: Event[]
  readonly asides: Map<string, Aside>
  readonly unheard: Set<string>
  ending: Ending | undefined
  metered: number
  bytes: number
}

/** The execution before anything happened: its one operation is itself. */
export function newExecution(head: Head): Execution {
  return {
    head,
    operations: new Map([
      [
        head.id,
        {
          Id: head.id,
          Name: head.name,
          Type: 'EXECUTION',
          Status: 'STARTED',
          StartTimestamp: head.startedAt,
          ExecutionDetails: { InputPayload: head.input },
        },
      ],
    ]),
    events: [
      {
        EventType: 'ExecutionStarted',
        EventId: 1,
        Id: head.id,
        Name: head.name,
        EventTimestamp: head.startedAt,
        ExecutionStartedDetails: { Input: { Payload: head.input }, ExecutionTimeout: head.timeout },
      },
    ],
    asides: new Map(),
    unheard: new Set(),
    ending: undefined,
    metered: 0,
    bytes: 0,
  }
}

/** Applies one line of the journal. */
export function apply(execution: Execution, change: Change): void {
  for (const operation of change.operations ?? []) execution.operations.set(String(operation.Id), operation)
  for (const event of change.events ?? []) execution.events.push(event)
  for (const [id, aside] of Object.entries(change.asides ?? {})) execution.asides.set(id, aside)
  for (const id of change.unheard ?? []) execution.unheard.add(id)
  execution.ending ??= change.ending
  execution.metered += change.metered ?? 0
  execution.bytes += change.bytes ?? 0
}

/** Whether something still has to happen before the function can go on. */
export function hasPending(execution: Execution): boolean {
  return [...execution.operations.values()].some(
    operation =>
      operation.Status === 'PENDING' ||
      (operation.Status === 'STARTED' &&
        (operation.Type === 'WAIT' || operation.Type === 'CALLBACK' || operation.Type === 'CHAINED_INVOKE')),
  )
}

/** The operations that a replay needs: not those inside a context whose result is kept. */
export function replayState(execution: Execution): Operation[] {
  const left = new Set<string>()
  return [...execution.operations.values()].filter(operation => {
    const parent = operation.ParentId ? execution.operations.get(operation.ParentId) : undefined
    if (parent?.Type !== 'CONTEXT') return true
    const closed = parent.Status === 'SUCCEEDED' || parent.Status === 'FAILED'
    const hidden = left.has(String(parent.Id)) || (closed && !parent.ContextDetails?.ReplayChildren)
    if (hidden) left.add(String(operation.Id))
    return !hidden
  })
}
