import { expect, test } from '@jest/globals'
import { parseConfig } from '../../config/parse.ts'
import { prod } from '../../config/prod.ts'
import { catalogue } from '../../lib/alarms/catalogue.ts'
import { EXTRA_PERIODS } from '../../twin/services/cloudwatch/judgement.ts'

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

test('a dead archiver is told before what it may lose is lost', () => {
  const { period, datapoints, outOf } = find('archive-behind')
  // Silence counts once no real datapoint is left in all that CloudWatch looks back at; a minute may be half over.
  expect([datapoints, outOf]).toEqual([1, 1])
  const worst = (outOf + EXTRA_PERIODS + 1) * period
  expect(worst).toBeLessThan(config.objectives['bad-write']?.rpo ?? 0)
})

test('after an outage of the primary its consequences end before the heartbeat that keeps them quiet', () => {
  const { datapoints, outOf, period } = find('heartbeat')
  const goodMinutesNeeded = (outOf - datapoints + 1) * period
  const consequences = rows.filter(row => row.causes.includes('heartbeat') && row.missing === 'breaching')
  expect(consequences.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['archive-behind', 'replica-lag-read-1']),
  )
  const pages = consequences.filter(({ severity }) => severity === 'page')
  expect(pages.filter(row => (row.outOf - row.datapoints + 1) * row.period > goodMinutesNeeded)).toEqual([])
})
