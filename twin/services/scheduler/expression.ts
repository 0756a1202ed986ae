import { WireError } from '../../wire/call.ts'
import { instantOf, type WallClock, wallClockOf } from './zone.ts'

/** When a schedule runs next after `after`, at the earliest; both in milliseconds. Undefined when never again. */
export type Recurrence = (after: number, anchor: number) => number | undefined

const UNITS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
// A day that comes once in four years comes within this many days, or never.
const HORIZON_DAYS = 366 * 8

/**
 * Reads `rate(…)`, `cron(…)` or `at(…)` in a time zone.
 * @throws WireError ValidationException
 */
export function parseExpression(expression: string, zone: string): Recurrence {
  const [, kind, body = ''] = expression.match(/^(rate|cron|at)\((.*)\)$/) ?? []
  const invalid = () =>
    new WireError('ValidationException', `Invalid Schedule Expression ${expression}.`, 400)
  try {
    wallClockOf(0, zone)
  } catch {
    throw new WireError('ValidationException', `The ScheduleExpressionTimezone ${zone} is not valid.`, 400)
  }
  if (kind === 'rate') return parseRate(body, invalid)
  if (kind === 'cron') return parseCron(body, zone, invalid)
  if (kind === 'at') return parseAt(body, zone, invalid)
  throw invalid()
}

function parseRate(body: string, invalid: () => Error): Recurrence {
  const [, count, unit] = body.match(/^([1-9]\d*) (minute|hour|day)s?$/) ?? []
  if (!count || !unit) throw invalid()
  const every = Number(count) * UNITS[unit as keyof typeof UNITS]
  return (after, anchor) =>
    after < anchor ? anchor : anchor + (Math.floor((after - anchor) / every) + 1) * every
}

function parseAt(body: string, zone: string, invalid: () => Error): Recurrence {
  const [year, month, day, hour, minute, second] = (
    body.match(/^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})$/) ?? []
  )
    .slice(1)
    .map(Number)
  if (!year || !month || !day || hour === undefined || minute === undefined || second === undefined)
    throw invalid()
  const at = instantOf({ year, month, day, hour, minute, second }, zone)
  return after => (at !== undefined && at > after ? at : undefined)
}

type DayTest = (day: WallClock, weekday: number, lastDay: number) => boolean

function parseCron(body: string, zone: string, invalid: () => Error): Recurrence {
  const fields = body.trim().split(/\s+/)
  const [minutes = '', hours = '', daysOfMonth = '', months = '', daysOfWeek = '', years = ''] = fields
  if (fields.length !== 6 || (daysOfMonth === '?') === (daysOfWeek === '?')) throw invalid()
  const minuteSet = numbers(minutes, 0, 59, [], invalid)
  const hourSet = numbers(hours, 0, 23, [], invalid)
  const monthSet = numbers(months, 1, 12, MONTHS, invalid)
  const yearSet = numbers(years, 1970, 2199, [], invalid)
  const isDay = daysOfMonth === '?' ? weekdayTest(daysOfWeek, invalid) : dayTest(daysOfMonth, invalid)
  return after => {
    const from = wallClockOf(after, zone)
    for (let offset = 0; offset < HORIZON_DAYS; offset += 1) {
      const date = new Date(Date.UTC(from.year, from.month - 1, from.day + offset))
      const day: WallClock = {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        hour: 0,
        minute: 0,
        second: 0,
      }
      const lastDay = new Date(Date.UTC(day.year, day.month, 0)).getUTCDate()
      if (!yearSet.includes(day.year) || !monthSet.includes(day.month)) continue
      if (!isDay(day, date.getUTCDay() + 1, lastDay)) continue
      for (const hour of hourSet)
        for (const minute of minuteSet) {
          const at = instantOf({ ...day, hour, minute }, zone)
          if (at !== undefined && at > after) return at
        }
    }
    return undefined
  }
}

/** The values of one field, ascending. */
function numbers(
  field: string,
  low: number,
  high: number,
  names: readonly string[],
  invalid: () => Error,
): number[] {
  const found = new Set<number>()
  for (const part of field.split(',')) {
    const [, range = '', step = '1'] = part.match(/^([^/]+)(?:\/(\d+))?$/) ?? []
    const every = Number(step)
    const [first, last] =
      range === '*' ? [low, high] : range.split('-').map(text => numberOf(text, names, low))
    const end = last ?? (part.includes('/') ? high : first)
    if (
      first === undefined ||
      end === undefined ||
      !(first >= low && end <= high && first <= end && every > 0)
    )
      throw invalid()
    for (let value = first; value <= end; value += every) found.add(value)
  }
  return [...found].sort((a, b) => a - b)
}

function numberOf(text: string, names: readonly string[], low: number): number {
  const index = names.indexOf(text.toUpperCase())
  return index >= 0 ? index + low : /^\d+$/.test(text) ? Number(text) : Number.NaN
}

function dayTest(field: string, invalid: () => Error): DayTest {
  if (field === 'L') return (day, _, lastDay) => day.day === lastDay
  const nearest = field.match(/^(\d{1,2})W$/)?.[1]
  if (nearest)
    return (day, weekday, lastDay) => day.day === nearestWorkday(day, Number(nearest), weekday, lastDay)
  const days = numbers(field, 1, 31, [], invalid)
  return day => days.includes(day.day)
}

// The Monday to Friday nearest to a day, within its month.
function nearestWorkday(day: WallClock, wanted: number, weekday: number, lastDay: number): number {
  const target = Math.min(wanted, lastDay)
  const wantedWeekday = ((((weekday - 1 + target - day.day) % 7) + 7) % 7) + 1
  if (wantedWeekday === 7) return target > 1 ? target - 1 : target + 2
  if (wantedWeekday === 1) return target < lastDay ? target + 1 : target - 2
  return target
}

function weekdayTest(field: string, invalid: () => Error): DayTest {
  const last = field.match(/^([A-Za-z0-9]+)L$/)?.[1]
  if (last) {
    const wanted = numberOf(last, DAYS, 1)
    return (day, weekday, lastDay) => weekday === wanted && day.day + 7 > lastDay
  }
  const [, name, nth] = field.match(/^([A-Za-z0-9]+)#([1-5])$/) ?? []
  if (name) {
    const wanted = numberOf(name, DAYS, 1)
    return (day, weekday) => weekday === wanted && Math.ceil(day.day / 7) === Number(nth)
  }
  const days = numbers(field, 1, 7, DAYS, invalid)
  return (_, weekday) => days.includes(weekday)
}
