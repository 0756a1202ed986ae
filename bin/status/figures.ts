import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch'
import type { Metric } from '../../lib/alarms/row.ts'

/** One figure to look up, by a name of our own. */
export type Wanted = Readonly<Record<string, Metric>>

/** Seconds back in which a figure still counts as now: three runs of the slowest publisher. */
const RECENT = 900

/** A figure and how long ago it was published. Seconds. */
export type Said = { readonly value: number; readonly age: number }

/**
 * The newest value of each metric in that region; `undefined` where nothing was published lately, which is not zero.
 * @param now milliseconds since the epoch
 * @param limit ends the question
 * @param within seconds back in which it still counts; `period` those of one value
 */
export async function newestFigures(
  region: string,
  wanted: Wanted,
  now: number,
  limit?: AbortSignal,
  { within = RECENT, period = 60 }: { readonly within?: number; readonly period?: number } = {},
): Promise<Readonly<Record<string, Said | undefined>>> {
  const names = Object.keys(wanted)
  if (names.length === 0) return {}
  const client = new CloudWatchClient({ region })
  try {
    const { MetricDataResults = [] } = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(now - within * 1_000),
        EndTime: new Date(now + 60_000),
        ScanBy: 'TimestampDescending',
        MetricDataQueries: Object.values(wanted).map((metric, index) => queryOf(metric, index, period)),
      }),
      { abortSignal: limit },
    )
    return Object.fromEntries(
      names.map((name, index) => {
        const { Values, Timestamps } = MetricDataResults.find(result => result.Id === `q${index}`) ?? {}
        const [value, at] = [Values?.[0], Timestamps?.[0]]
        if (value === undefined || at === undefined) return [name, undefined]
        return [name, { value, age: Math.max(0, (now - at.getTime()) / 1_000) }]
      }),
    )
  } finally {
    client.destroy()
  }
}

function queryOf(
  { namespace, name, dimensions, statistic }: Metric,
  index: number,
  period: number,
): MetricDataQuery {
  const pairs = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }))
  return {
    Id: `q${index}`,
    MetricStat: {
      Metric: { Namespace: namespace, MetricName: name, Dimensions: pairs },
      Period: period,
      Stat: statistic,
    },
  }
}

/** An alarm that rings. */
export type Ringing = {
  readonly name: string
  readonly region: string
  readonly since: string
  readonly sentence: string
  readonly article: string
}

/** Alarms of this environment that ring in that region, those that speak to somebody only. */
export async function ringingAlarms(
  region: string,
  prefix: string,
  limit?: AbortSignal,
): Promise<readonly Ringing[]> {
  const client = new CloudWatchClient({ region })
  try {
    const ringing: Ringing[] = []
    let NextToken: string | undefined
    do {
      const page = await client.send(
        new DescribeAlarmsCommand({
          AlarmNamePrefix: `${prefix}-`,
          StateValue: 'ALARM',
          AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
          NextToken,
        }),
        { abortSignal: limit },
      )
      for (const alarm of [...(page.MetricAlarms ?? []), ...(page.CompositeAlarms ?? [])])
        if ((alarm.AlarmActions ?? []).length > 0)
          ringing.push({
            name: alarm.AlarmName ?? '',
            region,
            since: alarm.StateUpdatedTimestamp?.toISOString() ?? '',
            ...sentenceOf(alarm.AlarmDescription ?? ''),
          })
      NextToken = page.NextToken
    } while (NextToken !== undefined)
    return ringing
  } finally {
    client.destroy()
  }
}

/** The first line and the article of a text that the catalogue wrote. */
function sentenceOf(description: string): { sentence: string; article: string } {
  const lines = description.split('\n')
  const article = lines.find(line => line.startsWith('Article: '))?.slice('Article: '.length) ?? ''
  return { sentence: lines[0] ?? '', article }
}
