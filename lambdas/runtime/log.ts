import { oneLine } from './legible.ts'

/**
 * Writes one line of the function's log. A name or a server's message in it makes no second line, which could pass for
 * another one or, as embedded metrics, for a measurement.
 */
export function log(text: string): void {
  console.log(oneLine(text))
}
