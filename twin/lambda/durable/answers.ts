import { createHash, randomUUID } from 'node:crypto'
import type { ErrorObject, Operation, OperationUpdate } from '@aws-sdk/client-lambda'
import { WireError } from '../../wire/call.ts'
import type { RuntimeError } from '../protocol.ts'
import type { Finished } from '../runner.ts'
import type { Ending, Execution } from './execution.ts'

/** How much of a replay's state goes with the event; the rest is asked for. */
export const STATE_PAGE = { items: 500, bytes: 4_000_000 }

/** A function's error as the durable API carries it. */
export function errorObject(error: RuntimeError): ErrorObject {
  return {
    ErrorType: error.errorType,
    ErrorMessage: error.errorMessage,
    ...(error.trace ? { StackTrace: [...error.trace] } : {}),
  }
}

/** How an update of the execution itself ends it. */
export function endingOf(update: OperationUpdate, now: number): Ending {
  return update.Action === 'SUCCEED'
    ? { status: 'SUCCEEDED', at: new Date(now), result: update.Payload ?? 'null' }
    : { status: 'FAILED', at: new Date(now), error: update.Error ?? {} }
}

/** What a parent's operation is told of an ending. */
export function outcomeOf(ending: Ending) {
  return { status: ending.status, result: ending.result, error: ending.error }
}

/** A token that only the newest invocation has. */
export function newToken(execution: Execution): string {
  return Buffer.from(`${execution.head.id} ${randomUUID()}`).toString('base64')
}

/** For telling two inputs apart. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A page by number and by size: what is handed to the function at once must fit into one event. */
export function page(
  items: readonly Operation[],
  from: number,
  count: number,
): { operations: Operation[]; next: string | undefined } {
  const operations: Operation[] = []
  let bytes = 0
  for (const item of items.slice(from, from + count)) {
    bytes += JSON.stringify(item).length
    if (bytes > STATE_PAGE.bytes && operations.length > 0) break
    operations.push(item)
  }
  const end = from + operations.length
  return { operations, next: end < items.length ? String(end) : undefined }
}

/** A call that could not even begin, as a failed one. */
export function asFailure(error: unknown): Finished {
  const failure = error instanceof WireError ? error.code : 'ServiceException'
  const message = error instanceof Error ? error.message : String(error)
  return { requestId: '', payload: '', tail: '', error: { errorType: failure, errorMessage: message } }
}

/** Waits without keeping the process alive. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds).unref())
}
