import { randomUUID } from 'node:crypto'
import type { ErrorObject, Operation, OperationUpdate } from '@aws-sdk/client-lambda'
import { WireError } from '../../wire/call.ts'
import { type Functions, functionArn, type Resolved } from '../functions.ts'
import type { Runner } from '../runner.ts'
import { digest, endingOf, newToken, outcomeOf, page, STATE_PAGE } from './answers.ts'
import { type Chaining, chain, closeChained } from './chaining.ts'
import { type Driving, invokeUntilPending } from './driving.ts'
import { closeExecution, closeOperation, dueChange, nextDue } from './due.ts'
import { type Ending, type Execution, type Head, replayState } from './execution.ts'
import type { Journal } from './journal.ts'
import { type Answer, checkToken, type Live, LiveExecutions } from './live.ts'
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

const MAX_TIMER_MS = 2_000_000_000

/** Durable executions: invokes their function again and again until it says that it is done. */
export class Engine {
  readonly #deps: EngineDeps
  readonly #executions = new LiveExecutions()
  readonly #parts: Driving & Chaining
  #stopped = false

  constructor(deps: EngineDeps) {
    this.#deps = deps
    this.#parts = {
      deps,
      executions: this.#executions,
      isStopped: () => this.#stopped,
      end: (live, ending) => this.#end(live, ending),
      start: (target, input, name, parent) => this.start(target, input, name, parent),
      wake: live => this.#wake(live),
    }
  }

  /** Takes up what an earlier life of the twin left open. */
  resume(now = Date.now()): void {
    for (const execution of this.#deps.journal.load(now)) this.#executions.adopt(execution)
    for (const live of this.#executions.all()) {
      if (live.execution.ending) continue
      for (const operation of live.execution.operations.values())
        if (operation.Type === 'CHAINED_INVOKE' && operation.Status === 'STARTED')
          chain(this.#parts, live, operation)
      this.#wake(live)
    }
  }

  /** Stops driving. What runs is cut off and taken up by `resume`. */
  stop(): void {
    this.#stopped = true
    for (const live of this.#executions.all()) clearTimeout(live.timer)
  }

  /**
   * Begins an execution, or finds the one of that name.
   * @throws WireError DurableExecutionAlreadyStartedException when the name was used with another input
   */
  start(target: Resolved, input: string, name?: string, parent?: Head['parent']): Execution {
    const durability = target.version.durability
    if (!durability) throw new Error(`${target.invokedArn} is not durable`)
    const { region, account } = target.record
    const existing = name === undefined ? undefined : this.#executions.named(target, name)
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
    this.#wake(this.#executions.adopt(execution))
    return execution
  }

  all(): Execution[] {
    return this.#executions.all().map(live => live.execution)
  }

  /** @throws WireError ResourceNotFoundException */
  get(arn: string): Execution {
    return this.#executions.find(arn).execution
  }

  /** Resolves when the execution has ended. */
  ended(arn: string): Promise<Ending> {
    const live = this.#executions.find(arn)
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
    const live = this.#executions.find(arn)
    const { execution, answered } = live
    // The same request once more, because its answer was lost on the way.
    if (clientToken && answered?.clientToken === clientToken && answered.token === token)
      return answered.answer
    checkToken(live, token)
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
          chain(this.#parts, live, operation)
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
    const live = this.#executions.find(arn)
    checkToken(live, token)
    return page(replayState(live.execution), Number(marker ?? 0), maxItems)
  }

  /** Ends an execution from outside; its function is not asked. Executions that it invoked end too. */
  stopExecution(arn: string, error: ErrorObject | undefined): Date {
    const live = this.#executions.find(arn)
    if (live.execution.ending) return live.execution.ending.at
    const at = new Date()
    this.#end(live, { status: 'STOPPED', at, ...(error ? { error } : {}) })
    for (const child of this.#executions.childrenOf(arn)) this.stopExecution(child.head.arn, error)
    return at
  }

  /** Answers a callback. @throws WireError CallbackTimeoutException, InvalidParameterValueException */
  answerCallback(id: string, outcome: { readonly result?: string } | { readonly error: ErrorObject }): void {
    const { live, operation } = this.#executions.callback(id)
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
    const { live, operation } = this.#executions.callback(id)
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
      await invokeUntilPending(this.#parts, live)
    } finally {
      // In the same turn as the last look at what is unheard: whoever wakes it next finds it asleep.
      live.driving = false
    }
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
    const waiting = parent && this.#executions.get(parent.arn)
    if (parent && waiting) closeChained(this.#parts, waiting, parent.operationId, outcomeOf(ending))
  }
}
