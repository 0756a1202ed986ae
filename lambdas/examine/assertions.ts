import { sentence } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'
import { asked } from './check.ts'
import type { AssertionsAnswer, AssertionsRequest } from './request.ts'
import { withSession } from './session.ts'
import type { Side } from './side.ts'

/** Asks the environment's own statements, each in a read-only session: true passes, an error is unknown, all else fails. */
export function assertions(request: AssertionsRequest, copy: Side): Promise<AssertionsAnswer> {
  return withSession(
    copy,
    async client => {
      const checks: Check[] = []
      for (const { name, sql } of request.assertions) {
        try {
          const { rows } = await client.query({ text: sql, rowMode: 'array' })
          const value: unknown = rows[0]?.[0]
          checks.push(judge(name, sql, rows.length, value))
        } catch (error) {
          checks.push({ name: `assertion.${name}`, verdict: 'unknown', detail: sentence(error), asked: sql })
        }
      }
      return { checks }
    },
    { asTheWorkload: true },
  )
}

/** The value itself may be a user's: only whether it is true leaves the function. */
function judge(name: string, sql: string, rows: number, value: unknown): Check {
  if (value === true) return asked(`assertion.${name}`, 'pass', 'it is true', sql, true)
  const found =
    rows === 0
      ? 'no row came back'
      : `the first column is ${value === false ? 'false' : value === null ? 'null' : `a ${typeof value}`}, not true`
  return asked(`assertion.${name}`, 'fail', found, sql, value === false ? false : null)
}
