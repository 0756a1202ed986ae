import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { type Collection, openCollection } from '../state/collection.ts'
import { WireError } from '../wire/call.ts'
import type { EventInvoke, Functions } from './functions.ts'
import type { Finished, Runner } from './runner.ts'

type Queued = {
  readonly id: string
  readonly region: string
  readonly account: string
  /** The ARN that was asked, qualifier included. */
  readonly arn: string
  readonly payload: string
  readonly attempts: number
  readonly throttles: number
  /** Milliseconds since the epoch. */
  readonly first: number
  readonly next: number
}

/** What asynchronous invocation needs beyond running functions. */
export type EventDeps = {
  readonly directory: string
  readonly functions: Functions
  readonly runner: Runner
  /** Sends an outcome to the SNS topic, SQS queue or function behind an ARN, as the function's role. */
  readonly deliver: (target: string, body: string, roleArn: string) => Promise<void>
  /** Seconds before the second and the third attempt. Lambda's own are a minute and two. */
  readonly retryDelays?: readonly number[]
  readonly report: (text: string) => void
}

const DEFAULTS: EventInvoke = { maximumRetryAttempts: 2, maximumEventAge: 21_600, lastModified: '' }

/** Events that nobody waits for: kept on disk until they succeeded or were given up. */
export class Events {
  readonly #queue: Collection<Queued>
  readonly #deps: EventDeps
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #running = new Set<Promise<void>>()
  #stopped = false

  constructor(deps: EventDeps) {
    this.#deps = deps
    this.#queue = openCollection(join(deps.directory, 'events.json'))
  }

  /** Takes up what an earlier life of the twin left. */
  resume(): void {
    for (const event of this.#queue.values()) this.#schedule(event)
  }

  /** @returns the event's request id */
  add(region: string, account: string, arn: string, payload: string): string {
    const now = Date.now()
    const event = {
      id: randomUUID(),
      region,
      account,
      arn,
      payload,
      attempts: 0,
      throttles: 0,
      first: now,
      next: now,
    }
    this.#queue.set(event.id, event)
    this.#schedule(event)
    return event.id
  }

  /** Whether an event for the function waits or runs, whatever qualifier was asked. */
  isPending(functionArn: string): boolean {
    return this.#queue.values().some(({ arn }) => arn === functionArn || arn.startsWith(`${functionArn}:`))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    await Promise.allSettled(this.#running)
  }

  #schedule(event: Queued): void {
    if (this.#stopped) return
    const timer = setTimeout(
      () => {
        this.#timers.delete(event.id)
        const work = this.#attempt(event)
          .catch(error => this.#deps.report(`event ${event.id} for ${event.arn}: ${error}`))
          .finally(() => this.#running.delete(work))
        this.#running.add(work)
      },
      Math.max(0, event.next - Date.now()),
    )
    this.#timers.set(event.id, timer)
  }

  async #attempt(event: Queued): Promise<void> {
    const target = this.#deps.functions.resolve(event.region, event.account, event.arn)
    const policy = target.record.eventInvoke[target.qualifier ?? '$LATEST'] ?? DEFAULTS
    let finished: Finished
    try {
      finished = await this.#deps.runner.run({
        ...target,
        payload: event.payload,
        requestId: event.id,
      })
    } catch (error) {
      if (!(error instanceof WireError) || error.code !== 'TooManyRequestsException') throw error
      const next = Date.now() + Math.min(300_000, 1_000 * 2 ** event.throttles)
      if (next - event.first > policy.maximumEventAge * 1_000) return this.#give(event, 'EventAgeExceeded')
      return this.#again({ ...event, throttles: event.throttles + 1, next })
    }
    // The twin is going down: what it killed is not the function's failure, and is run again.
    if (this.#stopped && finished.error) return
    const attempts = event.attempts + 1
    if (!finished.error) return this.#give({ ...event, attempts }, 'Success', finished)
    const delays = this.#deps.retryDelays ?? [60, 120]
    const delay = (delays[Math.min(event.attempts, delays.length - 1)] ?? 0) * 1_000
    if (attempts > policy.maximumRetryAttempts)
      return this.#give({ ...event, attempts }, 'RetriesExhausted', finished)
    if (Date.now() + delay - event.first > policy.maximumEventAge * 1_000)
      return this.#give({ ...event, attempts }, 'EventAgeExceeded', finished)
    this.#again({ ...event, attempts, next: Date.now() + delay })
  }

  #again(event: Queued): void {
    this.#queue.set(event.id, event)
    this.#schedule(event)
  }

  async #give(
    event: Queued,
    condition: 'Success' | 'RetriesExhausted' | 'EventAgeExceeded',
    finished?: Finished,
  ): Promise<void> {
    this.#queue.delete(event.id)
    const { record, version, qualifier } = this.#deps.functions.resolve(
      event.region,
      event.account,
      event.arn,
    )
    const policy = record.eventInvoke[qualifier ?? '$LATEST']
    const body = JSON.stringify({
      version: '1.0',
      timestamp: new Date().toISOString(),
      requestContext: {
        requestId: event.id,
        functionArn: event.arn,
        condition,
        approximateInvokeCount: event.attempts,
      },
      requestPayload: JSON.parse(event.payload),
      ...(finished
        ? {
            responseContext: {
              statusCode: 200,
              executedVersion: version.version,
              ...(finished.error ? { functionError: 'Unhandled' } : {}),
            },
            responsePayload: JSON.parse(finished.payload),
          }
        : {}),
    })
    const destination = condition === 'Success' ? policy?.onSuccess : policy?.onFailure
    if (destination) await this.#deps.deliver(destination, body, version.role)
    if (condition !== 'Success' && version.deadLetterArn)
      await this.#deps.deliver(version.deadLetterArn, event.payload, version.role)
  }
}
