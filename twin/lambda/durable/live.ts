import type { Operation } from '@aws-sdk/client-lambda'
import { WireError } from '../../wire/call.ts'
import type { Resolved } from '../functions.ts'
import type { Ending, Execution } from './execution.ts'

/** What a checkpoint answers. */
export type Answer = { readonly CheckpointToken: string; readonly Operations: readonly Operation[] }

/** An execution and what this life of the twin knows of it. */
export type Live = {
  readonly execution: Execution
  driving: boolean
  timer: NodeJS.Timeout | undefined
  /** The only token that a checkpoint may carry; a new invocation makes every older one worthless. */
  token: string
  answered: { readonly clientToken: string; readonly token: string; readonly answer: Answer } | undefined
  readonly waiters: ((ending: Ending) => void)[]
}

/** The executions that the engine holds, and the ways to find one. */
export class LiveExecutions {
  readonly #byArn = new Map<string, Live>()

  adopt(execution: Execution): Live {
    const live: Live = {
      execution,
      driving: false,
      timer: undefined,
      token: '',
      answered: undefined,
      waiters: [],
    }
    this.#byArn.set(execution.head.arn, live)
    return live
  }

  all(): Live[] {
    return [...this.#byArn.values()]
  }

  get(arn: string): Live | undefined {
    return this.#byArn.get(arn)
  }

  /** @throws WireError ResourceNotFoundException */
  find(arn: string): Live {
    const live = this.#byArn.get(arn)
    if (!live)
      throw new WireError('ResourceNotFoundException', `Durable execution not found: ${arn}`, 404, {
        Type: 'User',
      })
    return live
  }

  /** The execution of that name of the function. */
  named(target: Resolved, name: string): Execution | undefined {
    const { region, name: functionName } = target.record
    return this.all().find(
      ({ execution: { head } }) =>
        head.region === region && head.functionName === functionName && head.name === name,
    )?.execution
  }

  /** The executions that this one invoked, or the one that this operation of it invoked. */
  childrenOf(arn: string, operationId?: string): Execution[] {
    return this.all()
      .map(({ execution }) => execution)
      .filter(
        ({ head: { parent } }) =>
          parent?.arn === arn && (operationId === undefined || parent.operationId === operationId),
      )
  }

  /** A callback that waits. @throws WireError ResourceNotFoundException, CallbackTimeoutException */
  callback(id: string): { live: Live; operation: Operation } {
    const [executionId, operationId = ''] = Buffer.from(id, 'base64').toString().split(' ')
    const live = this.all().find(({ execution }) => execution.head.id === executionId)
    const operation = live?.execution.operations.get(operationId)
    if (!live || operation?.Type !== 'CALLBACK')
      throw new WireError('ResourceNotFoundException', 'Callback not found.', 404, { Type: 'User' })
    if (operation.Status !== 'STARTED' || live.execution.ending)
      throw new WireError('CallbackTimeoutException', 'The callback is not waiting any more.')
    return { live, operation }
  }
}

/** @throws WireError InvalidParameterValueException for any token but the newest */
export function checkToken(live: Live, token: string): void {
  if (live.execution.ending || token === '' || token !== live.token)
    throw new WireError('InvalidParameterValueException', 'Invalid Checkpoint Token')
}
