import { type Desired, keep, type Physical, type Provisioner, tagList } from '../provisioner.ts'
import { type Api, amount, flag, given } from './api.ts'

const AMOUNTS = ['Threshold', 'Period', 'EvaluationPeriods', 'DatapointsToAlarm']

/** CloudWatch alarms, single and composite, and dashboards. */
export function alarmProvisioners(api: Api): Record<string, Provisioner> {
  const put =
    (operation: string) =>
    async (desired: Desired): Promise<Physical> => {
      const { Tags: _tags, ...properties } = desired.properties
      const AlarmName = String(properties.AlarmName ?? desired.generatedName)
      const numbers = Object.fromEntries(AMOUNTS.map(name => [name, amount(properties[name])]))
      await api('monitoring', desired.region, operation, {
        ...given({
          ...properties,
          ...numbers,
          ActionsEnabled: flag(properties.ActionsEnabled) ?? true,
          Metrics: properties.Metrics?.map(metricQuery),
        }),
        AlarmName,
        Tags: tagList(desired.tags),
      })
      const arn = `arn:aws:cloudwatch:${desired.region}:${desired.account}:alarm:${AlarmName}`
      return { ref: AlarmName, attributes: { Arn: arn } }
    }
  const provisioner = (operation: string): Provisioner => ({
    kind: 'real',
    create: put(operation),
    update: async (desired, before) => {
      keep(desired, before, ['AlarmName'])
      return put(operation)(desired)
    },
    remove: async before => {
      await api('monitoring', before.region, 'DeleteAlarms', { AlarmNames: [before.ref] })
    },
  })
  return {
    'AWS::CloudWatch::Dashboard': dashboards(api),
    'AWS::CloudWatch::Alarm': provisioner('PutMetricAlarm'),
    'AWS::CloudWatch::CompositeAlarm': provisioner('PutCompositeAlarm'),
  }
}

function dashboards(api: Api): Provisioner {
  const put = async ({ properties, region, generatedName }: Desired): Promise<Physical> => {
    const DashboardName = String(properties.DashboardName ?? generatedName)
    await api('monitoring', region, 'PutDashboard', {
      DashboardName,
      DashboardBody: properties.DashboardBody,
    })
    return { ref: DashboardName, attributes: {} }
  }
  return { kind: 'real', create: put, update: put, remove: async () => {} }
}

function metricQuery(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const stat = query.MetricStat as { Period?: unknown } | undefined
  return given({
    ...query,
    ReturnData: flag(query.ReturnData),
    Period: amount(query.Period),
    MetricStat: stat && { ...stat, Period: amount(stat.Period) },
  })
}
