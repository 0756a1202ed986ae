import { appendFileSync } from 'node:fs'

/** Writes dated lines to the twin's log. */
export function openLog(file: string): (text: string) => void {
  return text => appendFileSync(file, `${new Date().toISOString()} ${text}\n`)
}
