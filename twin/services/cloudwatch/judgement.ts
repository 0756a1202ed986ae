/** The states of an alarm. */
export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA'

export type Rule = {
  /** N: how many of the newest periods count. */
  readonly evaluationPeriods: number
  /** M: how many of them must breach. */
  readonly datapointsToAlarm: number
  readonly treatMissingData: 'missing' | 'ignore' | 'breaching' | 'notBreaching'
}

/** How many periods more than N are looked at for real points, before missing ones are filled in. */
export const EXTRA_PERIODS = 2

/**
 * Judges the periods of an evaluation range, oldest first: true breaches, false does not, undefined has no data. After
 * "Configuring how CloudWatch alarms treat missing data" in the CloudWatch user guide.
 */
export function judge(range: readonly (boolean | undefined)[], rule: Rule, before: AlarmState): AlarmState {
  const { evaluationPeriods: n, datapointsToAlarm: m } = rule
  const real = range.filter(point => point !== undefined)
  if (real.length >= n) return count(real.slice(-n)) >= m ? 'ALARM' : 'OK'
  const breaching = count(real)
  if (breaching >= m) return 'ALARM'
  switch (rule.treatMissingData) {
    case 'breaching':
      return breaching + (n - real.length) >= m ? 'ALARM' : 'OK'
    case 'notBreaching':
      return 'OK'
    case 'ignore':
      return real.some(point => !point) ? 'OK' : before
    default:
      if (real.length === 0) return 'INSUFFICIENT_DATA'
      if (real.some(point => !point)) return 'OK'
      return isLongBreaching(range, m) ? 'ALARM' : before
  }
}

const count = (points: readonly boolean[]) => points.filter(Boolean).length

// Silence after a breach is no recovery, once the breach is as old as M periods; before that it is too early to say.
function isLongBreaching(range: readonly (boolean | undefined)[], m: number): boolean {
  const oldest = range.indexOf(true)
  return oldest >= 0 && range.length - oldest >= m
}
