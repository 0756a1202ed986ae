import type {
  DescribeAlarmHistoryCommandInput,
  DescribeAlarmsCommandInput,
  MetricDataQuery,
  PutCompositeAlarmCommandInput,
  PutMetricAlarmCommandInput,
  SetAlarmStateCommandInput,
} from '@aws-sdk/client-cloudwatch'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { requestTagContext, resourceTagContext } from '../dependencies.ts'
import { AlarmRuleError, parseAlarmRule } from './alarm-rule.ts'
import { ALL_OPERATORS, type Alarm, BAND_OPERATORS, type MetricAlarm } from './alarms.ts'
import { type Evaluator, moveTo, remember } from './evaluation.ts'
import type { AlarmState } from './judgement.ts'
import { parseMath } from './math-parser.ts'
import { statisticOf } from './statistics.ts'

const refuse = (message: string) => new WireError('ValidationError', message)
const alarmArn = (account: string, region: string, name: string) =>
  `arn:aws:cloudwatch:${region}:${account}:alarm:${name}`

type Common = PutMetricAlarmCommandInput & PutCompositeAlarmCommandInput

function put(
  evaluator: Evaluator,
  call: Call,
  input: Partial<Common>,
  rest: Pick<Alarm, 'metric' | 'rule'>,
): Record<string, never> {
  const name = input.AlarmName ?? ''
  const key = `${call.region}/${name}`
  const before = evaluator.alarms.get(key)
  const at = new Date(evaluator.clock()).toISOString()
  evaluator.alarms.set(key, {
    name,
    arn: alarmArn(evaluator.account, call.region, name),
    region: call.region,
    ...(input.AlarmDescription !== undefined && { description: input.AlarmDescription }),
    actionsEnabled: input.ActionsEnabled ?? true,
    okActions: input.OKActions ?? [],
    alarmActions: input.AlarmActions ?? [],
    insufficientDataActions: input.InsufficientDataActions ?? [],
    tags: {
      ...before?.tags,
      ...Object.fromEntries((input.Tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? ''])),
    },
    updatedAt: at,
    state: before?.state ?? 'INSUFFICIENT_DATA',
    reason: before?.reason ?? 'Unchecked: Initial alarm creation',
    changedAt: before?.changedAt ?? at,
    ...rest,
  })
  remember(evaluator, {
    alarm: name,
    composite: rest.rule !== undefined,
    region: call.region,
    at,
    type: 'ConfigurationUpdate',
    summary: `Alarm "${name}" ${before ? 'updated' : 'created'}`,
    data: JSON.stringify({ version: '1.0', type: before ? 'Update' : 'Create' }),
  })
  return {}
}

function readQueries(input: PutMetricAlarmCommandInput): {
  queries: MetricDataQuery[]
  watched: string
  band?: string
} {
  if (!input.Metrics) {
    const Stat = input.Statistic ?? input.ExtendedStatistic
    if (!input.MetricName || !input.Namespace || !Stat || !input.Period) {
      throw refuse('An alarm needs MetricName, Namespace, Period and a statistic, or Metrics.')
    }
    const Metric = { Namespace: input.Namespace, MetricName: input.MetricName, Dimensions: input.Dimensions }
    const MetricStat = { Metric, Period: input.Period, Stat, Unit: input.Unit }
    return { queries: [{ Id: 'm1', MetricStat }], watched: 'm1' }
  }
  const band = input.ThresholdMetricId
  const returned = input.Metrics.filter(({ Id, ReturnData }) => ReturnData !== false && Id !== band)
  if (returned.length !== 1) throw refuse('Exactly one element of the metrics list should return data.')
  if (band && !input.Metrics.some(({ Id }) => Id === band))
    throw refuse(`ThresholdMetricId ${band} is not in the metrics list.`)
  return { queries: input.Metrics, watched: returned[0]?.Id ?? '', ...(band && { band }) }
}

// What could not be evaluated later is refused now, while somebody is looking.
function check(input: PutMetricAlarmCommandInput, queries: readonly MetricDataQuery[]): void {
  const operator = input.ComparisonOperator ?? ''
  if (!ALL_OPERATORS.includes(operator)) throw refuse(`${operator} is no comparison operator of CloudWatch.`)
  if (BAND_OPERATORS.includes(operator) !== (input.ThresholdMetricId !== undefined)) {
    throw refuse(`${operator} and ThresholdMetricId do not go together.`)
  }
  if (!BAND_OPERATORS.includes(operator) && input.Threshold === undefined)
    throw refuse('An alarm needs a Threshold.')
  for (const { Expression, MetricStat } of queries) {
    if (MetricStat) statisticOf(MetricStat.Stat ?? '', [[0, 1]])
    try {
      if (Expression) parseMath(Expression)
    } catch (cause) {
      const error = refuse((cause as Error).message)
      error.cause = cause
      throw error
    }
  }
}

function metricAlarmOf(input: PutMetricAlarmCommandInput): MetricAlarm {
  const { queries, watched, band } = readQueries(input)
  check(input, queries)
  const periods = input.EvaluationPeriods ?? 1
  const period = Math.max(...queries.map(query => query.MetricStat?.Period ?? query.Period ?? 0)) || 60
  if ((input.DatapointsToAlarm ?? 1) > periods)
    throw refuse('DatapointsToAlarm must be at most EvaluationPeriods.')
  return {
    input: { ...input },
    queries,
    watched,
    ...(band && { band }),
    operator: input.ComparisonOperator ?? '',
    ...(input.Threshold !== undefined && { threshold: input.Threshold }),
    period,
    evaluationPeriods: periods,
    datapointsToAlarm: input.DatapointsToAlarm ?? periods,
    treatMissingData: (input.TreatMissingData as MetricAlarm['treatMissingData'] | undefined) ?? 'missing',
  }
}

function putComposite(evaluator: Evaluator, input: PutCompositeAlarmCommandInput, call: Call) {
  if (input.ActionsSuppressor) throw refuse('The twin has no ActionsSuppressor for composite alarms.')
  try {
    parseAlarmRule(input.AlarmRule ?? '')
  } catch (cause) {
    if (!(cause instanceof AlarmRuleError)) throw cause
    const error = refuse(cause.message)
    error.cause = cause
    throw error
  }
  return put(evaluator, call, input as Partial<Common>, { rule: input.AlarmRule ?? '' })
}

function requireAlarm(evaluator: Evaluator, name: string | undefined, region: string): Alarm {
  const alarm = evaluator.alarms.get(`${region}/${name}`)
  if (!alarm) throw new WireError('ResourceNotFound', `Alarm ${name} does not exist`, 404)
  return alarm
}

function show(alarm: Alarm): Record<string, unknown> {
  const common = {
    AlarmName: alarm.name,
    AlarmArn: alarm.arn,
    AlarmDescription: alarm.description,
    AlarmConfigurationUpdatedTimestamp: new Date(alarm.updatedAt),
    ActionsEnabled: alarm.actionsEnabled,
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
    StateValue: alarm.state,
    StateReason: alarm.reason,
    StateUpdatedTimestamp: new Date(alarm.changedAt),
    StateTransitionedTimestamp: new Date(alarm.changedAt),
  }
  if (!alarm.metric) return { ...common, AlarmRule: alarm.rule }
  const { input } = alarm.metric as { input: Partial<PutMetricAlarmCommandInput> }
  const { Tags: _, ...shown } = input
  return {
    ...shown,
    ...common,
    EvaluationPeriods: alarm.metric.evaluationPeriods,
    TreatMissingData: input.TreatMissingData,
    Dimensions: input.Dimensions ?? [],
  }
}

function describe(evaluator: Evaluator, input: DescribeAlarmsCommandInput, call: Call) {
  const types = input.AlarmTypes ?? ['MetricAlarm']
  const found = evaluator.alarms
    .values()
    .filter(({ region }) => region === call.region)
    .filter(({ name }) => input.AlarmNames === undefined || input.AlarmNames.includes(name))
    .filter(({ name }) => name.startsWith(input.AlarmNamePrefix ?? ''))
    .filter(({ state }) => input.StateValue === undefined || state === input.StateValue)
    .filter(alarm => types.includes(alarm.metric ? 'MetricAlarm' : 'CompositeAlarm'))
    .filter(({ alarmActions, okActions }) =>
      input.ActionPrefix
        ? [...alarmActions, ...okActions].some(arn => arn.startsWith(input.ActionPrefix ?? ''))
        : true,
    )
    .sort((left, right) => (left.name < right.name ? -1 : 1))
  const from = Number(input.NextToken ?? 0)
  const page = found.slice(from, from + Math.min(input.MaxRecords ?? 100, 100))
  const end = from + page.length
  return {
    MetricAlarms: page.filter(({ metric }) => metric).map(show),
    CompositeAlarms: page.filter(({ metric }) => !metric).map(show),
    ...(end < found.length && { NextToken: String(end) }),
  }
}

function history(evaluator: Evaluator, input: DescribeAlarmHistoryCommandInput, call: Call) {
  const [start, end] = [input.StartDate?.getTime() ?? 0, input.EndDate?.getTime() ?? Number.POSITIVE_INFINITY]
  const found = evaluator.history
    .filter(
      item =>
        item.region === call.region && (input.AlarmName === undefined || item.alarm === input.AlarmName),
    )
    .filter(item => input.HistoryItemType === undefined || item.type === input.HistoryItemType)
    .filter(item => Date.parse(item.at) >= start && Date.parse(item.at) <= end)
  const ordered = input.ScanBy === 'TimestampAscending' ? found : found.toReversed()
  return {
    AlarmHistoryItems: ordered.slice(0, input.MaxRecords ?? 100).map(item => ({
      AlarmName: item.alarm,
      AlarmType: item.composite ? 'CompositeAlarm' : 'MetricAlarm',
      Timestamp: new Date(item.at),
      HistoryItemType: item.type,
      HistorySummary: item.summary,
      HistoryData: item.data,
    })),
  }
}

type Named = {
  readonly AlarmName?: string
  readonly AlarmNames?: string[]
  readonly Tags?: { Key?: string; Value?: string }[]
}

/** Putting, reading and switching alarms. */
export function alarmOperations(evaluator: Evaluator): Record<string, Operation> {
  const on = (action: string) => (input: Named, call: Call) =>
    [input.AlarmName, ...(input.AlarmNames ?? [])].flatMap(name =>
      name === undefined
        ? []
        : [
            {
              action,
              resource: alarmArn(evaluator.account, call.region, name),
              context: {
                ...requestTagContext(input.Tags),
                ...resourceTagContext(evaluator.alarms.get(`${call.region}/${name}`)?.tags),
              },
            },
          ],
    )
  const all = (action: string) => (_: unknown, call: Call) => [
    { action, resource: alarmArn(evaluator.account, call.region, '*') },
  ]
  const enable =
    (actionsEnabled: boolean): Operation['run'] =>
    (input: Named, call) => {
      for (const name of input.AlarmNames ?? []) {
        const alarm = evaluator.alarms.get(`${call.region}/${name}`)
        if (alarm) evaluator.alarms.set(`${call.region}/${name}`, { ...alarm, actionsEnabled })
      }
      return {}
    }
  return {
    PutMetricAlarm: {
      questions: on('cloudwatch:PutMetricAlarm'),
      run: (input: PutMetricAlarmCommandInput, call) =>
        put(evaluator, call, input as Partial<Common>, { metric: metricAlarmOf(input) }),
    },
    PutCompositeAlarm: {
      questions: on('cloudwatch:PutCompositeAlarm'),
      run: (input: PutCompositeAlarmCommandInput, call) => putComposite(evaluator, input, call),
    },
    DescribeAlarms: {
      questions: all('cloudwatch:DescribeAlarms'),
      run: (input: DescribeAlarmsCommandInput, call) => describe(evaluator, input, call),
    },
    DescribeAlarmHistory: {
      questions: all('cloudwatch:DescribeAlarmHistory'),
      run: (input: DescribeAlarmHistoryCommandInput, call) => history(evaluator, input, call),
    },
    SetAlarmState: {
      questions: on('cloudwatch:SetAlarmState'),
      run: (input: SetAlarmStateCommandInput, call) => {
        const alarm = requireAlarm(evaluator, input.AlarmName, call.region)
        moveTo(evaluator, alarm, {
          state: input.StateValue as AlarmState,
          reason: input.StateReason ?? '',
          datapoints: [],
        })
        return {}
      },
    },
    DeleteAlarms: {
      questions: on('cloudwatch:DeleteAlarms'),
      run: (input: Named, call) => {
        for (const name of input.AlarmNames ?? []) evaluator.alarms.delete(`${call.region}/${name}`)
        return {}
      },
    },
    EnableAlarmActions: { questions: on('cloudwatch:EnableAlarmActions'), run: enable(true) },
    DisableAlarmActions: { questions: on('cloudwatch:DisableAlarmActions'), run: enable(false) },
    ListTagsForResource: {
      questions: (input: { ResourceARN?: string }) => [
        { action: 'cloudwatch:ListTagsForResource', resource: input.ResourceARN ?? '' },
      ],
      run: (input: { ResourceARN?: string }, call) => {
        const { tags } = requireAlarm(
          evaluator,
          input.ResourceARN?.split(':').slice(6).join(':'),
          call.region,
        )
        return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) }
      },
    },
  }
}
