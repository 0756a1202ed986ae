import type { Collection } from '../../state/collection.ts'
import { type Alarm, type HistoryItem, type Judged, judgeComposite, judgeMetricAlarm } from './alarms.ts'
import type { AlarmState } from './judgement.ts'
import type { SeriesStore } from './series.ts'

/** What the evaluation of alarms needs. */
export type Evaluator = {
  readonly account: string
  readonly clock: () => number
  readonly store: SeriesStore
  readonly alarms: Collection<Alarm>
  readonly history: HistoryItem[]
  /** Keeps an item beyond the twin's life. */
  readonly keep: (item: HistoryItem) => void
  /** Sends an alarm's message to an action's ARN; throws when it may not or cannot. */
  readonly act: (action: AlarmAction) => Promise<void>
  readonly underWay: Set<Promise<void>>
}

/** One action of one alarm. */
export type AlarmAction = {
  readonly actionArn: string
  readonly alarmArn: string
  readonly region: string
  readonly subject: string
  readonly message: string
}

/** Kept of the history. */
const MAX_HISTORY = 5000

/** Adds to the history of alarms. */
export function remember(evaluator: Evaluator, item: HistoryItem): void {
  evaluator.history.push(item)
  evaluator.keep(item)
  if (evaluator.history.length > MAX_HISTORY)
    evaluator.history.splice(0, evaluator.history.length - MAX_HISTORY)
}

/** Judges every alarm at the clock's time, metric alarms first; composites follow until none changes. */
export function evaluateAlarms(evaluator: Evaluator): void {
  const now = evaluator.clock()
  for (const alarm of evaluator.alarms.values()) {
    if (alarm.metric) moveTo(evaluator, alarm, judgeMetricAlarm(evaluator.store, alarm, alarm.metric, now))
  }
  // Composites may stand on composites; a chain is at most as long as there are alarms.
  const composites = evaluator.alarms.values().filter(alarm => alarm.rule !== undefined)
  for (let round = 0; round <= composites.length; round++) {
    const changed = composites.filter(({ region, name }) => {
      const alarm = evaluator.alarms.get(`${region}/${name}`)
      return alarm ? moveTo(evaluator, alarm, judgeComposite(evaluator.alarms, alarm)) : false
    })
    if (changed.length === 0) return
  }
}

/** Puts an alarm into a state, with its history and its actions. Answers whether it changed. */
export function moveTo(evaluator: Evaluator, alarm: Alarm, judged: Judged): boolean {
  if (judged.state === alarm.state) return false
  const at = new Date(evaluator.clock()).toISOString()
  const changed: Alarm = { ...alarm, state: judged.state, reason: judged.reason, changedAt: at }
  evaluator.alarms.set(`${alarm.region}/${alarm.name}`, changed)
  remember(evaluator, {
    alarm: alarm.name,
    composite: alarm.rule !== undefined,
    region: alarm.region,
    at,
    type: 'StateUpdate',
    summary: `Alarm updated from ${alarm.state} to ${judged.state}`,
    data: JSON.stringify({
      version: '1.0',
      oldState: { stateValue: alarm.state, stateReason: alarm.reason },
      newState: { stateValue: judged.state, stateReason: judged.reason },
    }),
  })
  if (alarm.actionsEnabled)
    for (const actionArn of actionsOf(changed)) startAction(evaluator, alarm.state, changed, actionArn)
  return true
}

function actionsOf(alarm: Alarm): readonly string[] {
  if (alarm.state === 'OK') return alarm.okActions
  return alarm.state === 'ALARM' ? alarm.alarmActions : alarm.insufficientDataActions
}

function startAction(evaluator: Evaluator, before: AlarmState, alarm: Alarm, actionArn: string): void {
  const record = (summary: string, error?: string) =>
    remember(evaluator, {
      alarm: alarm.name,
      composite: alarm.rule !== undefined,
      region: alarm.region,
      at: new Date(evaluator.clock()).toISOString(),
      type: 'Action',
      summary,
      data: JSON.stringify({
        actionState: error === undefined ? 'Succeeded' : 'Failed',
        notificationResource: actionArn,
        error,
      }),
    })
  const action = evaluator
    .act({
      actionArn,
      alarmArn: alarm.arn,
      region: alarm.region,
      subject: `${alarm.state}: "${alarm.name}" in ${alarm.region}`,
      message: messageOf(evaluator.account, before, alarm),
    })
    .then(
      () => record(`Successfully executed action ${actionArn}`),
      (error: Error) => record(`Failed to execute action ${actionArn}`, error.message),
    )
    .finally(() => evaluator.underWay.delete(action))
  evaluator.underWay.add(action)
}

/** The JSON that CloudWatch puts into an SNS message. */
function messageOf(account: string, before: AlarmState, alarm: Alarm): string {
  const input = (alarm.metric?.input ?? {}) as Record<string, unknown>
  const trigger = {
    MetricName: input.MetricName,
    Namespace: input.Namespace,
    StatisticType: input.ExtendedStatistic ? 'ExtendedStatistic' : 'Statistic',
    Statistic: String(input.Statistic ?? input.ExtendedStatistic ?? '').toUpperCase() || undefined,
    Unit: input.Unit ?? null,
    Dimensions: ((input.Dimensions as { Name: string; Value: string }[] | undefined) ?? []).map(
      ({ Name, Value }) => ({
        value: Value,
        name: Name,
      }),
    ),
    Metrics: input.Metrics,
    Period: alarm.metric?.period,
    EvaluationPeriods: alarm.metric?.evaluationPeriods,
    DatapointsToAlarm: alarm.metric?.datapointsToAlarm,
    ComparisonOperator: alarm.metric?.operator,
    Threshold: alarm.metric?.threshold,
    TreatMissingData: alarm.metric?.treatMissingData,
  }
  return JSON.stringify({
    AlarmName: alarm.name,
    AlarmDescription: alarm.description ?? null,
    AWSAccountId: account,
    AlarmConfigurationUpdatedTimestamp: alarm.updatedAt,
    NewStateValue: alarm.state,
    NewStateReason: alarm.reason,
    StateChangeTime: alarm.changedAt,
    Region: alarm.region,
    AlarmArn: alarm.arn,
    OldStateValue: before,
    OKActions: alarm.okActions,
    AlarmActions: alarm.alarmActions,
    InsufficientDataActions: alarm.insufficientDataActions,
    ...(alarm.metric ? { Trigger: trigger } : { AlarmRule: alarm.rule }),
  })
}
