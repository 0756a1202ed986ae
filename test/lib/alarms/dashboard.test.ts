import { expect, test } from '@jest/globals'
import { dev } from '../../../config/dev.ts'
import { parseConfig } from '../../../config/parse.ts'
import { prod } from '../../../config/prod.ts'
import { staging } from '../../../config/staging.ts'
import { catalogue } from '../../../lib/alarms/catalogue.ts'
import type { AlarmRow } from '../../../lib/alarms/row.ts'
import { assembly, type Resource } from '../../support/assembly.ts'

const environments = { dev: parseConfig(dev), staging: parseConfig(staging), prod: parseConfig(prod) }
const names = ['dev', 'staging', 'prod'] as const
const rows = (name: (typeof names)[number]) => Object.values(catalogue(environments[name])).flat()
const metricsOf = ({ signal }: AlarmRow) =>
  signal.kind === 'math' ? Object.values(signal.metrics) : [signal.metric]
type Line = [string, string, ...unknown[]]

/** Every metric line of a dashboard, with the title of its graph. */
function linesOf(body: string): { title: string; line: Line }[] {
  const { widgets } = JSON.parse(body) as {
    widgets: { type: string; properties: { title?: string; metrics?: unknown[][] } }[]
  }
  return widgets.flatMap(({ properties: { title = '', metrics = [] } }) =>
    metrics.flatMap(line => (typeof line[0] === 'string' ? [{ title, line: line as Line }] : [])),
  )
}

/** The account's partition is the only intrinsic that a body may hold. */
function bodyOf({ DashboardBody }: Resource['Properties']): string {
  return typeof DashboardBody === 'string'
    ? DashboardBody
    : DashboardBody['Fn::Join'][1]
        .map((piece: unknown) => (typeof piece === 'string' ? piece : 'aws'))
        .join('')
}

test.each([
  ['dev', 'monitoring', 'home'],
  ['staging', 'monitoring', 'home'],
  ['staging', 'standby-monitoring', 'standby'],
  ['prod', 'monitoring', 'home'],
  ['prod', 'standby-monitoring', 'standby'],
] as const)(
  'the dashboard of %s (%s) shows what its alarms watch, each once, and the percentiles of the query time',
  async (name, part, region) => {
    const { Properties } = (await assembly(name)).only(part, 'AWS::CloudWatch::Dashboard')
    const body = bodyOf(Properties)
    const shown = linesOf(body).map(({ line: [namespace, metric, ...rest] }) => {
      const pairs = rest.filter(item => typeof item === 'string')
      const { stat } = rest.at(-1) as { stat: string }
      return [namespace, metric, ...pairs, stat].join(' ')
    })
    const watched = rows(name)
      .filter(row => row.region === region && row.severity !== 'inner')
      .flatMap(row => metricsOf(row))
      .map(({ namespace, name: metric, dimensions, statistic }) =>
        [namespace, metric, ...Object.entries(dimensions).flat(), statistic].join(' '),
      )
    const percentiles = ['P50', 'P95', 'P99'].map(
      which => `Holdfast Query${which}Milliseconds Instance shop-${name} Average`,
    )
    expect(new Set(shown)).toEqual(new Set([...watched, ...(region === 'home' ? percentiles : [])]))
    const { widgets } = JSON.parse(body) as {
      widgets: { type: string; properties: { alarms?: string[]; title?: string } }[]
    }
    const titles = widgets.flatMap(({ type, properties }) => (type === 'metric' ? [properties.title] : []))
    expect(new Set(titles).size).toBe(titles.length)
    expect(widgets.length).toBeLessThanOrEqual(500)
    // Objectives on top, beside the alarms.
    expect(widgets.slice(0, 2).map(({ type }) => type)).toEqual(['text', 'alarm'])
    const alarms = widgets[1]?.properties.alarms ?? []
    expect(alarms.length).toBeGreaterThan(4)
    expect(alarms.filter(arn => arn.includes('grown') || arn.includes('lately'))).toEqual([])
  },
)

test('the dashboard says by which means each failure is survived, and draws what the objective allows on its figure', async () => {
  const { Properties } = (await assembly('prod')).only('monitoring', 'AWS::CloudWatch::Dashboard')
  const { widgets } = JSON.parse(bodyOf(Properties)) as {
    widgets: {
      properties: {
        title?: string
        markdown?: string
        annotations?: { horizontal: { label: string; value: number }[] }
      }
    }[]
  }
  expect(widgets[0]?.properties.markdown).toContain(
    '| bad-write | 300 s | 3600 s | change archive, point-in-time recovery | drilled every 7 days |',
  )
  const allowed = widgets.flatMap(({ properties: { title, annotations } }) =>
    (annotations?.horizontal ?? [])
      .filter(({ label }) => label.endsWith('allows'))
      .map(({ label, value }) => [title, label, value]),
  )
  expect(allowed).toEqual([
    ['restorable-age (seconds)', 'bad-write allows', 300],
    ['archive-behind (seconds)', 'bad-write allows', 300],
  ])
})
