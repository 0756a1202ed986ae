import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parseConfig } from '../../../config/parse.ts'
import { prod } from '../../../config/prod.ts'
import { signalName } from '../../../lib/alarms/alarms.ts'
import { catalogue } from '../../../lib/alarms/catalogue.ts'
import type { AlarmRow, Metric } from '../../../lib/alarms/row.ts'
import { type CloudWatchService, createCloudWatch } from '../../../twin/services/cloudwatch/service.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import type { Call } from '../../../twin/wire/call.ts'
import { type Assembly, assembly, type Resource } from '../../support/assembly.ts'

const config = parseConfig(prod)
const rows = Object.values(catalogue(config)).flat()
const NOW = Date.parse('2026-11-20T12:00:00Z')
const GIB = 1024 ** 3

let synthesized: Assembly
let root: string
let number = 0

beforeAll(async () => {
  synthesized = await assembly('prod')
  root = mkdtempSync(join(tmpdir(), 'holdfast-alarms-'))
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

const region = (row: AlarmRow) => (row.region === 'home' ? config.region : config.standbyRegion)
const part = (row: AlarmRow) => (row.region === 'home' ? 'monitoring' : 'standby-monitoring')

/** The very alarm of the template, in a CloudWatch that knows nothing else. */
async function watching(row: AlarmRow) {
  number += 1
  const dir = join(root, String(number))
  const cloudwatch = createCloudWatch({
    account: config.account,
    clock: () => NOW,
    open: name => openCollection(join(dir, `${name}.json`)),
    dir,
    act: async () => {},
  })
  for (const wanted of [row, ...named(row)]) await put(cloudwatch, wanted, row)
  return cloudwatch
}

/** The alarms that this row's own asks. */
const named = ({ causes, needs }: AlarmRow) => rows.filter(({ id }) => [...causes, ...needs].includes(id))

async function put(cloudwatch: CloudWatchService, row: AlarmRow, place: AlarmRow) {
  const call = {
    requestId: 'test',
    region: region(place),
    account: config.account,
    service: 'monitoring',
  } as Call
  const name = signalName(config, row)
  const inTemplate = (type: string, wanted: string): Resource | undefined =>
    Object.values(synthesized.resources(part(row), type)).find(
      ({ Properties }) => Properties.AlarmName === wanted,
    )
  const signal = inTemplate('AWS::CloudWatch::Alarm', name)
  if (!signal) throw new Error(`the template has no alarm ${name}`)
  const { AlarmActions: _, OKActions: __, Tags: ___, ...properties } = signal.Properties
  await cloudwatch.service.operations.PutMetricAlarm?.run(properties, call)
  const composite = inTemplate('AWS::CloudWatch::CompositeAlarm', `${config.name}-${row.id}`)
  if (row !== place || !composite) return
  const { AlarmName, AlarmRule } = composite.Properties
  for (const other of named(row)) await put(cloudwatch, other, place)
  await cloudwatch.service.operations.PutCompositeAlarm?.run({ AlarmName, AlarmRule }, call)
}

/** One value a period, the newest last, for as long as the alarm looks back and a little more. */
function feed(cloudwatch: CloudWatchService, row: AlarmRow, metric: Metric, values: readonly number[]) {
  const step = row.period * 1_000
  values.forEach((value, index) => {
    const at = NOW - (values.length - index) * step + step / 2
    const { namespace, name, dimensions } = metric
    cloudwatch.put({
      region: region(row),
      namespace,
      name,
      dimensions,
      at,
      values: [[value, 1]],
      unit: 'None',
      resolution: 60,
    })
  })
}

/** A series on one side of the bound. The good one stands exactly on it: the nearest miss there is. */
function feedSide(cloudwatch: CloudWatchService, row: AlarmRow, side: 'good' | 'bad') {
  const { signal, threshold, bad } = row
  const beyond = Math.max(Math.abs(threshold) * 0.01, 0.001) * (bad === 'above' ? 1 : -1)
  const value = side === 'bad' ? threshold + beyond : threshold
  // How often something was said is bad by itself: a series that is too short is the good one.
  const isCount = signal.kind === 'metric' && signal.metric.statistic === 'SampleCount'
  const length = isCount && side === 'good' ? row.datapoints - 1 : row.outOf + 3
  const constant = (level: number) => Array.from({ length }, () => level)
  if (signal.kind === 'metric') return feed(cloudwatch, row, signal.metric, constant(value))
  if (signal.kind === 'anomaly') {
    const usual = Array.from({ length: 400 }, (_, index) => (index % 2 ? 98 : 102))
    return feed(cloudwatch, row, signal.metric, [...usual, ...constant(side === 'bad' ? 1_000 : 101)])
  }
  for (const [id, metric] of Object.entries(signal.metrics))
    feed(cloudwatch, row, metric, mathValues(row, id, side, value, length))
}

function mathValues(
  row: AlarmRow,
  id: string,
  side: 'good' | 'bad',
  value: number,
  length: number,
): number[] {
  const constant = (level: number) => Array.from({ length }, () => level)
  if (row.id.startsWith('disk-filling'))
    return side === 'good'
      ? constant(100 * GIB)
      : Array.from({ length }, (_, index) => (100 - index * 10) * GIB)
  if (id === 'used' || id === 'proof') return constant(value)
  if (id === 'life') return constant(row.threshold * 10)
  if (id === 'total') return constant(100)
  if (id === 'h0') return constant(value)
  if (id === 'm0') return constant(100 - value)
  return constant(0)
}

const stateOf = (cloudwatch: CloudWatchService, name: string) =>
  cloudwatch.ringing().some(alarm => alarm.name === name) ? 'ALARM' : 'quiet'

test.each(rows.map(row => [row.id, row] as const))(
  '%s rings for a bad series and not for a good one',
  async (_, row) => {
    for (const [side, wanted] of [
      ['bad', 'ALARM'],
      ['good', 'quiet'],
    ] as const) {
      const cloudwatch = await watching(row)
      feedSide(cloudwatch, row, side)
      cloudwatch.tick()
      expect([side, stateOf(cloudwatch, signalName(config, row))]).toEqual([side, wanted])
    }
  },
)

test.each(rows.map(row => [row.id, row] as const))('%s treats silence as declared', async (_, row) => {
  const cloudwatch = await watching(row)
  cloudwatch.tick()
  expect(stateOf(cloudwatch, signalName(config, row))).toBe(row.missing === 'breaching' ? 'ALARM' : 'quiet')
})

const consequences = rows.filter(row => row.causes.length > 0)
const young = rows.filter(row => row.needs.length > 0 && row.missing === 'breaching')
const metricsOf = ({ signal }: AlarmRow) =>
  signal.kind === 'math' ? Object.values(signal.metrics) : [signal.metric]
const keys = (row: AlarmRow) =>
  metricsOf(row).map(({ name, dimensions }) => JSON.stringify([name, dimensions]))
const shareMetric = (a: AlarmRow, b: AlarmRow) => keys(a).some(key => keys(b).includes(key))

/** Series on which only `row` is bad: a cause on the same metric sees the row's own values, the others the strictest good one. */
function feedAlone(cloudwatch: CloudWatchService, row: AlarmRow, causes: readonly AlarmRow[]) {
  feedSide(cloudwatch, row, 'bad')
  const beyond = Math.max(Math.abs(row.threshold) * 0.01, 0.001) * (row.bad === 'above' ? 1 : -1)
  const level = row.id.startsWith('disk-filling') ? 45 * GIB : row.threshold + beyond
  for (const cause of causes) {
    const [metric] = metricsOf(cause)
    if (cause.signal.kind === 'metric' && metric && shareMetric(row, cause))
      feed(
        cloudwatch,
        cause,
        metric,
        Array.from({ length: cause.outOf + 3 }, () => level),
      )
    else if (!shareMetric(row, cause)) {
      const same = causes.filter(other => shareMetric(other, cause)).map(other => other.threshold)
      feedSide(
        cloudwatch,
        { ...cause, threshold: cause.bad === 'above' ? Math.min(...same) : Math.max(...same) },
        'good',
      )
    }
  }
}

test.each(consequences.map(row => [row.id, row] as const))(
  '%s speaks alone and keeps quiet beside its cause',
  async (_, row) => {
    const causes = rows.filter(other => row.causes.includes(other.id))
    const cause = causes[0]
    if (!cause) throw new Error('no cause')
    const name = `${config.name}-${row.id}`
    const needs = rows.filter(other => row.needs.includes(other.id))
    const alone = await watching(row)
    for (const need of needs) feedSide(alone, need, 'bad')
    feedAlone(alone, row, causes)
    alone.tick()
    alone.tick()
    expect(stateOf(alone, name)).toBe('ALARM')

    const beside = await watching(row)
    for (const need of needs) feedSide(beside, need, 'bad')
    const longer = {
      ...cause,
      outOf: cause.period === row.period ? Math.max(cause.outOf, row.outOf) : cause.outOf,
    }
    if (!shareMetric(row, cause) || row.id.startsWith('disk-filling')) feedSide(beside, row, 'bad')
    feedSide(beside, longer, 'bad')
    beside.tick()
    beside.tick()
    expect(stateOf(beside, signalName(config, row))).toBe('ALARM')
    expect(stateOf(beside, signalName(config, cause))).toBe('ALARM')
    expect(stateOf(beside, name)).toBe('quiet')
  },
)

test.each(young.map(row => [row.id, row] as const))(
  '%s says nothing of silence while the environment is young, and tells of it later',
  async (_, row) => {
    const name = `${config.name}-${row.id}`
    const need = rows.find(({ id }) => row.needs.includes(id))
    if (!need) throw new Error('no need')
    const cloudwatch = await watching(row)
    feedSide(cloudwatch, need, 'good')
    cloudwatch.tick()
    expect(stateOf(cloudwatch, signalName(config, row))).toBe('ALARM')
    expect(stateOf(cloudwatch, name)).toBe('quiet')

    const grown = await watching(row)
    feedSide(grown, need, 'bad')
    // Those that rang by silence as well are its causes: they must have something good to say.
    for (const cause of rows.filter(({ id, missing }) => row.causes.includes(id) && missing === 'breaching'))
      if (!shareMetric(row, cause)) feedSide(grown, cause, 'good')
    grown.tick()
    expect(stateOf(grown, name)).toBe('ALARM')
  },
)
