const DAY = 86_400
const MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const YEAR = 365

/** On which days something runs that is asked for "at least every so often". */
export type Calendar = {
  /** From one run to the next, at most. */
  readonly days: number
  /** Runs in a twelfth of a year. */
  readonly aMonth: number
  /** The fields of a cron expression after minute and hour. */
  readonly fields: string
}

/**
 * The one calendar by which a drill is scheduled, billed and overdue: every day, every Wednesday, or every so many
 * days counted from the first of each month, since a cron expression knows no longer rhythm. Never less often than
 * asked: a month's last stretch is shorter.
 * @param every seconds, a day at least; above a month it is a month
 */
export function calendarOf(every: number): Calendar {
  const days = Math.min(31, Math.max(1, Math.floor(every / DAY)))
  if (days === 1) return { days, aMonth: YEAR / 12, fields: '* * ? *' }
  if (days === 7) return { days, aMonth: YEAR / 7 / 12, fields: '? * WED *' }
  const aYear = MONTHS.reduce((sum, length) => sum + Math.ceil(length / days), 0)
  return { days, aMonth: aYear / 12, fields: days === 31 ? '1 * ? *' : `1/${days} * ? *` }
}

/**
 * A cron expression of EventBridge Scheduler's, in UTC. Never a rate: AWS starts one at its creation, and a drill of a
 * database that was made a minute ago can only fail.
 * @param minute of the day, that of the next one from 1440 on
 */
export function cronOf(every: number, minute: number): string {
  const ofDay = minute % 1_440
  return `cron(${ofDay % 60} ${Math.floor(ofDay / 60)} ${calendarOf(every).fields})`
}

/** Seconds after which a proof that is due so often is overdue: half a round late. */
export function overdueAfter(every: number): number {
  return 1.5 * calendarOf(every).days * DAY
}

/** Minute of the day at which a window `hh:mm-hh:mm` begins. */
export function beginningOf(window: string): number {
  const [hours = 0, minutes = 0] = window.split(/[:-]/).map(Number)
  return hours * 60 + minutes
}
