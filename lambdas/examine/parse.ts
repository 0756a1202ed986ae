import { Refusal } from '../runtime/failure.ts'
import type { ExamineRequest, TaskName } from './request.ts'

const NEEDS: Readonly<Record<TaskName, readonly string[]>> = {
  canaries: ['primary', 'drill'],
  mark: ['primary'],
  open: ['copy'],
  quarantine: ['copy'],
  identify: ['copy', 'boundary', 'expected', 'mode', 'target'],
  cut: ['copy', 'disasterAt'],
  structure: ['copy'],
  plan: ['copy', 'primary', 'boundary', 'cut'],
  compare: ['copy', 'primary', 'boundary', 'cut', 'batch'],
  assertions: ['copy', 'assertions'],
  fault: ['copy', 'primary', 'kind'],
}

/** The event as a request. @throws Refusal `BadExamineRequest` naming what is missing. */
export function parseRequest(event: unknown): ExamineRequest {
  const fields: Record<string, unknown> = typeof event === 'object' && event !== null ? { ...event } : {}
  const task = fields.task
  if (typeof task !== 'string' || !(task in NEEDS))
    throw new Refusal(
      'BadExamineRequest',
      `task is ${JSON.stringify(task)}, not one of ${Object.keys(NEEDS).join(', ')}`,
      'ask for one of these tasks',
    )
  const missing = NEEDS[task as TaskName].filter(
    field => fields[field] === undefined || fields[field] === null,
  )
  if (missing.length > 0)
    throw new Refusal(
      'BadExamineRequest',
      `${task} was asked without ${missing.join(', ')}`,
      'add what is missing',
    )
  for (const side of ['primary', 'copy'] as const) checkEndpoint(side, fields[side])
  return fields as unknown as ExamineRequest
}

function checkEndpoint(side: string, value: unknown): void {
  if (value === undefined) return
  const { identifier, host, port, database } = (value ?? {}) as Record<string, unknown>
  const texts = [identifier, host, database].every(text => typeof text === 'string' && text !== '')
  if (!texts || typeof port !== 'number')
    throw new Refusal(
      'BadExamineRequest',
      `${side} is ${JSON.stringify(value)}`,
      'give identifier, host, port and database of the instance',
    )
}
