import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'

/** The log of one function: a file of lines, each with the time it was read, as `holdfast logs` prints it. */
export type FunctionLog = {
  readonly file: string
  /** One line of the platform: START, END, REPORT. */
  platform(text: string): void
  /** One line that the function printed. */
  line(text: string): void
}

/** Opens the log in `file`. Every line is handed to `onLine` as well. */
export function openFunctionLog(file: string, onLine: (line: string) => void): FunctionLog {
  mkdirSync(dirname(file), { recursive: true })
  const append = (text: string) => {
    appendFileSync(file, `${new Date().toISOString()} ${text}\n`)
    onLine(text)
  }
  return { file, platform: append, line: append }
}

/** Calls `onLine` for each line of the stream, without its end. The last one need not be ended. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  stream.on('end', () => {
    if (rest) onLine(rest)
    rest = ''
  })
}
