import { sentence } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { asked } from './check.ts'
import type { AssertionsAnswer, AssertionsRequest } from './request.ts'
import { type AskedSides, askBoolean, type UsersAnswer } from './users-statement.ts'

/** Milliseconds after which no further assertion is begun: the function itself ends at fifteen minutes. */
const BUDGET = 780_000

/** Asks the environment's own statements, each in its own session: true passes, an error is unknown, all else fails. */
export async function assertions(request: AssertionsRequest, sides: AskedSides): Promise<AssertionsAnswer> {
  const end = Date.now() + BUDGET
  const checks: Check[] = []
  for (const { name, sql } of request.assertions) {
    const unknown = (detail: string): Check => ({
      ...{ name: `assertion.${name}`, verdict: 'unknown', detail, asked: sql },
    })
    if (Date.now() > end) checks.push(unknown('not asked: the assertions before it took all the time'))
    else
      try {
        checks.push(judge(name, sql, await askBoolean(sides, sql)))
      } catch (error) {
        checks.push(unknown(sentence(error)))
      }
  }
  return { checks }
}

/** The value itself may be a user's: only whether it is true leaves the function. */
function judge(name: string, sql: string, answer: UsersAnswer): Check {
  if (answer.kind === 'other') return asked(`assertion.${name}`, 'fail', answer.found, sql, null)
  const { value } = answer
  return asked(`assertion.${name}`, value ? 'pass' : 'fail', `it is ${value}`, sql, value)
}
