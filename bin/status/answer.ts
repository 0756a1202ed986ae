/** Milliseconds that a region has for one answer: a region that is lost gives none at all. */
const PATIENCE = 8_000

/** What a region said, or why it said nothing. */
export type Answer<T> =
  | { readonly value: T; readonly silence?: undefined }
  | { readonly value?: undefined; readonly silence: string }

/** Names of errors that mean that nobody answered; a refusal or a missing login is an answer and is thrown on. */
const SILENT = new Set([
  'AbortError',
  'TimeoutError',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ServiceUnavailable',
])

/** Asks with a limit of time, so that one lost region does not hide what the other has to say. */
export async function answerOf<T>(ask: (limit: AbortSignal) => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await ask(AbortSignal.timeout(PATIENCE)) }
  } catch (error) {
    const { name, code } = error as { name?: string; code?: string }
    const why = [code, name].find(word => word !== undefined && SILENT.has(word))
    if (why === undefined) throw error
    return { silence: why }
  }
}

/** The answer, or a `TimeoutError` once a region's time is over, for questions that nothing can end. */
export function inTime<T>(answer: Promise<T>): Promise<T> {
  const limit = AbortSignal.timeout(PATIENCE)
  const over = new Promise<never>((_, reject) =>
    limit.addEventListener('abort', () => reject(limit.reason), { once: true }),
  )
  return Promise.race([answer, over])
}
