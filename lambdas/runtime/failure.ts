import { isServerError, saidOfState } from './server-error.ts'

/** The caller must change something; trying again will not help. Its message ends in a `HINT:` line. */
export class Refusal extends Error {
  constructor(name: string, fact: string, hint: string, options?: { cause?: unknown }) {
    super(`${fact}\nHINT: ${hint}`, options)
    this.name = name
  }
}

/** The same call may succeed later: throttling, a restarting server, a lost connection. */
export class Transient extends Error {
  constructor(name: string, fact: string, options?: { cause?: unknown }) {
    super(fact, options)
    this.name = name
  }
}

/** The step that a refusal's text tells, or `undefined`. */
export function stepIn(text: string): string | undefined {
  return /(?:^|\n)HINT: ([^\n]+)/.exec(text)?.[1]
}

/** The sentence of anything thrown, with the sentences of its causes. Of what a database server said, only its SQLSTATE. */
export function sentence(error: unknown): string {
  if (isServerError(error)) return saidOfState(error.code)
  if (!(error instanceof Error)) return String(error)
  const own = error.message || error.name
  return error.cause === undefined ? own : `${own} (caused by: ${sentence(error.cause)})`
}
