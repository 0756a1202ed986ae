import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, type Question, WireError } from './call.ts'

/** What goes wrong. */
export type FaultEffect =
  /** The call is refused as AWS throttles it; nothing happens. */
  | { readonly kind: 'throttle' }
  /** The call is refused with this code; nothing happens. */
  | { readonly kind: 'fail'; readonly code?: string; readonly status?: number; readonly message?: string }
  /** The call happens, this many milliseconds later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The call happens, but its answer is lost with the connection: the caller cannot know. */
  | { readonly kind: 'lose-answer' }
  /** The call is never answered and never happens: the connection stays open until the fault is cleared. */
  | { readonly kind: 'hang' }

/** Which calls, and what happens to them. What is left out matches everything. `*` in `operation` and `resource` matches any text. */
export type Fault = {
  readonly service?: string
  readonly operation?: string
  readonly resource?: string
  readonly region?: string
  /** How many calls it touches before it is over; without it, it stays until cleared. */
  readonly times?: number
  readonly effect: FaultEffect
}

/** A fault that was added, with what is left of it. */
export type ActiveFault = Fault & { readonly id: string; readonly touched: number }

/** The faults of a twin, asked by the listener on each call. */
export type Faults = {
  /** Answers the fault's id. */
  add(fault: Fault): string
  list(): ActiveFault[]
  /** Ends one fault, or all; calls that hang in it fail at once. */
  clear(id?: string): void
  /** Moves the clock that requests are judged by, in milliseconds; 0 puts it right. */
  skewClock(ms: number): void
  /** The clock with its skew, in milliseconds. */
  now(): number
  /** The effect of the first fault that matches; counts it. */
  take(call: Call, questions: readonly Question[]): ActiveFault | undefined
  /** Brings the effect about before the operation: waits or throws. */
  suffer(fault: ActiveFault): Promise<void>
}

/** Whether text is of a fault's pattern: `*` is any run of characters, no pattern is anything. */
export const matches = (pattern: string | undefined, text: string): boolean =>
  pattern === undefined ||
  new RegExp(
    `^${pattern
      .split('*')
      .map(part => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
      .join('.*')}$`,
  ).test(text)

const throttled: Record<string, string> = {
  s3: 'SlowDown',
  lambda: 'TooManyRequestsException',
  kms: 'ThrottlingException',
  secretsmanager: 'ThrottlingException',
  ssm: 'ThrottlingException',
  logs: 'ThrottlingException',
  scheduler: 'ThrottlingException',
}

function refuse(fault: ActiveFault): void {
  const { effect } = fault
  if (effect.kind === 'throttle') {
    const status = fault.service === 's3' ? 503 : fault.service === 'lambda' ? 429 : 400
    throw new WireError(throttled[fault.service ?? ''] ?? 'Throttling', 'Rate exceeded', status)
  }
  if (effect.kind === 'fail') {
    const message = effect.message ?? 'a fault of the twin failed this call'
    throw new WireError(effect.code ?? 'InternalFailure', message, effect.status ?? 500)
  }
}

/** The faults of one twin. `clock` is the true time in milliseconds. */
export function createFaults(clock: () => number = Date.now): Faults {
  const active = new Map<string, ActiveFault>()
  const hanging = new Map<string, Set<() => void>>()
  let next = 1
  let skew = 0
  const release = (id: string) => {
    active.delete(id)
    for (const end of hanging.get(id) ?? []) end()
    hanging.delete(id)
  }
  const hang = (id: string) =>
    new Promise<never>((_, reject) => {
      const ends = hanging.get(id) ?? new Set()
      ends.add(() =>
        reject(new WireError('ServiceUnavailable', 'the fault that held this call was cleared', 503)),
      )
      hanging.set(id, ends)
    })
  return {
    add: fault => {
      const id = `fault-${next++}`
      active.set(id, { ...fault, id, touched: 0 })
      return id
    },
    list: () => [...active.values()],
    clear: id => {
      for (const each of id === undefined ? [...active.keys(), ...hanging.keys()] : [id]) release(each)
    },
    skewClock: ms => {
      skew = ms
    },
    now: () => clock() + skew,
    take: (call, questions) => {
      for (const fault of active.values()) {
        if (!isTouched(fault, call, questions)) continue
        const touched = { ...fault, touched: fault.touched + 1 }
        if (fault.times !== undefined && touched.touched >= fault.times) active.delete(fault.id)
        else active.set(fault.id, touched)
        return { ...touched, service: call.service }
      }
      return undefined
    },
    suffer: async fault => {
      if (fault.effect.kind === 'delay') await sleep(fault.effect.ms)
      if (fault.effect.kind === 'hang') await hang(fault.id)
      refuse(fault)
    },
  }
}

function isTouched(fault: Fault, call: Call, questions: readonly Question[]): boolean {
  return (
    matches(fault.service, call.service) &&
    matches(fault.operation, call.operation) &&
    matches(fault.region, call.region) &&
    (fault.resource === undefined || questions.some(({ resource }) => matches(fault.resource, resource)))
  )
}
