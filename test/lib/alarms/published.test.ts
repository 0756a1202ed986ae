import { expect, test } from '@jest/globals'
import { loadEnvironment } from '../../../config/environments.ts'
import { catalogue } from '../../../lib/alarms/catalogue.ts'
import { functionRows } from '../../../lib/alarms/function-rows.ts'
import { PUBLISHED } from '../../../lib/alarms/published.ts'
import type { AlarmRow, Metric } from '../../../lib/alarms/row.ts'

// What the project itself publishes is held to the sources of its functions, in test/watch/published.test.ts.
const OURS = 'Holdfast'
const NAMES = ['dev', 'staging', 'prod'] as const

const metricsOf = ({ signal }: AlarmRow) =>
  signal.kind === 'math' ? Object.values(signal.metrics) : [signal.metric]
const publicationOf = ({ namespace, name, dimensions }: Metric) =>
  PUBLISHED.find(
    one =>
      one.namespace === namespace &&
      one.dimensions.join() === Object.keys(dimensions).sort().join() &&
      one.metrics[name] !== undefined,
  )

function watched(name: (typeof NAMES)[number]) {
  const rows = [
    ...Object.values(catalogue(loadEnvironment(name))).flat(),
    ...functionRows({ verb: 'reaper', functionName: 'reaper', timeout: 60, region: 'home' }),
  ]
  return rows.flatMap(row =>
    metricsOf(row)
      .filter(({ namespace }) => namespace !== OURS)
      .map(metric => ({ row, metric, published: publicationOf(metric) })),
  )
}

test.each(NAMES)('every metric of AWS that %s watches is published under those dimensions', name => {
  const unknown = watched(name).flatMap(({ row, metric, published }) =>
    published === undefined ? [`${row.id}: ${metric.name} by ${Object.keys(metric.dimensions)}`] : [],
  )
  expect(unknown).toEqual([])
})

test.each(NAMES)(
  '%s bounds each metric of AWS in its unit, by a statistic that says something of it',
  name => {
    const wrong = watched(name).flatMap(({ row, metric, published }) => {
      const [unit, ...statistics] = published?.metrics[metric.name] ?? []
      // How often something was said is a count, whatever was said.
      const isCount = metric.statistic === 'SampleCount'
      const isUnit = row.signal.kind !== 'metric' || row.unit === (isCount ? 'count' : unit)
      return isUnit && (isCount || statistics.includes(metric.statistic))
        ? []
        : [`${row.id}: ${metric.name} ${metric.statistic} in ${row.unit}`]
    })
    expect(wrong).toEqual([])
  },
)

test.each(NAMES)('%s watches each metric in the region in which AWS publishes it', name => {
  const { region: home, standbyRegion: standby } = loadEnvironment(name)
  const wrong = watched(name).flatMap(({ row, metric, published }) => {
    const place = { home, standby }[row.region]
    const told = Object.entries(metric.dimensions).filter(([dimension]) => dimension === published?.region)
    // Of the two regions' instances only the standby carries its region in its name.
    const instance = metric.dimensions.DBInstanceIdentifier
    const isThere = instance === undefined || instance.endsWith('-standby') === (row.region === 'standby')
    return isThere && told.every(([, resource]) => resource.endsWith(`-${place}`)) ? [] : [row.id]
  })
  expect(wrong).toEqual([])
})

test('how late a copy of a bucket is appears where it arrives, and what failed where it came from', () => {
  const rows = Object.values(catalogue(loadEnvironment('prod'))).flat()
  const regionOf = (id: string) => rows.find(row => row.id === id)?.region
  for (const purpose of ['segments', 'evidence', 'exports'])
    expect([regionOf(`copy-late-${purpose}`), regionOf(`copy-failed-${purpose}`)]).toEqual([
      'standby',
      'home',
    ])
})

test('each publication is listed once, says its source on a page of AWS, and is watched by some alarm', () => {
  const names = PUBLISHED.flatMap(({ namespace, dimensions, metrics }) =>
    Object.keys(metrics).map(name => `${namespace} ${dimensions} ${name}`),
  )
  expect(names).toEqual([...new Set(names)])
  for (const { source, dimensions } of PUBLISHED) {
    expect(source).toMatch(/^https:\/\/docs\.aws\.amazon\.com\/.+\.html$/)
    expect(dimensions).toEqual(dimensions.toSorted())
  }
  const used = NAMES.flatMap(name => watched(name)).map(
    ({ metric }) => `${metric.namespace} ${Object.keys(metric.dimensions).sort()} ${metric.name}`,
  )
  expect(names.filter(name => !used.includes(name))).toEqual([])
})
