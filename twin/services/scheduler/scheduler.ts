import { randomUUID } from 'node:crypto'
import type { Collection } from '../../state/collection.ts'
import { WireError } from '../../wire/call.ts'
import { parseExpression, type Recurrence } from './expression.ts'
import { createTimetable, type Timetable } from './timetable.ts'

/** A schedule as it is kept. Times are milliseconds since the epoch. */
export type Schedule = {
  readonly region: string
  readonly account: string
  readonly group: string
  readonly name: string
  readonly description: string
  readonly expression: string
  readonly timezone: string
  readonly enabled: boolean
  readonly startAt?: number
  readonly endAt?: number
  readonly flexibleMinutes?: number
  readonly kmsKeyArn?: string
  readonly target: ScheduleTarget
  readonly deleteWhenDone: boolean
  readonly createdAt: number
  readonly changedAt: number
}

/** What a schedule starts, and as whom. */
export type ScheduleTarget = {
  readonly arn: string
  readonly roleArn: string
  readonly input?: string
  readonly maximumRetryAttempts: number
  /** Seconds */
  readonly maximumEventAge: number
  readonly deadLetterArn?: string
}

/** What schedules need of the rest of the twin. */
export type SchedulerDeps = {
  readonly schedules: Collection<Schedule>
  readonly groups: Collection<{ region: string; account: string; name: string; createdAt: number }>
  readonly clock: () => number
  /** Starts the target with `input` as the role. Throws when the role may not, or the target refuses. */
  readonly start: (region: string, target: ScheduleTarget, input: string) => void | Promise<void>
  readonly report: (text: string) => void
}

const RETRY_MS = 1_000

/** Starts what is due, by the twin's clock. What came due while the twin was down is not made up for: its next run is. */
export class Scheduler {
  readonly #deps: SchedulerDeps
  readonly #timetable: Timetable
  readonly #recurrences = new Map<string, Recurrence>()
  #paused: boolean
  #onlyRates = false
  #stopped = false

  constructor(deps: SchedulerDeps, paused = false) {
    this.#deps = deps
    this.#paused = paused
    this.#timetable = createTimetable(deps.clock, (key, at) => this.#fire(key, at))
    if (paused) this.#timetable.pause()
    for (const schedule of deps.schedules.values()) this.#plan(schedule)
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Whether what a calendar says waits, while rates run. */
  get holdsCalendar(): boolean {
    return this.#onlyRates
  }

  /** The time by which schedules are made and started, in milliseconds. */
  now(): number {
    return this.#deps.clock()
  }

  /** Nothing starts until `resume`; what comes due meanwhile is left out. */
  pause(): void {
    this.#paused = true
    this.#timetable.pause()
  }

  /** Starts what comes due from now on: everything, or for `rates` nothing that a calendar says. */
  resume(what: 'all' | 'rates' = 'all'): void {
    this.#paused = false
    this.#onlyRates = what === 'rates'
    for (const schedule of this.#deps.schedules.values()) this.#plan(schedule)
    this.#timetable.resume()
  }

  /** The clock was moved: what is overdue by it starts. */
  rearm(): void {
    this.#timetable.rearm()
  }

  stop(): void {
    this.#stopped = true
    this.#timetable.stop()
  }

  all(): { readonly schedule: Schedule; readonly next: number | undefined }[] {
    return this.#deps.schedules
      .values()
      .map(schedule => ({ schedule, next: this.#timetable.due(keyOf(schedule)) }))
  }

  /** @throws WireError ResourceNotFoundException */
  get(region: string, group: string, name: string): Schedule {
    const schedule = this.#deps.schedules.get(keyOf({ region, group, name }))
    if (!schedule) throw new WireError('ResourceNotFoundException', `Schedule ${name} does not exist.`, 404)
    return schedule
  }

  /**
   * Creates or changes. A new rate without a start runs at once, as in EventBridge.
   * @throws WireError ValidationException, ResourceNotFoundException
   */
  put(schedule: Schedule): void {
    parseExpression(schedule.expression, schedule.timezone)
    if (schedule.group !== 'default' && !this.#deps.groups.has(`${schedule.region}/${schedule.group}`))
      throw new WireError(
        'ResourceNotFoundException',
        `Schedule group ${schedule.group} does not exist.`,
        404,
      )
    if (!/^arn:aws:lambda:/.test(schedule.target.arn))
      throw new WireError(
        'ValidationException',
        `the twin starts Lambda functions only, not ${schedule.target.arn}`,
      )
    const key = keyOf(schedule)
    const isNew = !this.#deps.schedules.has(key)
    this.#deps.schedules.set(key, schedule)
    this.#recurrences.delete(key)
    // A rate is due at its beginning, which for a new one is this moment.
    this.#plan(schedule, isNew ? schedule.createdAt - 1 : this.now())
  }

  remove(region: string, group: string, name: string): void {
    const key = keyOf({ region, group, name })
    this.#deps.schedules.delete(key)
    this.#timetable.set(key, undefined)
    this.#recurrences.delete(key)
  }

  /** Starts a schedule's target at once, whatever the clock says. Throws what the target or IAM says. */
  async runNow(region: string, group: string, name: string): Promise<void> {
    const schedule = this.get(region, group, name)
    await this.#start(schedule, this.now(), 1)
  }

  #plan(schedule: Schedule, from = this.now()): void {
    const key = keyOf(schedule)
    const recurrence = this.#recurrences.get(key) ?? parseExpression(schedule.expression, schedule.timezone)
    this.#recurrences.set(key, recurrence)
    const after = Math.max(from, (schedule.startAt ?? 0) - 1)
    const next = recurrence(after, schedule.startAt ?? schedule.createdAt)
    const isOver = next !== undefined && schedule.endAt !== undefined && next > schedule.endAt
    const isHeld = this.#onlyRates && !schedule.expression.startsWith('rate(')
    this.#timetable.set(key, schedule.enabled && !isOver && !isHeld ? next : undefined)
  }

  #fire(key: string, at: number): void {
    const schedule = this.#deps.schedules.get(key)
    if (!schedule) return
    this.#plan(schedule)
    void this.#attempts(schedule, at)
    if (schedule.deleteWhenDone && this.#timetable.due(key) === undefined)
      this.remove(schedule.region, schedule.group, schedule.name)
  }

  async #attempts(schedule: Schedule, at: number): Promise<void> {
    for (let attempt = 1; !this.#stopped; attempt += 1) {
      try {
        return await this.#start(schedule, at, attempt)
      } catch (error) {
        const old = this.now() - at > schedule.target.maximumEventAge * 1_000
        const last = attempt > schedule.target.maximumRetryAttempts || old
        this.#deps.report(
          `schedule ${schedule.name}: ${(error as Error).message}${last ? '; given up' : '; tried again'}`,
        )
        if (last) return
        await new Promise(resolve => setTimeout(resolve, RETRY_MS * 2 ** Math.min(attempt, 6)).unref())
      }
    }
  }

  async #start(schedule: Schedule, at: number, attempt: number): Promise<void> {
    await this.#deps.start(schedule.region, schedule.target, inputOf(schedule, at, attempt))
  }
}

function keyOf({ region, group, name }: Pick<Schedule, 'region' | 'group' | 'name'>): string {
  return `${region}/${group}/${name}`
}

/** The ARN of a schedule. */
export function scheduleArn({
  region,
  account,
  group,
  name,
}: Pick<Schedule, 'region' | 'account' | 'group' | 'name'>): string {
  return `arn:aws:scheduler:${region}:${account}:schedule/${group}/${name}`
}

function inputOf(schedule: Schedule, at: number, attempt: number): string {
  const time = `${new Date(at).toISOString().slice(0, 19)}Z`
  const id = randomUUID()
  if (schedule.target.input === undefined)
    return JSON.stringify({
      version: '0',
      id,
      'detail-type': 'Scheduled Event',
      source: 'aws.scheduler',
      account: schedule.account,
      time,
      region: schedule.region,
      resources: [scheduleArn(schedule)],
      detail: '{}',
    })
  return schedule.target.input
    .replaceAll('<aws.scheduler.schedule-arn>', scheduleArn(schedule))
    .replaceAll('<aws.scheduler.scheduled-time>', time)
    .replaceAll('<aws.scheduler.execution-id>', id)
    .replaceAll('<aws.scheduler.attempt-number>', String(attempt))
}
