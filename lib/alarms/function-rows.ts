import type { AlarmRow } from './row.ts'
import { metric, row } from './row.ts'

/** A deployed function, as its alarms see it. */
export type WatchedFunction = {
  /** Its folder under `lambdas/`. */
  readonly verb: string
  /** Physical name, or CloudFormation's token for it. */
  readonly functionName: string
  /** Seconds */
  readonly timeout: number
  readonly region: 'home' | 'standby'
}

/**
 * Verbs whose failure wakes somebody through what they should have given: heartbeats, segments, answers to a drill.
 * One error of theirs is no news: a drill asks again, as it does while the archive has not reached its moment.
 */
const TOLD_BY_OTHERS = new Set(['heartbeat', 'archiver', 'examine', 'roll-forward'])

/** The alarms of one function: errors, throttles, and running into its own timeout. */
export function functionRows({ verb, functionName, timeout, region }: WatchedFunction): AlarmRow[] {
  const of = (name: string, statistic: string) =>
    metric('AWS/Lambda', name, { FunctionName: functionName }, statistic)
  const suffix = `${verb}${region === 'standby' ? '-standby' : ''}`
  const isToldByOthers = TOLD_BY_OTHERS.has(verb)
  return [
    row(`errors-${suffix}`, of('Errors', 'Sum'), {
      article: 'function',
      severity: isToldByOthers ? 'warn' : 'page',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: isToldByOthers ? [3, 5] : [1, 1],
      missing: 'notBreaching',
      region,
      summary: `the function ${verb} fails`,
      derivation: 'a function of recovery that fails proves nothing',
    }),
    row(`throttles-${suffix}`, of('Throttles', 'Sum'), {
      article: 'function',
      severity: 'warn',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [3, 5],
      missing: 'notBreaching',
      region,
      summary: `the function ${verb} is throttled`,
      derivation: 'the account has no concurrency left, or a run overtakes the one before',
    }),
    row(`duration-${suffix}`, of('Duration', 'Maximum'), {
      article: 'function',
      severity: 'warn',
      bad: 'above',
      threshold: timeout * 1_000 * 0.9,
      unit: 'milliseconds',
      when: [3, 5],
      missing: 'notBreaching',
      region,
      summary: `the function ${verb} almost runs out of time`,
      derivation: `nine tenths of its timeout of ${timeout} s`,
      causes: [`errors-${suffix}`],
    }),
  ]
}
