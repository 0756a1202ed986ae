import { join } from 'node:path'
import type { Question } from '../wire/call.ts'
import { WireError } from '../wire/call.ts'
import { checkDurableTarget } from './durable/chaining.ts'
import { Engine } from './durable/engine.ts'
import type { Ending, Execution } from './durable/execution.ts'
import { Journal } from './durable/journal.ts'
import { Events } from './events.ts'
import { Functions, functionArn, type Resolved } from './functions.ts'
import type { RuntimeError } from './protocol.ts'
import { Runner, type RunnerDeps } from './runner.ts'

/** What Lambda needs of the rest of the twin. */
export type LambdaDeps = RunnerDeps & {
  readonly account: string
  /** Throws a WireError when the role's policies do not allow what is asked, in the function's region. */
  readonly judge: (roleArn: string, region: string, question: Question) => void
  /** Sends an outcome to the topic or function behind an ARN, as the role. */
  readonly deliver: (target: string, body: string, roleArn: string) => Promise<void>
  readonly retryDelays?: readonly number[]
  /** A line for the twin's own log. */
  readonly report: (text: string) => void
}

/** How a synchronous call ended. */
export type Invoked = {
  readonly payload: string
  readonly error?: RuntimeError
  readonly tail: string
  readonly executedVersion: string
  readonly executionArn?: string
}

const SYNC_LIMIT_SECONDS = 900
const NAME = /^[A-Za-z0-9-_]{1,64}$/

/** Lambda: functions, their processes, the events that wait for them and the executions that outlive them. */
export class Lambda {
  readonly functions: Functions
  readonly runner: Runner
  readonly events: Events
  readonly engine: Engine
  readonly #deps: LambdaDeps

  constructor(deps: LambdaDeps) {
    this.#deps = deps
    this.functions = new Functions(deps.directory)
    this.runner = new Runner(deps)
    this.events = new Events({
      directory: deps.directory,
      functions: this.functions,
      runner: this.runner,
      deliver: deps.deliver,
      report: deps.report,
      ...(deps.retryDelays ? { retryDelays: deps.retryDelays } : {}),
    })
    this.engine = new Engine({
      journal: new Journal(join(deps.directory, 'executions')),
      functions: this.functions,
      runner: this.runner,
      mayInvoke: (role, target) => deps.judge(role, target.record.region, invokeQuestion(target)),
      onEnd: execution => this.#afterEnd(execution),
      report: deps.report,
    })
  }

  /** Takes up events and executions that an earlier life of the twin left. */
  resume(): void {
    this.events.resume()
    this.engine.resume()
  }

  async stop(): Promise<void> {
    this.engine.stop()
    const stopped = this.events.stop()
    await this.runner.stop()
    await stopped
  }

  /** Calls a function and waits for its answer. @throws WireError as Lambda refuses */
  async invoke(target: Resolved, payload: string, options: InvokeOptions = {}): Promise<Invoked> {
    const input = checkPayload(payload)
    checkDurableTarget(target)
    const { durability } = target.version
    if (!durability) {
      const finished = await this.runner.run({
        ...target,
        payload: input,
        clientContext: options.clientContext,
      })
      return { ...finished, executedVersion: target.version.version }
    }
    if (durability.executionTimeout > SYNC_LIMIT_SECONDS)
      throw new WireError(
        'InvalidParameterValueException',
        'You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.',
      )
    const { head } = this.#begin(target, input, options.name)
    const ending = await this.engine.ended(head.arn)
    const error = errorOf(ending)
    return {
      payload: error ? JSON.stringify(error) : (ending.result ?? 'null'),
      ...(error ? { error } : {}),
      tail: '',
      executedVersion: head.version,
      executionArn: head.arn,
    }
  }

  /** Calls a function and does not wait. @returns the ARN of the execution that it began, for a durable one */
  invokeLater(target: Resolved, payload: string, options: InvokeOptions = {}): string | undefined {
    const input = checkPayload(payload)
    checkDurableTarget(target)
    if (target.version.durability) return this.#begin(target, input, options.name).head.arn
    const { region, account } = target.record
    this.events.add(region, account, target.invokedArn, input)
    return undefined
  }

  #begin(target: Resolved, input: string, name: string | undefined): Execution {
    if (name !== undefined && !NAME.test(name))
      throw new WireError(
        'InvalidParameterValueException',
        `The durable execution name ${name} is not 1 to 64 of [A-Za-z0-9-_].`,
      )
    return this.engine.start(target, input, name)
  }

  // An execution that nobody waits for and that failed goes where the function's failed events go.
  #afterEnd(execution: Execution): void {
    const { head, ending } = execution
    if (!ending || ending.status === 'SUCCEEDED' || head.parent) return
    const target = this.functions.find(head.region, head.functionName)
    const version = target?.versions[head.version] ?? target?.latest
    if (version?.deadLetterArn)
      this.#deps
        .deliver(version.deadLetterArn, head.input, version.role)
        .catch(error => this.#deps.report(`dead letter of ${head.arn}: ${error}`))
  }
}

/** What a call may add. */
export type InvokeOptions = { readonly name?: string; readonly clientContext?: unknown }

/** What IAM is asked before `target` is invoked. */
export function invokeQuestion(target: Resolved): Question {
  const { region, account, name } = target.record
  const arn = functionArn(region, account, name)
  return {
    action: 'lambda:InvokeFunction',
    resource: target.qualifier ? `${arn}:${target.qualifier}` : arn,
  }
}

function checkPayload(payload: string): string {
  const text = payload === '' ? '{}' : payload
  try {
    JSON.parse(text)
  } catch (cause) {
    throw new WireError(
      'InvalidRequestContentException',
      `Could not parse request body into json: ${(cause as Error).message}`,
    )
  }
  return text
}

function errorOf(ending: Ending): RuntimeError | undefined {
  if (ending.status === 'SUCCEEDED') return undefined
  return {
    errorType: ending.error?.ErrorType ?? ending.status,
    errorMessage: ending.error?.ErrorMessage ?? `The durable execution ended with ${ending.status}.`,
    ...(ending.error?.StackTrace ? { trace: ending.error.StackTrace } : {}),
  }
}
