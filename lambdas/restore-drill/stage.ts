import type { DurableContext } from '@aws/durable-execution-sdk-js'
import type { ExamineAnswer, TaskName, Tasks } from '../examine/request.ts'
import type { EvidenceCall } from '../runtime/evidence/record.ts'
import { sentence } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { doing, isTransient } from './faults-of-aws.ts'
import { observed } from './observe.ts'

/** What a stage may do: everything that touches the world goes through here, so that a replay does none of it again. */
export type Stage = {
  readonly name: string
  /** Every AWS call that was made so far. */
  readonly calls: EvidenceCall[]
  /** Does something once, again only while AWS says "later". `what` begins the sentence of its failure. */
  once<T>(label: string, what: string, work: () => Promise<T>): Promise<T>
  /** Looks again and again until it is settled or the time is over. */
  until<T>(label: string, what: string, options: Until<T>): Promise<Settled<T>>
  /** Asks the examination, which alone reaches databases. */
  examine<T extends TaskName>(label: string, request: Tasks[T]['request']): Promise<ExamineAnswer<T>>
  /** Calls another function by its qualified ARN and waits for its answer. */
  invoke<I, O>(label: string, arn: string, request: I): Promise<O>
  /** Asks many at a time, each a chain of questions; `ask` must be made of what it is given only. */
  eachOf<I, O>(
    label: string,
    items: readonly I[],
    width: number,
    work: (inner: Stage, item: I) => Promise<O>,
  ): Promise<O[]>
  /** Milliseconds since the epoch, the same at every replay. */
  clock(label: string): Promise<number>
  /** Pauses without being billed. */
  pause(label: string, seconds: number): Promise<void>
}

export type Until<T> = {
  readonly look: () => Promise<T>
  readonly settled: (value: T) => boolean
  readonly forSeconds: number
  /** The longest pause between two looks; the first pauses are short, so that a fast restore is measured as fast. */
  readonly everySeconds: number
}

/** `value` is the last look's, or `null` when no look ever succeeded; `settled` false means that the time was over. */
export type Settled<T> = {
  readonly value: T | null
  readonly settled: boolean
  /** Milliseconds since the epoch, of the last look. */
  readonly at: number
  /** The sentence of the last look's failure, when the last one failed. */
  readonly trouble?: string
}

// Lambda and AWS both shed load for seconds, not for minutes: five tries over about half a minute.
const TRIES = 5

/** The stage's hands for this execution. */
export function stageOf(ctx: DurableContext, name: string, examineArn: string, calls: EvidenceCall[]): Stage {
  const stage: Stage = {
    name,
    calls,
    async once(label, what, work) {
      const answer = await ctx.step(label, () => observed(name, () => doing(what, work)), {
        retryStrategy: (error, attempt) => ({
          shouldRetry: attempt < TRIES && isTransient(error),
          delay: { seconds: 2 ** attempt },
        }),
      })
      calls.push(...answer.calls)
      return answer.value
    },
    until: (label, what, options) => waitUntil(ctx, stage, label, what, options),
    async examine(label, request) {
      return askTwice(ctx, label, examineArn, request)
    },
    invoke: (label, arn, request) => ctx.invoke(label, arn, request),
    async eachOf(label, items, width, work) {
      const batch = await ctx.map(
        label,
        [...items],
        async (inner, item) => {
          const own: EvidenceCall[] = []
          const value = await work(stageOf(inner, name, examineArn, own), item)
          return { value, calls: own }
        },
        { maxConcurrency: width, itemNamer: (_item, index) => `${label}-${index + 1}` },
      )
      batch.throwIfError()
      return batch.getResults().map(result => {
        calls.push(...result.calls)
        return result.value
      })
    },
    clock: label => ctx.step(label, async () => Date.now()),
    async pause(label, seconds) {
      await ctx.wait(label, { seconds })
    },
  }
  return stage
}

// Tasks that change something must not be done twice by our own hand.
const ONCE_ONLY: readonly TaskName[] = ['canaries', 'fault']

async function askTwice<T extends TaskName>(
  ctx: DurableContext,
  label: string,
  arn: string,
  request: Tasks[T]['request'],
): Promise<ExamineAnswer<T>> {
  try {
    return await ctx.invoke<Tasks[T]['request'], ExamineAnswer<T>>(label, arn, request)
  } catch (error) {
    if (ONCE_ONLY.includes(request.task)) throw error
    // The error's kind does not travel over an invocation, and a killed function looks like any other: ask once more.
    await ctx.wait(`${label}.pause`, { seconds: 2 })
    return await ctx.invoke<Tasks[T]['request'], ExamineAnswer<T>>(`${label}.again`, arn, request)
  }
}

type Look<T> = {
  readonly value: T | null
  readonly at: number
  readonly began: number
  readonly settled: boolean
  readonly calls: readonly EvidenceCall[]
  readonly trouble?: string
}

async function waitUntil<T>(
  ctx: DurableContext,
  stage: Stage,
  label: string,
  what: string,
  options: Until<T>,
): Promise<Settled<T>> {
  const start: Look<T> = { value: null, at: 0, began: 0, settled: false, calls: [] }
  const last = await ctx.waitForCondition(label, state => lookOnce(stage.name, what, options, state), {
    initialState: start,
    waitStrategy: state => {
      const waited = (state.at - state.began) / 1_000
      if (state.settled || waited >= options.forSeconds) return { shouldContinue: false }
      // A tenth of what was waited: what is measured is never more than a tenth off, and hours cost few looks.
      const seconds = Math.max(1, Math.min(options.everySeconds, Math.round(waited / 10)))
      return { shouldContinue: true, delay: { seconds } }
    },
  })
  stage.calls.push(...last.calls)
  const { value, settled, at, trouble } = last
  return { value, settled, at, ...(trouble === undefined ? {} : { trouble }) }
}

async function lookOnce<T>(name: string, what: string, options: Until<T>, before: Look<T>): Promise<Look<T>> {
  const began = before.began || Date.now()
  const { value: seen, calls } = await observed(name, async () => {
    try {
      return { value: await doing(what, options.look) }
    } catch (error) {
      // AWS that says "later" is no answer about the instance: look again until the time is over.
      if (!isTransient(error)) throw error
      return { trouble: sentence(error) }
    }
  })
  const at = Date.now()
  const all = [...before.calls, ...calls]
  if ('trouble' in seen) return { ...before, at, began, calls: all, trouble: seen.trouble }
  return { value: seen.value, at, began, settled: options.settled(seen.value), calls: all }
}

/** What a stage found: its value for the stages after it (`null` when they cannot go on), its checks and one sentence. */
export type Finding<T> = {
  readonly value: T | null
  readonly checks: readonly Check[]
  readonly detail: string
}
