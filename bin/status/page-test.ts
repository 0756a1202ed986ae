import { ListSubscriptionsByTopicCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { partitionOf } from '../../config/regions.ts'
import type { EnvironmentConfig } from '../../config/schema.ts'
import { topicName } from '../../lib/alarms/alarms.ts'
import type { Severity } from '../../lib/alarms/row.ts'
import { watchedRegions } from '../../lib/alarms/watched.ts'
import { answerOf } from './answer.ts'

/** One topic and who hears it. */
export type Route = {
  readonly topic: string
  readonly region: string
  /** Absent where the region did not answer. */
  readonly messageId?: string
  readonly reaches: readonly string[]
  /** Why the region said nothing. */
  readonly silence?: string
}

/** Sends one test through each topic that the environment has. `unwatched` are its regions without topics. */
export async function sendTests(
  config: EnvironmentConfig,
  severities: readonly Severity[],
): Promise<{ readonly routes: readonly Route[]; readonly unwatched: readonly string[] }> {
  const regions = { home: config.region, standby: config.standbyRegion }
  const watched = watchedRegions(config).map(place => regions[place])
  const routes = await Promise.all(
    watched.flatMap(region =>
      severities.map(async (severity): Promise<Route> => {
        const { value, silence } = await answerOf(limit => sendTest(config, region, severity, limit))
        return value ?? { topic: topicName(config, severity), region, reaches: [], silence }
      }),
    ),
  )
  return { routes, unwatched: Object.values(regions).filter(region => !watched.includes(region)) }
}

/** Publishes what an alarm would, in CloudWatch's own form so that every receiver's parser is tested too. */
export async function sendTest(
  config: EnvironmentConfig,
  region: string,
  severity: Severity,
  abortSignal?: AbortSignal,
): Promise<Route> {
  const topic = topicName(config, severity)
  const TopicArn = `arn:${partitionOf(region)}:sns:${region}:${config.account}:${topic}`
  const client = new SNSClient({ region })
  try {
    const { Subscriptions = [] } = await client.send(new ListSubscriptionsByTopicCommand({ TopicArn }), {
      abortSignal,
    })
    const { MessageId = '' } = await client.send(
      new PublishCommand({
        TopicArn,
        Subject: `TEST: ${config.name} ${severity}`,
        Message: JSON.stringify(message(config, region, severity)),
      }),
      { abortSignal },
    )
    // The endpoint may carry a key of its receiver: the protocol and the host are enough to know it by.
    const confirmed = Subscriptions.filter(({ SubscriptionArn }) => SubscriptionArn?.startsWith('arn:'))
    return {
      topic,
      region,
      messageId: MessageId,
      reaches: confirmed.map(({ Protocol, Endpoint }) => `${Protocol} ${safe(Protocol, Endpoint)}`),
    }
  } finally {
    client.destroy()
  }
}

function safe(protocol = '', endpoint = ''): string {
  return protocol.startsWith('http') ? new URL(endpoint).host : endpoint
}

function message(config: EnvironmentConfig, region: string, severity: Severity) {
  const description = [
    'This is a test of the paging route; nothing is wrong.',
    `Where: ${config.name}, ${region}.`,
    `Article: ${config.paging.runbook}#heartbeat`,
  ].join('\n')
  return {
    AlarmName: `${config.name}-page-test`,
    AlarmDescription: description,
    AWSAccountId: config.account,
    NewStateValue: 'ALARM',
    NewStateReason: `holdfast page-test (${severity})`,
    StateChangeTime: new Date().toISOString(),
    Region: region,
    OldStateValue: 'OK',
  }
}
