import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { oneLine } from '../../lambdas/runtime/legible.ts'

/** Writes values as JSON, a line each, as fast as they are read; ends quietly when the reader goes away, as `head` does. */
export async function printLines(values: AsyncIterable<unknown>, out: Writable): Promise<void> {
  let failure: NodeJS.ErrnoException | undefined
  const fail = (error: NodeJS.ErrnoException) => {
    failure = error
  }
  out.on('error', fail)
  try {
    for await (const value of values) {
      if (!out.destroyed && !out.write(`${oneLine(JSON.stringify(value))}\n`))
        await Promise.race([once(out, 'drain'), once(out, 'close')]).catch(() => {
          // The listener above has the error.
        })
      if (failure !== undefined || out.destroyed) break
    }
  } finally {
    out.off('error', fail)
  }
  if (failure !== undefined && failure.code !== 'EPIPE') throw failure
}
