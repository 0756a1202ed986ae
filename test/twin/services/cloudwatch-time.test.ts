import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type CloudWatchService, createCloudWatch } from '../../../twin/services/cloudwatch/service.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import type { Call } from '../../../twin/wire/call.ts'

const MINUTE = 60_000
const START = Date.parse('2026-11-20T12:00:00Z')
const call = { requestId: 'test', region: 'us-east-1', account: '111111111111' } as Call

let dir: string
let now: number
let said: string[]
let cloudwatch: CloudWatchService

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-cloudwatch-'))
  now = START
  said = []
  cloudwatch = begin()
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A life of the twin's CloudWatch on the same folder. */
const begin = () =>
  createCloudWatch({
    account: '111111111111',
    clock: () => now,
    open: name => openCollection(join(dir, `${name}.json`)),
    dir,
    act: async ({ message }) => {
      const { AlarmName, NewStateValue } = JSON.parse(message) as Record<string, string>
      said.push(`${AlarmName} ${NewStateValue}`)
    },
  })

const speak = (name: string, value: number) =>
  cloudwatch.put({
    region: 'us-east-1',
    namespace: 'Test',
    name,
    dimensions: {},
    at: now,
    values: [[value, 1]],
    unit: 'None',
    resolution: 60,
  })

const watch = (name: string, more: Record<string, unknown> = {}) =>
  cloudwatch.service.operations.PutMetricAlarm?.run(
    {
      AlarmName: name,
      Namespace: 'Test',
      MetricName: name,
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 3,
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 10,
      TreatMissingData: 'breaching',
      AlarmActions: ['arn:aws:sns:us-east-1:111111111111:pages'],
      OKActions: ['arn:aws:sns:us-east-1:111111111111:pages'],
      ...more,
    },
    call,
  )

/** Minutes of real time in which these speak. */
async function live(minutes: number, says: Readonly<Record<string, number>>) {
  for (let minute = 0; minute < minutes; minute += 1) {
    for (const [name, value] of Object.entries(says)) speak(name, value)
    now += MINUTE
    cloudwatch.tick()
  }
  await cloudwatch.settle()
}

test('in minutes that are let pass, those who spoke say the same and those who fell silent stay silent', async () => {
  await watch('well')
  await watch('ill', { EvaluationPeriods: 20 })
  await watch('gone')
  await live(6, { well: 1, ill: 1, gone: 1 })
  expect(said).toEqual(['well OK', 'ill OK', 'gone OK'])
  said.length = 0
  await live(4, { well: 1, ill: 11 })
  expect(said).toEqual([])

  await cloudwatch.pass(20)
  expect(said.sort()).toEqual(['gone ALARM', 'ill ALARM'])
  await live(3, { well: 1, ill: 1, gone: 1 })
  expect(said.slice(2).sort()).toEqual(['gone OK', 'ill OK'])
})

test('whose log group is over falls silent at once, however lately it spoke', async () => {
  await watch('lasting')
  await watch('over')
  const line = (name: string) =>
    JSON.stringify({
      _aws: {
        Timestamp: now,
        CloudWatchMetrics: [{ Namespace: 'Test', Dimensions: [[]], Metrics: [{ Name: name }] }],
      },
      [name]: 1,
    })
  for (let minute = 0; minute < 6; minute += 1) {
    for (const name of ['lasting', 'over'])
      cloudwatch.ingest(line(name), 'us-east-1', now, `/aws/lambda/${name}`)
    now += MINUTE
    cloudwatch.tick()
  }
  await cloudwatch.settle()
  said.length = 0
  await cloudwatch.pass(8, (region, group) => region === 'us-east-1' && group === '/aws/lambda/over')
  expect(said).toEqual(['over ALARM'])
})

test('what passed in a moment is kept beyond the life of the twin, and the clock is what it was', async () => {
  await watch('ill', { EvaluationPeriods: 20 })
  await live(4, { ill: 11 })
  await cloudwatch.pass(10)
  cloudwatch = begin()
  const answer = await cloudwatch.service.operations.GetMetricStatistics?.run(
    {
      Namespace: 'Test',
      MetricName: 'ill',
      StartTime: new Date(now - 60 * MINUTE),
      EndTime: new Date(now + MINUTE),
      Period: 60,
      Statistics: ['Maximum'],
    },
    call,
  )
  const { Datapoints } = answer as { Datapoints: { Timestamp: Date }[] }
  expect(Datapoints).toHaveLength(14)
  expect(Math.max(...Datapoints.map(({ Timestamp }) => Timestamp.getTime()))).toBe(now - MINUTE)
})

test('a twin that was down for a night wakes nobody when it comes up, and is missed when it then stays silent', async () => {
  await watch('beat')
  await live(10, { beat: 1 })
  now += 9 * 60 * MINUTE + 20_000
  said.length = 0
  cloudwatch = begin()
  cloudwatch.tick()
  // Whoever runs every minute needs two to be heard again.
  await live(2, { other: 1 })
  expect(said).toEqual([])
  await live(6, { other: 1 })
  expect(said).toEqual(['beat ALARM'])
})

test('a daily look that was due while the twin was down is not missed before a day of life has passed', async () => {
  await watch('daily', {
    Period: 3_600,
    EvaluationPeriods: 26,
    ComparisonOperator: 'LessThanThreshold',
    Threshold: 1,
  })
  speak('daily', 5)
  await live(10 * 60, { other: 1 })
  now += 40 * 60 * MINUTE
  said.length = 0
  cloudwatch = begin()
  await live(10 * 60, { other: 1 })
  expect(said).toEqual([])
  await live(10 * 60, { other: 1 })
  expect(said).toEqual(['daily ALARM'])
}, 60_000)
