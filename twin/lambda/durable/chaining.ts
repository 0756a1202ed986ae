import type { ErrorObject, Operation } from '@aws-sdk/client-lambda'
import { WireError } from '../../wire/call.ts'
import type { Resolved } from '../functions.ts'
import type { Finished } from '../runner.ts'
import { errorObject, outcomeOf, pause } from './answers.ts'
import { closeOperation } from './due.ts'
import type { EngineDeps } from './engine.ts'
import type { Change, Execution, Head } from './execution.ts'
import type { Live, LiveExecutions } from './live.ts'

/** What an execution that invokes functions needs of its engine. */
export type Chaining = {
  readonly deps: EngineDeps
  readonly executions: LiveExecutions
  readonly isStopped: () => boolean
  readonly start: (target: Resolved, input: string, name: undefined, parent: Head['parent']) => Execution
  readonly wake: (live: Live) => void
}

/** Invokes the function that an operation names; its end closes the operation. */
export function chain(engine: Chaining, live: Live, operation: Operation): void {
  const id = String(operation.Id)
  const aside = live.execution.asides.get(id)?.invoke
  if (!aside) throw new Error(`operation ${id} invokes nothing`)
  const { arn } = live.execution.head
  const child = engine.executions.childrenOf(arn, id)[0]
  if (child) {
    if (child.ending) closeChained(engine, live, id, outcomeOf(child.ending))
    return
  }
  void runChained(engine, live, id, aside.functionName, aside.payload).catch(error => {
    if (engine.isStopped()) return
    const failure =
      error instanceof WireError
        ? { ErrorType: error.code, ErrorMessage: error.message }
        : { ErrorType: 'ServiceException', ErrorMessage: String(error) }
    closeChained(engine, live, id, { status: 'FAILED', error: failure })
  })
}

async function runChained(
  engine: Chaining,
  live: Live,
  id: string,
  functionName: string,
  payload: string,
): Promise<void> {
  const { head } = live.execution
  const caller = engine.deps.functions.resolve(head.region, head.account, head.functionName, head.version)
  const target = engine.deps.functions.resolve(head.region, head.account, functionName)
  engine.deps.mayInvoke(caller.version.role, target)
  checkDurableTarget(target)
  if (target.version.durability) {
    engine.start(target, payload, undefined, { arn: head.arn, operationId: id })
    return
  }
  const finished = await runThrottled(engine, live, target, payload)
  if (engine.isStopped() || !finished) return
  closeChained(
    engine,
    live,
    id,
    finished.error
      ? { status: 'FAILED', error: errorObject(finished.error) }
      : { status: 'SUCCEEDED', result: finished.payload },
  )
}

async function runThrottled(
  engine: Chaining,
  live: Live,
  target: Resolved,
  payload: string,
): Promise<Finished | undefined> {
  for (;;) {
    if (engine.isStopped() || live.execution.ending) return undefined
    try {
      return await engine.deps.runner.run({ ...target, payload })
    } catch (error) {
      if (!(error instanceof WireError) || error.code !== 'TooManyRequestsException') throw error
      await pause(1_000)
    }
  }
}

/** Closes the operation that invoked a function, with what came of it. */
export function closeChained(
  engine: Chaining,
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
  engine.deps.journal.record(live.execution, change)
  engine.wake(live)
}

/** @throws WireError InvalidParameterValueException for a durable function without a qualifier */
export function checkDurableTarget(target: Resolved): void {
  if (target.version.durability && target.qualifier === undefined)
    throw new WireError(
      'InvalidParameterValueException',
      'You cannot invoke a durable function using an unqualified ARN.',
    )
}
