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
  createdAt: Date.now() - 59_900,
  changedAt: 0,
}

test('starts its target when due, tries a refused start again, and stays still while paused', async () => {
  const folder = temporaryFolder()
  const started: string[] = []
  const reports: string[] = []
  let refuse = 1
  const scheduler = new Scheduler({
    schedules: openCollection(`${folder.path}/schedules.json`),
    groups: openCollection(`${folder.path}/groups.json`),
    clock: Date.now,
    start: (_region, _target, input) => {
      if (refuse-- > 0) throw new Error('not allowed')
      started.push(input)
    },
    report: text => reports.push(text),
  })
  scheduler.put(SCHEDULE)
  await until(() => started[0])
  expect(JSON.parse(started[0]!).at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  expect(reports).toEqual(['schedule beat: not allowed; tried again'])
  scheduler.pause()
  scheduler.put({ ...SCHEDULE, name: 'paused', createdAt: Date.now() - 59_900 })
  await new Promise(resolve => setTimeout(resolve, 300))
  expect(started).toHaveLength(1)
  await scheduler.runNow('us-east-1', 'default', 'paused')
  expect(started).toHaveLength(2)
  scheduler.stop()
  folder.remove()
})
