import { sentence } from '../runtime/failure.ts'
import type { Verdict } from '../runtime/verdict.ts'
import type { BackupCheck } from './request.ts'

/** What a question found: the verdict and one sentence with the values that decided it. */
export type Finding = { readonly verdict: Verdict; readonly detail: string; readonly answer?: unknown }

/** One question about one thing. */
export type Question = {
  /** Stable kebab-case id. */
  readonly name: string
  readonly subject: string
  /** The API call. */
  readonly asked: string
  readonly find: () => Finding | Promise<Finding>
}

/** Asks; what throws is `unknown` with its sentence, and keeps no other question from being asked. */
export async function ask(region: string, question: Question): Promise<BackupCheck> {
  const { name, subject, asked } = question
  try {
    const finding = await question.find()
    return { name, region, subject, asked, ...finding }
  } catch (error) {
    const said = error instanceof Error ? `${error.name}: ${sentence(error)}` : String(error)
    return { name, region, subject, asked, verdict: 'unknown', detail: `no answer: ${said}` }
  }
}

/** `pass` with one sentence when it holds, else `fail` with the other. */
export function hold(holds: boolean, good: string, bad: string): Finding {
  return holds ? { verdict: 'pass', detail: good } : { verdict: 'fail', detail: bad }
}

/** The age judged against the most that is allowed. A time that nobody told is `unknown`, one in the future a failure. */
export function young(what: string, at: Date | undefined, withinSeconds: number, now: number): Finding {
  if (!at) return { verdict: 'unknown', detail: `nobody says when ${what} was` }
  const age = Math.round((now - at.getTime()) / 1_000)
  // Clocks of two services differ by seconds; an hour ahead is no clock.
  if (age < -60) return { verdict: 'fail', detail: `${what} lies ${-age} s in the future`, answer: age }
  return {
    ...hold(
      age <= withinSeconds,
      `${what} is ${age} s old, at most ${withinSeconds} s`,
      `${what} is ${age} s old, more than ${withinSeconds} s`,
    ),
    answer: age,
  }
}
