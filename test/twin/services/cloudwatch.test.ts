import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as cloudwatch from '@aws-sdk/client-cloudwatch'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { parseAlarmRule, ruleHolds } from '../../../twin/services/cloudwatch/alarm-rule.ts'
import type { AlarmAction } from '../../../twin/services/cloudwatch/evaluation.ts'
import { type AlarmState, judge } from '../../../twin/services/cloudwatch/judgement.ts'
import { evaluateMath, type MathScope, type Value } from '../../../twin/services/cloudwatch/math.ts'
import { type CloudWatchService, createCloudWatch } from '../../../twin/services/cloudwatch/service.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import { listenerWith } from '../../support/wire.ts'

describe('missing data', () => {
  // "Configuring how CloudWatch alarms treat missing data": both tables of the CloudWatch user guide.
  test.each([
    ['0-X-X', 3, 3, 'OK', 'OK', 'OK', 'OK'],
    ['----0', 3, 3, 'OK', 'OK', 'OK', 'OK'],
    ['-----', 3, 3, 'INSUFFICIENT_DATA', 'retain', 'ALARM', 'OK'],
    ['0XX-X', 3, 3, 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
    ['--X--', 3, 3, 'ALARM', 'retain', 'ALARM', 'OK'],
    ['0-X-X', 3, 2, 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
    ['00X0X', 3, 2, 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
    ['0-X--', 3, 2, 'OK', 'OK', 'ALARM', 'OK'],
    ['----0', 3, 2, 'OK', 'OK', 'ALARM', 'OK'],
    ['---X-', 3, 2, 'ALARM', 'retain', 'ALARM', 'OK'],
  ] as const)(
    '%s of %i with %i: missing %s, ignore %s, breaching %s, notBreaching %s',
    (drawn, n, m, ...wanted) => {
      const range = [...drawn].map(point => (point === '-' ? undefined : point === 'X'))
      const modes = ['missing', 'ignore', 'breaching', 'notBreaching'] as const
      const before: AlarmState = 'INSUFFICIENT_DATA'
      const got = modes.map((treatMissingData, index) => {
        const state = judge(range, { evaluationPeriods: n, datapointsToAlarm: m, treatMissingData }, before)
        return wanted[index] === 'retain' && state === before ? 'retain' : state
      })
      expect(got).toEqual(wanted)
    },
  )
})

describe('metric math', () => {
  const times = [0, 60_000, 120_000, 180_000]
  const points = (...values: (number | undefined)[]) =>
    new Map(
      values.flatMap((value, index): [number, number][] =>
        value === undefined ? [] : [[times[index]!, value]],
      ),
    )
  const metrics: Record<string, Map<number, number>> = {
    m1: points(1, 2, 4, 8),
    m2: points(10, undefined, 20, 0),
    free: points(600, 540, 480, 480),
  }
  const scope: MathScope = {
    series: id => (metrics[id] ? { kind: 'series', points: metrics[id] } : undefined),
    metricIds: ['m1', 'm2'],
    period: 60,
    times,
    history: () =>
      new Map(Array.from({ length: 20 }, (_, index) => [-(index + 1) * 60_000, index % 2 ? 4 : 6])),
  }
  const drawn = (value: Value) =>
    value.kind === 'scalar'
      ? value.value
      : value.kind === 'series'
        ? times.map(at => value.points.get(at) ?? null)
        : value.kind === 'band'
          ? [[...value.lower.values()], [...value.upper.values()]]
          : value.series.length

  test.each([
    ['1 + 2 * 3', 7],
    ['-(1 + 2) ^ 2', -9],
    ['100 * m1 / m2', [10, null, 20, null]],
    ['m1 + m2', [11, null, 24, 8]],
    ['m1 > 2', [0, 0, 1, 1]],
    ['m1 > 1 AND m1 < 8', [0, 1, 1, 0]],
    ['m1 == 1 OR m1 == 8', [1, 0, 0, 1]],
    ['FILL(m2, 0)', [10, 0, 20, 0]],
    ['FILL(m2, REPEAT)', [10, 10, 20, 0]],
    ['FILL(m2, LINEAR)', [10, 15, 20, 0]],
    ['RATE(free)', [null, -1, -1, 0]],
    ['IF(RATE(free) < 0, free / (0 - RATE(free)) / 3600, 1000)', [null, 0.15, 480 / 3600, 1000]],
    ['IF(m1 > 2, m1)', [null, null, 4, 8]],
    ['DIFF(m1)', [null, 1, 2, 4]],
    ['SUM(METRICS())', [11, 2, 24, 8]],
    ['MAX([m1, m2])', [10, 2, 20, 8]],
    ['AVG(m1)', 3.75],
    ['RUNNING_SUM(m1)', [1, 3, 7, 15]],
    ['m1 * PERIOD(m1)', [60, 120, 240, 480]],
    ['METRICS("m")', 2],
    ['ABS(0 - m1)', [1, 2, 4, 8]],
  ])('%s', (expression, wanted) => {
    expect(drawn(evaluateMath(expression, scope))).toEqual(wanted)
  })

  test('draws a band from the history', () => {
    expect(drawn(evaluateMath('ANOMALY_DETECTION_BAND(m1, 2)', scope))).toEqual([
      [3, expect.any(Number), expect.any(Number), expect.any(Number)],
      [7, expect.any(Number), expect.any(Number), expect.any(Number)],
    ])
  })

  test.each([
    ['SEARCH("x", "Average")', 'calls SEARCH'],
    ['m1 +', 'is not understood'],
    ['m9 + 1', 'names m9, which is no metric of the request'],
    ['m1 m2', 'goes on at "m2"'],
  ])('refuses %s', (expression, message) => {
    expect(() => evaluateMath(expression, scope)).toThrow(message)
  })
})

describe('an alarm rule', () => {
  const states: Record<string, AlarmState> = { a: 'ALARM', b: 'OK', 'c.signal': 'INSUFFICIENT_DATA' }
  test.each([
    ['ALARM("a")', true],
    ['ALARM(a) AND NOT ALARM("b")', true],
    ['ALARM("b") OR ALARM("a") AND FALSE', false],
    ['(ALARM("b") OR ALARM("a")) AND TRUE', true],
    ['NOT (OK("b") AND INSUFFICIENT_DATA("c.signal"))', false],
    ['ALARM("arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a")', true],
  ])('%s is %s', (rule, holds) => {
    expect(ruleHolds(parseAlarmRule(rule), name => states[name] ?? 'INSUFFICIENT_DATA')).toBe(holds)
  })

  test.each([['ALARM("a"'], ['RINGS("a")'], ['ALARM("a") ALARM("b")'], ['']])('%s is refused', rule => {
    expect(() => parseAlarmRule(rule)).toThrow('the alarm rule')
  })
})

describe('CloudWatch', () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-cw-'))
  const START = Date.parse('2026-11-20T10:00:00Z')
  let now = START
  const actions: AlarmAction[] = []
  let service: CloudWatchService
  let twin: Awaited<ReturnType<typeof listenerWith>>
  let client: cloudwatch.CloudWatchClient
  let counter = 0
  let namespace = ''

  beforeAll(async () => {
    service = createCloudWatch({
      account: '111122223333',
      clock: () => now,
      open: name => openCollection(join(dir, `${name}.json`)),
      dir,
      act: async action => {
        actions.push(action)
      },
    })
    twin = await listenerWith([service.service])
    client = new cloudwatch.CloudWatchClient(twin.config())
  })

  beforeEach(() => {
    now = START
    namespace = `test-${++counter}`
    actions.length = 0
  })

  afterAll(async () => {
    client.destroy()
    await twin.close()
    rmSync(dir, { recursive: true })
    expect(twin.bugs).toEqual([])
  })

  const put = (Value: number, secondsAgo: number, rest: object = {}) =>
    client.send(
      new cloudwatch.PutMetricDataCommand({
        Namespace: namespace,
        MetricData: [{ MetricName: 'lag', Value, Timestamp: new Date(now - secondsAgo * 1000), ...rest }],
      }),
    )
  const alarm = (rest: Partial<cloudwatch.PutMetricAlarmCommandInput> = {}) =>
    client.send(
      new cloudwatch.PutMetricAlarmCommand({
        AlarmName: namespace,
        Namespace: namespace,
        MetricName: 'lag',
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 3,
        DatapointsToAlarm: 2,
        Threshold: 10,
        ComparisonOperator: 'GreaterThanThreshold',
        AlarmActions: ['arn:aws:sns:eu-west-1:111122223333:pages'],
        OKActions: ['arn:aws:sns:eu-west-1:111122223333:pages'],
        ...rest,
      }),
    )
  const state = async (AlarmName = namespace) => {
    service.tick()
    await service.settle()
    const { MetricAlarms, CompositeAlarms } = await client.send(
      new cloudwatch.DescribeAlarmsCommand({
        AlarmNames: [AlarmName],
        AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
      }),
    )
    return (MetricAlarms?.[0] ?? CompositeAlarms?.[0])?.StateValue
  }

  test('answers statistics, percentiles and expressions over what was put', async () => {
    for (const [index, value] of [1, 2, 3, 4].entries())
      await put(value, 150, {
        Dimensions: [{ Name: 'd', Value: 'x' }],
        Unit: 'Seconds',
        StorageResolution: index ? 60 : 1,
      })
    const metric = { Namespace: namespace, MetricName: 'lag', Dimensions: [{ Name: 'd', Value: 'x' }] }
    const stats = await client.send(
      new cloudwatch.GetMetricStatisticsCommand({
        ...metric,
        StartTime: new Date(now - 600_000),
        EndTime: new Date(now),
        Period: 300,
        Statistics: ['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount'],
      }),
    )
    expect(stats.Datapoints).toEqual([
      {
        Timestamp: new Date(START - 300_000),
        Unit: 'Seconds',
        Average: 2.5,
        Sum: 10,
        Minimum: 1,
        Maximum: 4,
        SampleCount: 4,
      },
    ])
    const data = await client.send(
      new cloudwatch.GetMetricDataCommand({
        StartTime: new Date(now - 600_000),
        EndTime: new Date(now),
        MetricDataQueries: [
          { Id: 'm1', MetricStat: { Metric: metric, Period: 300, Stat: 'p50' }, ReturnData: false },
          { Id: 'e1', Expression: 'm1 * 100', Label: 'hundred' },
        ],
      }),
    )
    expect(data.MetricDataResults).toEqual([
      {
        Id: 'e1',
        Label: 'hundred',
        Timestamps: [new Date(START - 300_000)],
        Values: [250],
        StatusCode: 'Complete',
      },
    ])
    const listed = await client.send(new cloudwatch.ListMetricsCommand({ Namespace: namespace }))
    expect(listed.Metrics).toEqual([
      { Namespace: namespace, MetricName: 'lag', Dimensions: [{ Name: 'd', Value: 'x' }] },
    ])
  })

  test('takes the metrics out of a log line and leaves other lines alone', async () => {
    const line = JSON.stringify({
      _aws: {
        Timestamp: now - 60_000,
        CloudWatchMetrics: [
          { Namespace: namespace, Dimensions: [['env']], Metrics: [{ Name: 'rpo', Unit: 'Seconds' }] },
        ],
      },
      env: 'shop-prod',
      rpo: 1.5,
    })
    expect(service.ingest(line, 'eu-west-1', now, '/aws/lambda/f')).toBe(1)
    expect(service.ingest('{"_aws": broken', 'eu-west-1', now, '/aws/lambda/f')).toBe(0)
    expect(service.ingest('START RequestId', 'eu-west-1', now, '/aws/lambda/f')).toBe(0)
    const listed = await client.send(new cloudwatch.ListMetricsCommand({ Namespace: namespace }))
    expect(listed.Metrics).toEqual([
      { Namespace: namespace, MetricName: 'rpo', Dimensions: [{ Name: 'env', Value: 'shop-prod' }] },
    ])
  })

  test('an alarm rings at M of N, says so once, and is quiet again', async () => {
    await alarm()
    expect(await state()).toBe('INSUFFICIENT_DATA')
    for (const secondsAgo of [170, 110, 50]) await put(5, secondsAgo)
    expect(await state()).toBe('OK')
    actions.length = 0
    now += 60_000
    await put(20, 30)
    expect(await state()).toBe('OK')
    now += 60_000
    await put(30, 30)
    expect(await state()).toBe('ALARM')
    expect(await state()).toBe('ALARM')
    expect(actions).toHaveLength(1)
    expect(actions[0]).toMatchObject({
      actionArn: 'arn:aws:sns:eu-west-1:111122223333:pages',
      subject: `ALARM: "${namespace}" in eu-west-1`,
    })
    expect(JSON.parse(actions[0]!.message)).toMatchObject({
      AlarmName: namespace,
      NewStateValue: 'ALARM',
      OldStateValue: 'OK',
      NewStateReason:
        'Threshold Crossed: 2 out of the last 3 datapoints [5, 20, 30] were greater than the threshold (10) (minimum 2 datapoints for OK -> ALARM transition).',
      Region: 'eu-west-1',
      Trigger: { MetricName: 'lag', Namespace: namespace, Threshold: 10, Period: 60, EvaluationPeriods: 3 },
    })
    now += 60_000
    await put(1, 30)
    await put(1, 90)
    now += 60_000
    await put(1, 30)
    expect(await state()).toBe('OK')
    const history = await client.send(
      new cloudwatch.DescribeAlarmHistoryCommand({ AlarmName: namespace, HistoryItemType: 'StateUpdate' }),
    )
    expect(history.AlarmHistoryItems?.map(item => item.HistorySummary)).toEqual([
      'Alarm updated from ALARM to OK',
      'Alarm updated from OK to ALARM',
      'Alarm updated from INSUFFICIENT_DATA to OK',
    ])
  })

  test('silence rings where it means a fault', async () => {
    await alarm({ TreatMissingData: 'breaching' })
    expect(await state()).toBe('ALARM')
  })

  test('a figure that comes late is judged when it is there', async () => {
    await alarm({ EvaluationPeriods: 1, DatapointsToAlarm: 1, TreatMissingData: 'notBreaching' })
    expect(await state()).toBe('OK')
    await put(99, 50)
    expect(await state()).toBe('ALARM')
  })

  test('an alarm on an expression judges the expression', async () => {
    const metric = (MetricName: string) => ({
      MetricStat: { Metric: { Namespace: namespace, MetricName }, Period: 60, Stat: 'Maximum' },
      ReturnData: false,
    })
    await alarm({
      MetricName: undefined,
      Namespace: undefined,
      Statistic: undefined,
      Period: undefined,
      EvaluationPeriods: 1,
      DatapointsToAlarm: 1,
      Threshold: 80,
      Metrics: [
        { Id: 'used', ...metric('used') },
        { Id: 'total', ...metric('total') },
        { Id: 'result', Expression: '100 * used / total', ReturnData: true },
      ],
    })
    await put(85, 50, { MetricName: 'used' })
    await put(100, 50, { MetricName: 'total' })
    expect(await state()).toBe('ALARM')
  })

  test('an alarm on a band rings outside of what was usual', async () => {
    const Metric = { Namespace: namespace, MetricName: 'lag' }
    for (let minute = 60; minute > 1; minute--) await put(minute % 2 ? 10 : 12, minute * 60)
    await alarm({
      MetricName: undefined,
      Namespace: undefined,
      Statistic: undefined,
      Period: undefined,
      Threshold: undefined,
      EvaluationPeriods: 1,
      DatapointsToAlarm: 1,
      ComparisonOperator: 'LessThanLowerOrGreaterThanUpperThreshold',
      ThresholdMetricId: 'band',
      Metrics: [
        { Id: 'usual', MetricStat: { Metric, Period: 60, Stat: 'Average' }, ReturnData: true },
        { Id: 'band', Expression: 'ANOMALY_DETECTION_BAND(usual, 3)', ReturnData: true },
      ],
    })
    await put(11, 50)
    expect(await state()).toBe('OK')
    now += 60_000
    await put(40, 50)
    expect(await state()).toBe('ALARM')
  })

  test('a composite alarm keeps quiet about a consequence of its cause', async () => {
    await alarm({
      AlarmName: `${namespace}.signal`,
      AlarmActions: [],
      OKActions: [],
      TreatMissingData: 'breaching',
    })
    await alarm({
      AlarmName: `${namespace}-cause`,
      AlarmActions: [],
      OKActions: [],
      TreatMissingData: 'notBreaching',
    })
    const AlarmName = `${namespace}-alone`
    await client.send(
      new cloudwatch.PutCompositeAlarmCommand({
        AlarmName,
        AlarmRule: `ALARM("${namespace}.signal") AND NOT ALARM("${namespace}-cause")`,
        AlarmActions: ['arn:aws:sns:eu-west-1:111122223333:pages'],
      }),
    )
    expect(await state(AlarmName)).toBe('ALARM')
    expect(actions.filter(({ alarmArn }) => alarmArn.endsWith(AlarmName))).toHaveLength(1)
    await client.send(
      new cloudwatch.PutMetricAlarmCommand({
        AlarmName: `${namespace}-cause`,
        Namespace: namespace,
        MetricName: 'lag',
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 10,
        ComparisonOperator: 'GreaterThanThreshold',
        TreatMissingData: 'breaching',
      }),
    )
    expect(await state(AlarmName)).toBe('OK')
  })

  test('refuses what it could not evaluate', async () => {
    await expect(alarm({ Statistic: undefined, ExtendedStatistic: 'tm99' })).rejects.toMatchObject({
      name: 'InvalidParameterValueException',
    })
    await expect(alarm({ DatapointsToAlarm: 4 })).rejects.toMatchObject({ name: 'ValidationException' })
    await expect(put(Number.NaN, 0)).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
    await expect(put(1, 15 * 86_400)).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
  })
})
