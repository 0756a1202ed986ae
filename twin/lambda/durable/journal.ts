import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import { apply, type Change, type Execution, type Head, newExecution } from './execution.ts'

/**
 * The histories of durable executions: one file of JSON lines each, the first its head. A line is there whole or
 * not at all: what a crash cut off is dropped, and nobody was told of it.
 */
export class Journal {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    mkdirSync(directory, { recursive: true })
  }

  begin(head: Head): Execution {
    appendFileSync(this.#file(head.id), `${JSON.stringify(head)}\n`)
    return newExecution(head)
  }

  /** Writes the change, then applies it. */
  record(execution: Execution, change: Change): void {
    appendFileSync(this.#file(execution.head.id), `${JSON.stringify(change)}\n`)
    apply(execution, change)
  }

  /** Every execution on disk, oldest first; those past their retention are removed instead. */
  load(now: number): Execution[] {
    const executions: Execution[] = []
    for (const name of readdirSync(this.#directory)) {
      if (!name.endsWith('.jsonl')) continue
      const execution = this.#read(join(this.#directory, name))
      if (!execution) continue
      const ended = execution.ending?.at.getTime()
      if (ended !== undefined && now - ended > execution.head.retentionDays * 86_400_000)
        rmSync(join(this.#directory, name))
      else executions.push(execution)
    }
    return executions.sort((a, b) => a.head.startedAt.getTime() - b.head.startedAt.getTime())
  }

  #file(id: string): string {
    return join(this.#directory, `${id}.jsonl`)
  }

  #read(file: string): Execution | undefined {
    const text = existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
    const end = text.lastIndexOf('\n') + 1
    if (end < text.length) truncateSync(file, end)
    const [head, ...changes] = text.subarray(0, end).toString('utf8').split('\n').filter(Boolean)
    if (!head) return undefined
    const execution = newExecution(parse<Head>(head))
    for (const change of changes) apply(execution, parse<Change>(change))
    return execution
  }
}

// Payloads are strings inside, so that only our own fields can have these names.
function parse<T>(line: string): T {
  return JSON.parse(line, (key, value) =>
    typeof value === 'string' && (key.endsWith('Timestamp') || key === 'at' || key === 'startedAt')
      ? new Date(value)
      : value,
  ) as T
}
