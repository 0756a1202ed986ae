/** What goes wrong in a function, in the shape and words that the Node.js runtime reports. */
export type RuntimeError = {
  readonly errorType: string
  readonly errorMessage: string
  readonly trace?: readonly string[]
}

/** One event for a function's process. `payload` is JSON text; `deadline` is milliseconds since the epoch. */
export type ToFunction = {
  readonly type: 'invoke'
  readonly requestId: string
  readonly payload: string
  readonly deadline: number
  readonly invokedFunctionArn: string
  readonly clientContext?: unknown
}

/** What a function's process says: its handler is loaded, an event was answered, or the process cannot go on. */
export type FromFunction =
  | { readonly type: 'ready' }
  | { readonly type: 'result'; readonly requestId: string; readonly payload: string }
  | { readonly type: 'error'; readonly requestId: string; readonly error: RuntimeError }
  | { readonly type: 'fatal'; readonly error: RuntimeError }

/** The line that ends what one invocation printed; no program prints it by accident. */
export function marker(requestId: string): string {
  return `\u0000end ${requestId}\u0000`
}
