import { randomUUID } from 'node:crypto'
import type { ErrorObject, Event, Operation, OperationUpdate } from '@aws-sdk/client-lambda'
import { WireError } from '../../wire/call.ts'
import { type Functions, functionArn, type Resolved } from '../functions.ts'
import type { Finished, Runner } from '../runner.ts'
import {
  asFailure,
  digest,
  endingOf,
  errorObject,
  newToken,
  outcomeOf,
  page,
  pause,
  STATE_PAGE,
} from './answers.ts'
import { closeExecution, closeOperation, dueChange, nextDue } from './due.ts'
import { type Change, type Ending, type Execution, type Head, hasPending, replayState } from './execution.ts'
import type { Journal } from './journal.ts'
import { applyUpdates } from './updates.ts'

/** What the engine needs of the rest of the functions. */
export type EngineDeps = {
  readonly journal: Journal
  readonly functions: Functions
  readonly runner: Pick<Runner, 'run'>
  /** Throws when the role may not invoke the function. */
  readonly mayInvoke: (roleArn: string, target: Resolved) => void
  /** Told of each execution that ended. */
  readonly onEnd?: (execution: Execution) => void
  readonly report: (text: string) => void
}

type Live = {
  readonly execution: Execution
  driving: boolean
  timer: NodeJS.Timeout | undefined
  /** The only token that a checkpoint may carry; a new invocation makes every older one worthless. */
  token: string
  answered: { readonly clientToken: string; readonly token: string; readonly answer: Answer } | undefined
  readonly waiters: ((ending: Ending) => void)[]
}

/** What a checkpoint answers. */
export type Answer = { readonly CheckpointToken: string; readonly Operations: readonly Operation[] }

const MAX_TIMER_MS = 2_000_000_000
const FIRST_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 60_000

/** Durable executions: invokes their function again and again until it says that it is done. */
export class Engine {
  readonly #deps: EngineDeps
  readonly #live = new Map<string, Live>()
  #stopped = false

  constructor(deps: EngineDeps) {
    this.#deps = deps
  }

  /** Takes up what an earlier life of the twin left open. */
  resume(now = Date.now()): void {
    for (const execution of this.#deps.journal.load(now)) this.#adopt(execution)
    for (const live of this.#live.values()) {
      if (live.execution.ending) continue
      for (const operation of live.execution.operations.values())
        if (operation.Type === 'CHAINED_INVOKE' && operation.Status === 'STARTED')
          this.#chain(live, operation)
      this.#wake(live)
    }
  }

  /** Stops driving. What runs is cut off and taken up by `resume`. */
  stop(): void {
    this.#stopped = true
    for (const live of this.#live.values()) clearTimeout(live.timer)
  }

  /**
   * Begins an execution, or finds the one of that name.
   * @throws WireError DurableExecutionAlreadyStartedException when the name was used with another input
   */
  start(target: Resolved, input: string, name?: string, parent?: Head['parent']): Execution {
    const durability = target.version.durability
    if (!durability) throw new Error(`${target.invokedArn} is not durable`)
    const { region, account } = target.record
    const existing = name === undefined ? undefined : this.#named(target, name)
    if (existing) {
      if (digest(existing.head.input) === digest(input)) return existing
      throw new WireError(
        'DurableExecutionAlreadyStartedException',
        `A durable execution with the name ${name} was already started with a different payload.`,
        409,
        { Type: 'User' },
      )
    }
    const id = randomUUID()
    const executionName = name ?? randomUUID()
    const arn = `${functionArn(region, account, target.record.name)}:${target.version.version}/durable-execution/${executionName}/${id}`
    const execution = this.#deps.journal.begin({
      arn,
      id,
      name: executionName,
      region,
      account,
      functionName: target.record.name,
      version: target.version.version,
      invokedArn: target.invokedArn,
      input,
      timeout: durability.executionTimeout,
      retentionDays: durability.retentionDays,
      startedAt: new Date(),
      ...(parent ? { parent } : {}),
    })
    this.#wake(this.#adopt(execution))
    return execution
  }

  all(): Execution[] {
    return [...this.#live.values()].map(live => live.execution)
  }

  /** @throws WireError ResourceNotFoundException */
  get(arn: string): Execution {
    return this.#find(arn).execution
  }

  /** Resolves when the execution has ended. */
  ended(arn: string): Promise<Ending> {
    const live = this.#find(arn)
    if (live.execution.ending) return Promise.resolve(live.execution.ending)
    return new Promise(resolve => live.waiters.push(resolve))
  }

  /** @throws WireError InvalidParameterValueException */
  checkpoint(
    arn: string,
    token: string,
    updates: readonly OperationUpdate[],
    clientToken: string | undefined,
  ): Answer {
    const live = this.#find(arn)
    const { execution, answered } = live
    // The same request once more, because its answer was lost on the way.
    if (clientToken && answered?.clientToken === clientToken && answered.token === token)
      return answered.answer
    this.#checkToken(live, token)
    const now = Date.now()
    const applied = applyUpdates(execution, updates, now)
    const operations = [...applied.operations.values()]
    const heard = new Set([...operations.map(operation => String(operation.Id)), ...execution.unheard])
    if (operations.length > 0)
      this.#deps.journal.record(execution, {
        operations,
        events: applied.events,
        asides: applied.asides,
        metered: applied.metered,
        bytes: applied.bytes,
        ...(applied.closing ? { ending: endingOf(applied.closing, now) } : {}),
      })
    execution.unheard.clear()
    live.token = newToken(execution)
    const answer: Answer = {
      CheckpointToken: live.token,
      Operations: [...heard].map(id => execution.operations.get(id)).filter(found => found !== undefined),
    }
    live.answered = clientToken ? { clientToken, token, answer } : undefined
    if (execution.ending) this.#finish(live, execution.ending)
    else {
      for (const operation of operations)
        if (operation.Type === 'CHAINED_INVOKE' && operation.Status === 'STARTED')
          this.#chain(live, operation)
      this.#arm(live)
    }
    return answer
  }

  /** A page of the operations that a replay needs. */
  state(
    arn: string,
    token: string,
    marker: string | undefined,
    maxItems = STATE_PAGE.items,
  ): { operations: readonly Operation[]; next: string | undefined } {
    const live = this.#find(arn)
    this.#checkToken(live, token)
    return page(replayState(live.execution), Number(marker ?? 0), maxItems)
  }

  /** Ends an execution from outside; its function is not asked. Executions that it invoked end too. */
  stopExecution(arn: string, error: ErrorObject | undefined): Date {
    const live = this.#find(arn)
    if (live.execution.ending) return live.execution.ending.at
    const at = new Date()
    this.#end(live, { status: 'STOPPED', at, ...(error ? { error } : {}) })
    for (const child of this.all())
      if (child.head.parent?.arn === arn) this.stopExecution(child.head.arn, error)
    return at
  }

  /** Answers a callback. @throws WireError CallbackTimeoutException, InvalidParameterValueException */
  answerCallback(id: string, outcome: { readonly result?: string } | { readonly error: ErrorObject }): void {
    const { live, operation } = this.#callback(id)
    this.#deps.journal.record(
      live.execution,
      closeOperation(
        live.execution,
        operation,
        'error' in outcome ? 'FAILED' : 'SUCCEEDED',
        outcome,
        Date.now(),
      ),
    )
    this.#wake(live)
  }

  /** Says that whoever will answer a callback is still at it. */
  heartbeat(id: string): void {
    const { live, operation } = this.#callback(id)
    const aside = live.execution.asides.get(String(operation.Id))?.callback
    if (!aside?.heartbeatSeconds)
      throw new WireError('InvalidParameterValueException', 'The callback has no heartbeat timeout.')
    this.#deps.journal.record(live.execution, {
      asides: {
        [String(operation.Id)]: {
          callback: { ...aside, heartbeatAt: Date.now() + aside.heartbeatSeconds * 1_000 },
        },
      },
    })
    this.#arm(live)
  }

  #adopt(execution: Execution): Live {
    const live: Live = {
      execution,
      driving: false,
      timer: undefined,
      token: '',
      answered: undefined,
      waiters: [],
    }
    this.#live.set(execution.head.arn, live)
    return live
  }

  #find(arn: string): Live {
    const live = this.#live.get(arn)
    if (!live)
      throw new WireError('ResourceNotFoundException', `Durable execution not found: ${arn}`, 404, {
        Type: 'User',
      })
    return live
  }

  #named(target: Resolved, name: string): Execution | undefined {
    const { region, name: functionName } = target.record
    return this.all().find(
      ({ head }) => head.region === region && head.functionName === functionName && head.name === name,
    )
  }

  #checkToken(live: Live, token: string): void {
    if (live.execution.ending || token === '' || token !== live.token)
      throw new WireError('InvalidParameterValueException', 'Invalid Checkpoint Token')
  }

  #callback(id: string): { live: Live; operation: Operation } {
    const [executionId, operationId = ''] = Buffer.from(id, 'base64').toString().split(' ')
    const live = [...this.#live.values()].find(({ execution }) => execution.head.id === executionId)
    const operation = live?.execution.operations.get(operationId)
    if (!live || operation?.Type !== 'CALLBACK')
      throw new WireError('ResourceNotFoundException', 'Callback not found.', 404, { Type: 'User' })
    if (operation.Status !== 'STARTED' || live.execution.ending)
      throw new WireError('CallbackTimeoutException', 'The callback is not waiting any more.')
    return { live, operation }
  }

  // Sets the clock for the next thing that is due, and drives the execution if it may go on.
  #arm(live: Live): void {
    clearTimeout(live.timer)
    const due = nextDue(live.execution)
    if (this.#stopped || due === undefined) return
    live.timer = setTimeout(() => this.#tick(live), Math.min(MAX_TIMER_MS, Math.max(0, due - Date.now())))
  }

  #tick(live: Live): void {
    const now = Date.now()
    const { execution } = live
    if (now >= execution.head.startedAt.getTime() + execution.head.timeout * 1_000) {
      this.#end(live, {
        status: 'TIMED_OUT',
        at: new Date(now),
        error: { ErrorType: 'ExecutionTimedOut', ErrorMessage: 'The durable execution timed out.' },
      })
      return
    }
    const change = dueChange(execution, now)
    if (change) this.#deps.journal.record(execution, change)
    this.#arm(live)
    if (change) this.#wake(live)
  }

  #wake(live: Live): void {
    this.#arm(live)
    if (live.driving || live.execution.ending || this.#stopped) return
    live.driving = true
    void this.#drive(live).catch(error => this.#deps.report(`execution ${live.execution.head.arn}: ${error}`))
  }

  async #drive(live: Live): Promise<void> {
    try {
      await this.#invokeUntilPending(live)
    } finally {
      // In the same turn as the last look at what is unheard: whoever wakes it next finds it asleep.
      live.driving = false
    }
  }

  async #invokeUntilPending(live: Live): Promise<void> {
    const { execution } = live
    let failures = 0
    while (!execution.ending && !this.#stopped) {
      const before = Date.now()
      const output = await this.#invoke(live).catch(asFailure)
      if (this.#stopped || execution.ending) return
      if (output.error) {
        failures += 1
        this.#invocationEvent(execution, before, output)
        this.#deps.report(`execution ${execution.head.arn}: ${output.error.errorMessage}; invoked again`)
        await pause(Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1)))
        continue
      }
      failures = 0
      this.#invocationEvent(execution, before, output)
      if (this.#settle(live, output.payload) === 'pending' && execution.unheard.size === 0) return
    }
  }

  async #invoke(live: Live): Promise<Finished> {
    const { execution } = live
    const { head } = execution
    const updated = [...execution.unheard]
    live.token = newToken(execution)
    live.answered = undefined
    const { operations, next } = page(replayState(execution), 0, STATE_PAGE.items)
    const target = this.#deps.functions.resolve(head.region, head.account, head.functionName, head.version)
    execution.unheard.clear()
    const finished = await this.#deps.runner.run({
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
  #settle(live: Live, payload: string): 'pending' | 'ended' {
    const { execution } = live
    const at = new Date()
    const output = JSON.parse(payload) as { Status?: string; Result?: string; Error?: ErrorObject } | null
    if (output?.Status === 'PENDING' && (hasPending(execution) || execution.unheard.size > 0))
      return 'pending'
    if (output?.Status === 'SUCCEEDED')
      this.#end(live, { status: 'SUCCEEDED', at, result: output.Result ?? 'null' })
    else if (output?.Status === 'FAILED') this.#end(live, { status: 'FAILED', at, error: output.Error ?? {} })
    else
      this.#end(live, {
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

  #invocationEvent(execution: Execution, before: number, finished: Finished): void {
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
    this.#deps.journal.record(execution, { events: [event] })
  }

  #end(live: Live, ending: Ending): void {
    if (live.execution.ending) return
    this.#deps.journal.record(live.execution, closeExecution(live.execution, ending))
    this.#finish(live, ending)
  }

  #finish(live: Live, ending: Ending): void {
    clearTimeout(live.timer)
    for (const waiter of live.waiters.splice(0)) waiter(ending)
    this.#deps.onEnd?.(live.execution)
    const { parent } = live.execution.head
    const waiting = parent && this.#live.get(parent.arn)
    if (parent && waiting) this.#closeChained(waiting, parent.operationId, outcomeOf(ending))
  }

  // Invokes the function that an operation names; its end closes the operation.
  #chain(live: Live, operation: Operation): void {
    const id = String(operation.Id)
    const aside = live.execution.asides.get(id)?.invoke
    if (!aside) throw new Error(`operation ${id} invokes nothing`)
    const { arn } = live.execution.head
    const child = this.all().find(({ head }) => head.parent?.arn === arn && head.parent.operationId === id)
    if (child) {
      if (child.ending) this.#closeChained(live, id, outcomeOf(child.ending))
      return
    }
    void this.#runChained(live, id, aside.functionName, aside.payload).catch(error => {
      if (this.#stopped) return
      const failure =
        error instanceof WireError
          ? { ErrorType: error.code, ErrorMessage: error.message }
          : { ErrorType: 'ServiceException', ErrorMessage: String(error) }
      this.#closeChained(live, id, { status: 'FAILED', error: failure })
    })
  }

  async #runChained(live: Live, id: string, functionName: string, payload: string): Promise<void> {
    const { head } = live.execution
    const caller = this.#deps.functions.resolve(head.region, head.account, head.functionName, head.version)
    const target = this.#deps.functions.resolve(head.region, head.account, functionName)
    this.#deps.mayInvoke(caller.version.role, target)
    checkDurableTarget(target)
    if (target.version.durability) {
      this.start(target, payload, undefined, { arn: head.arn, operationId: id })
      return
    }
    const finished = await this.#runThrottled(live, target, payload)
    if (this.#stopped || !finished) return
    this.#closeChained(
      live,
      id,
      finished.error
        ? { status: 'FAILED', error: errorObject(finished.error) }
        : { status: 'SUCCEEDED', result: finished.payload },
    )
  }

  async #runThrottled(live: Live, target: Resolved, payload: string): Promise<Finished | undefined> {
    for (;;) {
      if (this.#stopped || live.execution.ending) return undefined
      try {
        return await this.#deps.runner.run({ ...target, payload })
      } catch (error) {
        if (!(error instanceof WireError) || error.code !== 'TooManyRequestsException') throw error
        await pause(1_000)
      }
    }
  }

  #closeChained(
    live: Live,
    id: string,
    outcome: {
      status: 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'STOPPED'
      result?: string
      error?: ErrorObject
    },
  ): void {
    const operation = live.execution.operations.get(id)
    if (live.execution.ending || operation?.Status !== 'STARTED') return
    const change: Change = closeOperation(live.execution, operation, outcome.status, outcome, Date.now())
    this.#deps.journal.record(live.execution, change)
    this.#wake(live)
  }
}

/** @throws WireError InvalidParameterValueException for a durable function without a qualifier */
export function checkDurableTarget(target: Resolved): void {
  if (target.version.durability && target.qualifier === undefined)
    throw new WireError(
      'InvalidParameterValueException',
      'You cannot invoke a durable function using an unqualified ARN.',
    )
}
