import { isServerError, saidOfState } from './server-error.ts'

/**
 * The handler, with errors that carry nothing of a database server's words. Lambda answers an error's name and message,
 * and logs its stack and every field that it has: a driver's error has the server's message, detail, hint and context
 * in them, and a cause would be shown by whoever prints it.
 */
export function sealed<A extends readonly unknown[], R>(
  handler: (...args: A) => Promise<R>,
): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await handler(...args)
    } catch (error) {
      throw withoutServerText(error)
    }
  }
}

/** The same error as it may leave a function: name, sentence and frames, no other field and no cause. */
export function withoutServerText(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return named(new Error('something that is no error was thrown'), 'Unknown')
  if (isServerError(thrown))
    return named(new Error(`a statement failed: ${saidOfState(thrown.code)}`), 'StatementFailed')
  // JSON and numbers that cannot be read are quoted in the sentence about them.
  const message = thrown instanceof SyntaxError ? 'an answer could not be read' : thrown.message
  const error = named(new Error(message), thrown.name)
  error.stack = [`${thrown.name}: ${message}`, ...framesOf(thrown)].join('\n')
  return error
}

/** The stack below the sentence, which may have several lines. */
function framesOf({ name, message, stack = '' }: Error): string[] {
  const head = [`${name}: ${message}`, `Error: ${message}`, message].find(each => stack.startsWith(each))
  if (head === undefined) return []
  return stack
    .slice(head.length)
    .split('\n')
    .filter(line => /^ {4}at /.test(line))
}

function named(error: Error, name: string): Error {
  Object.defineProperty(error, 'name', { value: name, enumerable: false, configurable: true, writable: true })
  return error
}
