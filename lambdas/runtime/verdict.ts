/**
 * What a check found out. Only `pass` and `explained` let a drill pass: `unknown` never does, and a
 * skipped check is shown with its reason and counted against coverage where it left rows unread.
 */
export type Verdict = 'pass' | 'fail' | 'unknown' | 'skipped' | 'explained' | 'acknowledged'

/** One question asked of a copy, a backup or a bucket, and its answer. */
export type Check = {
  /** Stable kebab-case id, e.g. `identify.system-identifier`. */
  readonly name: string
  readonly verdict: Verdict
  /** One sentence with the values that decided it. */
  readonly detail: string
  /** The SQL or API call that was asked, verbatim, for the evidence. */
  readonly asked?: string
  /** The answer, as plain JSON; never a row of user data. */
  readonly answer?: unknown
}

/** The worst of many verdicts: fail > unknown > the rest. No check at all is `unknown`: nothing was proven. */
export function worst(checks: readonly Pick<Check, 'verdict'>[]): 'pass' | 'fail' | 'unknown' {
  if (checks.some(check => check.verdict === 'fail')) return 'fail'
  if (checks.length === 0 || checks.some(check => check.verdict === 'unknown')) return 'unknown'
  return 'pass'
}
