import { expect, test } from '@jest/globals'
import { parseExpression } from '../../../twin/services/scheduler/expression.ts'
import { type Schedule, Scheduler } from '../../../twin/services/scheduler/scheduler.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import { temporaryFolder, until } from './fixture.ts'

function next(expression: string, after: string, zone = 'UTC', anchor = after): string | undefined {
  const at = parseExpression(expression, zone)(Date.parse(after), Date.parse(anchor))
  return at === undefined ? undefined : new Date(at).toISOString()
}

test('counts a rate from the schedule’s beginning', () => {
  expect(next('rate(1 minute)', '2026-11-20T10:00:30Z', 'UTC', '2026-11-20T10:00:00Z')).toBe(
    '2026-11-20T10:01:00.000Z',
  )
  expect(next('rate(7 days)', '2026-11-20T10:00:00Z', 'UTC', '2026-11-01T09:00:00Z')).toBe(
    '2026-11-22T09:00:00.000Z',
  )
})

test('finds the next moment of a cron expression', () => {
  expect(next('cron(0 3 * * ? *)', '2026-11-20T10:00:00Z')).toBe('2026-11-21T03:00:00.000Z')
  expect(next('cron(0/15 * * * ? *)', '2026-11-20T10:15:00Z')).toBe('2026-11-20T10:30:00.000Z')
  expect(next('cron(30 2 ? * SUN *)', '2026-11-20T10:00:00Z')).toBe('2026-11-22T02:30:00.000Z')
  expect(next('cron(0 12 L * ? *)', '2026-02-10T00:00:00Z')).toBe('2026-02-28T12:00:00.000Z')
  expect(next('cron(0 12 15W * ? *)', '2026-11-01T00:00:00Z')).toBe('2026-11-16T12:00:00.000Z')
  expect(next('cron(0 9 ? * 6L *)', '2026-11-01T00:00:00Z')).toBe('2026-11-27T09:00:00.000Z')
  expect(next('cron(0 9 ? * MON#1 *)', '2026-11-20T00:00:00Z')).toBe('2026-12-07T09:00:00.000Z')
  expect(next('cron(0 0 29 2 ? *)', '2026-11-20T00:00:00Z')).toBe('2028-02-29T00:00:00.000Z')
  expect(next('cron(0 0 1 1 ? 2025)', '2026-11-20T00:00:00Z')).toBeUndefined()
})

test('keeps to the wall clock of its zone across both changes of the clock', () => {
  expect(next('cron(0 9 * * ? *)', '2026-03-28T09:00:00Z', 'Europe/Vienna')).toBe('2026-03-29T07:00:00.000Z')
  expect(next('cron(0 9 * * ? *)', '2026-10-24T08:00:00Z', 'Europe/Vienna')).toBe('2026-10-25T08:00:00.000Z')
  // 02:30 does not exist on that night: the run is left out.
  expect(next('cron(30 2 * * ? *)', '2026-03-28T12:00:00Z', 'Europe/Vienna')).toBe('2026-03-30T00:30:00.000Z')
  expect(next('at(2026-12-24T18:00:00)', '2026-11-20T00:00:00Z', 'America/New_York')).toBe(
    '2026-12-24T23:00:00.000Z',
  )
})

test('refuses what EventBridge refuses', () => {
  for (const expression of [
    'rate(0 minutes)',
    'rate(1 week)',
    'cron(0 3 * * * *)',
    'cron(60 3 * * ? *)',
    'every day',
  ])
    expect(() => parseExpression(expression, 'UTC')).toThrow(`Invalid Schedule Expression ${expression}.`)
  expect(() => parseExpression('rate(1 day)', 'Mars/Olympus')).toThrow('Mars/Olympus is not valid')
})

const SCHEDULE: Schedule = {
  region: 'us-east-1',
  account: '111111111111',
  group: 'default',
  name: 'beat',
  description: '',
  expression: 'rate(1 minute)',
  timezone: 'UTC',
  enabled: true,
  target: {
    arn: 'arn:aws:lambda:us-east-1:111111111111:function:test:live',
    roleArn: 'arn:aws:iam::111111111111:role/schedules',
    input: '{"at":"<aws.scheduler.scheduled-time>"}',
    maximumRetryAttempts: 1,
    maximumEventAge: 60,
  },
  deleteWhenDone: false,
  createdAt: Date.parse('2026-11-20T10:00:00Z'),
  changedAt: 0,
}

function schedulerOver(path: string, refusals = 0) {
  const time = { now: Date.parse('2026-11-20T10:00:00Z') }
  const started: string[] = []
  const reports: string[] = []
  let refuse = refusals
  const scheduler = new Scheduler({
    schedules: openCollection(`${path}/schedules.json`),
    groups: openCollection(`${path}/groups.json`),
    clock: () => time.now,
    start: (_region, _target, input) => {
      if (refuse-- > 0) throw new Error('not allowed')
      started.push(input)
    },
    report: text => reports.push(text),
  })
  const to = (at: string) => {
    time.now = Date.parse(at)
    scheduler.rearm()
  }
  return { scheduler, started, reports, to }
}

test('starts a new rate at once and then by its interval, a cron and a rate with a start when they say', async () => {
  const folder = temporaryFolder()
  const { scheduler, started, to } = schedulerOver(folder.path)
  const startAt = Date.parse('2026-11-20T10:00:30Z')
  scheduler.put(SCHEDULE)
  scheduler.put({ ...SCHEDULE, name: 'later', startAt, target: { ...SCHEDULE.target, input: 'later' } })
  scheduler.put({
    ...SCHEDULE,
    name: 'hourly',
    expression: 'cron(30 * * * ? *)',
    target: { ...SCHEDULE.target, input: 'hourly' },
  })
  await until(() => started[0])
  expect(started).toEqual(['{"at":"2026-11-20T10:00:00Z"}'])
  // A change is no beginning.
  scheduler.put({ ...SCHEDULE, description: 'changed' })
  to('2026-11-20T10:00:31Z')
  await until(() => started[1])
  to('2026-11-20T10:01:00Z')
  await until(() => started[2])
  expect(started).toEqual(['{"at":"2026-11-20T10:00:00Z"}', 'later', '{"at":"2026-11-20T10:01:00Z"}'])
  scheduler.stop()
  folder.remove()
})

test('tries a refused start again', async () => {
  const folder = temporaryFolder()
  const { scheduler, started, reports } = schedulerOver(folder.path, 1)
  scheduler.put(SCHEDULE)
  await until(() => started[0])
  expect(reports).toEqual(['schedule beat: not allowed; tried again'])
  scheduler.stop()
  folder.remove()
})

test('starts rates alone while the calendar is held, and what the calendar says once it is not', async () => {
  const folder = temporaryFolder()
  const { scheduler, started, to } = schedulerOver(folder.path)
  const daily = {
    ...SCHEDULE,
    expression: 'cron(1 10 * * ? *)',
    target: { ...SCHEDULE.target, input: 'daily' },
  }
  scheduler.put({ ...daily, name: 'before' })
  scheduler.resume('rates')
  scheduler.put(SCHEDULE)
  scheduler.put({ ...daily, name: 'after' })
  await until(() => started[0])
  to('2026-11-20T10:01:30Z')
  await until(() => started[1])
  expect(scheduler.all().map(({ next }) => next)).toEqual([
    undefined,
    Date.parse('2026-11-20T10:02:00Z'),
    undefined,
  ])
  expect(started).toEqual(['{"at":"2026-11-20T10:00:00Z"}', '{"at":"2026-11-20T10:01:00Z"}'])
  scheduler.resume()
  expect(scheduler.all().map(({ next }) => next)).toEqual([
    Date.parse('2026-11-21T10:01:00Z'),
    Date.parse('2026-11-20T10:02:00Z'),
    Date.parse('2026-11-21T10:01:00Z'),
  ])
  scheduler.stop()
  folder.remove()
})

test('stays still while paused, and leaves out what came due meanwhile', async () => {
  const folder = temporaryFolder()
  const { scheduler, started, to } = schedulerOver(folder.path)
  scheduler.pause()
  scheduler.put({ ...SCHEDULE, target: { ...SCHEDULE.target, input: 'left out' } })
  to('2026-11-20T10:00:30Z')
  await scheduler.runNow('us-east-1', 'default', 'beat')
  scheduler.resume()
  // One that begins now shows that the moment has passed.
  scheduler.put({ ...SCHEDULE, name: 'new', createdAt: Date.parse('2026-11-20T10:00:30Z') })
  await until(() => started[1])
  expect(started).toEqual(['left out', '{"at":"2026-11-20T10:00:30Z"}'])
  expect(scheduler.all().map(({ next }) => next)).toEqual([
    Date.parse('2026-11-20T10:01:00Z'),
    Date.parse('2026-11-20T10:01:30Z'),
  ])
  scheduler.stop()
  folder.remove()
})
