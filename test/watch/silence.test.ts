import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parseConfig } from '../../config/parse.ts'
import { prod } from '../../config/prod.ts'
import { catalogue } from '../../lib/alarms/catalogue.ts'
import { createCloudWatch } from '../../twin/services/cloudwatch/service.ts'
import { openCollection } from '../../twin/state/collection.ts'
import type { Call } from '../../twin/wire/call.ts'
import { type Assembly, assembly } from '../support/assembly.ts'

const config = parseConfig(prod)
const rows = Object.values(catalogue(config)).flat()
const find = (id: string) => {
  const row = rows.find(each => each.id === id)
  if (row === undefined) throw new Error(`no row ${id}`)
  return row
}

test('an instance that is gone is told once: by the heartbeat, or by the lag of a replica', () => {
  const silent = rows
    .filter(({ missing, signal }) => missing === 'breaching' && signal.kind === 'metric')
    .filter(({ signal }) => signal.kind === 'metric' && 'DBInstanceIdentifier' in signal.metric.dimensions)
    .map(({ id }) => id)
  expect(silent).toEqual([
    'replica-lag-read-1',
    'replica-lag-read-2',
    'replica-lag-analytics',
    'replica-lag-standby',
  ])
  expect(find('heartbeat').missing).toBe('breaching')
})

const MINUTE = 60_000
const START = Date.parse('2026-11-20T12:00:00Z')

let synthesized: Assembly
let root: string
let number = 0

beforeAll(async () => {
  synthesized = await assembly('prod')
  root = mkdtempSync(join(tmpdir(), 'holdfast-silence-'))
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

/** One source of figures: it speaks every `every` seconds, `phase` seconds after the full minute, unless it is dead. */
type Source = {
  readonly metric: string
  readonly dimensions: Readonly<Record<string, string>>
  readonly namespace?: string
  readonly every: number
  readonly phase: number
  /** Seconds by which its figures come after the time that they speak of. */
  readonly late?: number
  /** What it says, by seconds since the start; undefined while it is dead. */
  readonly says: (at: number) => number | undefined
}

/** The deployed alarms of the home region through so many minutes of these sources: what they said, and when, in minutes. */
async function live(sources: readonly Source[], minutes: number) {
  number += 1
  const dir = join(root, String(number))
  let now = START
  const said: { alarm: string; state: string; minute: number }[] = []
  const cloudwatch = createCloudWatch({
    account: config.account,
    clock: () => now,
    open: name => openCollection(join(dir, `${name}.json`)),
    dir,
    act: async ({ message, actionArn }) => {
      const { AlarmName, NewStateValue } = JSON.parse(message) as { AlarmName: string; NewStateValue: string }
      if (actionArn.endsWith('-pages'))
        said.push({ alarm: AlarmName, state: NewStateValue, minute: (now - START) / MINUTE })
    },
  })
  const call = { requestId: 'test', region: config.region, account: config.account } as Call
  const { operations } = cloudwatch.service
  const wanted =
    /^shop-prod-(heartbeat|archive-behind|archive-stale|archive-slot-lost|grown|grown-day)(-lately)?(\.signal)?$/
  const made = (type: string) =>
    Object.values(synthesized.resources('monitoring', type))
      .map(({ Properties: { Tags: _, AlarmActions, OKActions, ...rest } }) => ({
        ...rest,
        ...(AlarmActions ? { AlarmActions: ['x-pages'] } : {}),
        ...(OKActions ? { OKActions: ['x-pages'] } : {}),
      }))
      .filter(({ AlarmName }) => wanted.test(AlarmName))
  for (const properties of made('AWS::CloudWatch::Alarm'))
    await operations.PutMetricAlarm?.run(properties, call)
  for (const properties of made('AWS::CloudWatch::CompositeAlarm'))
    await operations.PutCompositeAlarm?.run(properties, call)
  for (let second = 0; second < minutes * 60; second += 5) {
    now = START + second * 1_000
    for (const { metric, dimensions, namespace, every, phase, late = 0, says } of sources) {
      const value = second % every === phase ? says(second - late) : undefined
      if (value === undefined) continue
      cloudwatch.put({
        region: config.region,
        namespace: namespace ?? 'Holdfast',
        name: metric,
        dimensions,
        at: now - late * 1_000,
        values: [[value, 1]],
        unit: 'None',
        resolution: 60,
      })
    }
    if (second % 10 === 0) cloudwatch.tick()
  }
  await cloudwatch.settle()
  return said
}

const life: Source = {
  metric: 'CPUUtilization',
  namespace: 'AWS/RDS',
  dimensions: { DBInstanceIdentifier: 'shop-prod' },
  every: 60,
  phase: 0,
  says: () => 5,
}

const OUTAGE = { from: 60 * 60, to: 90 * 60 }
const dead = (at: number) => at >= OUTAGE.from && at < OUTAGE.to

/** Heartbeat, archiver and freshness, of which the first two die for half an hour after one hour of life. */
function world({ heartbeat, archiver }: { heartbeat: number; archiver: number }, beats = true): Source[] {
  const instance = { Instance: 'shop-prod' }
  return [
    life,
    {
      metric: 'HeartbeatsWritten',
      dimensions: instance,
      every: 60,
      phase: heartbeat,
      late: 55,
      says: at => (beats && dead(at) ? undefined : 55),
    },
    {
      metric: 'ArchiveSecondsBehind',
      dimensions: instance,
      every: 60,
      phase: archiver,
      // It ends fifty seconds after it began, and has half an hour to make up for.
      says: at => (dead(at - 50) ? undefined : at - 50 < OUTAGE.to + 90 && at - 50 >= OUTAGE.to ? 1_800 : 1),
    },
    {
      metric: 'SegmentAgeSeconds',
      dimensions: { Environment: 'shop-prod', Region: 'us-east-1' },
      every: 300,
      phase: 15,
      says: at => (dead(at) ? at - OUTAGE.from : 30),
    },
  ]
}

const PHASES = [0, 15, 30, 45].flatMap(heartbeat =>
  [5, 20, 35, 50].map(archiver => ({ heartbeat, archiver })),
)

test.each(PHASES)(
  'what stops heartbeat ($heartbeat s) and archiver ($archiver s) together pages once and ends once',
  async phases => {
    const said = (await live(world(phases), 150)).filter(({ minute }) => minute > 45)
    expect(said.map(({ alarm, state }) => [alarm, state])).toEqual([
      ['shop-prod-heartbeat', 'ALARM'],
      ['shop-prod-heartbeat', 'OK'],
    ])
    expect(said[0]?.minute).toBeLessThanOrEqual(66)
  },
  60_000,
)

test.each(PHASES.slice(0, 4))(
  'an archiver that dies alone ($archiver s) pages once, within six minutes, and ends once',
  async phases => {
    const said = (await live(world(phases, false), 150)).filter(({ minute }) => minute > 45)
    expect(said.map(({ alarm, state }) => [alarm, state])).toEqual([
      ['shop-prod-archive-behind', 'ALARM'],
      ['shop-prod-archive-behind', 'OK'],
    ])
    // Its last run, which was under way, still archived for most of a minute.
    expect(said[0]?.minute).toBeLessThanOrEqual(66)
  },
  60_000,
)

test('an environment that has just been made pages nobody, and one whose heartbeat never comes does after half an hour', async () => {
  const [, , ...others] = world({ heartbeat: 0, archiver: 5 })
  const said = await live([life, ...others], 50)
  const pages = said.filter(({ state }) => state === 'ALARM')
  expect(pages.map(({ alarm }) => alarm)).toEqual(['shop-prod-heartbeat'])
  expect(pages[0]?.minute).toBeGreaterThanOrEqual(30)
  expect(pages[0]?.minute).toBeLessThanOrEqual(32)
})
