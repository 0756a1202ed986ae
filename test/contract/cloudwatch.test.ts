import * as cloudwatch from '@aws-sdk/client-cloudwatch'
import * as sns from '@aws-sdk/client-sns'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Account, openAccount } from './account.ts'
import { until } from './target.ts'

let account: Account
let Namespace = ''
let TopicArn = ''

beforeAll(async () => {
  account = await openAccount()
  Namespace = account.unique
  TopicArn = (await account.sns.send(new sns.CreateTopicCommand({ Name: account.unique }))).TopicArn ?? ''
})

afterAll(async () => {
  await account.cloudwatch.send(new cloudwatch.DeleteAlarmsCommand({ AlarmNames: [account.unique] }))
  await account.sns.send(new sns.DeleteTopicCommand({ TopicArn }))
  await account.close()
})

const put = (Value: number, secondsAgo: number) =>
  account.cloudwatch.send(
    new cloudwatch.PutMetricDataCommand({
      Namespace,
      MetricData: [
        { MetricName: 'lag', Value, Timestamp: new Date(Date.now() - secondsAgo * 1000), Unit: 'Seconds' },
      ],
    }),
  )

describe('CloudWatch', () => {
  test('answers an expression over what was put', async () => {
    await put(3, 300)
    const data = await until(async () => {
      const { MetricDataResults } = await account.cloudwatch.send(
        new cloudwatch.GetMetricDataCommand({
          StartTime: new Date(Date.now() - 900_000),
          EndTime: new Date(),
          MetricDataQueries: [
            {
              Id: 'm1',
              MetricStat: { Metric: { Namespace, MetricName: 'lag' }, Period: 60, Stat: 'Sum' },
              ReturnData: false,
            },
            { Id: 'e1', Expression: 'm1 * 2 + 1' },
          ],
        }),
      )
      return MetricDataResults?.[0]?.Values?.length ? MetricDataResults : undefined
    }, 180)
    expect(data).toMatchObject([{ Id: 'e1', Values: [7], StatusCode: 'Complete' }])
  })

  test('rings an alarm whose data is missing where that means a fault', async () => {
    await account.cloudwatch.send(
      new cloudwatch.PutMetricAlarmCommand({
        AlarmName: account.unique,
        Namespace,
        MetricName: 'never',
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: 'GreaterThanThreshold',
        TreatMissingData: 'breaching',
        AlarmActions: [TopicArn],
      }),
    )
    const alarm = await until(async () => {
      account.twin?.tick()
      const { MetricAlarms } = await account.cloudwatch.send(
        new cloudwatch.DescribeAlarmsCommand({ AlarmNames: [account.unique] }),
      )
      return MetricAlarms?.[0]?.StateValue === 'ALARM' ? MetricAlarms[0] : undefined
    }, 300)
    expect(alarm.StateReason).toContain('Threshold Crossed: no datapoints were received for 1 period')
    const history = await until(async () => {
      const { AlarmHistoryItems = [] } = await account.cloudwatch.send(
        new cloudwatch.DescribeAlarmHistoryCommand({ AlarmName: account.unique, HistoryItemType: 'Action' }),
      )
      return AlarmHistoryItems[0]?.HistorySummary
    }, 60)
    expect(history).toContain(`Successfully executed action ${TopicArn}`)
  })
})
