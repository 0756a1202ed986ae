import { type App, Stack } from 'aws-cdk-lib'
import * as ce from 'aws-cdk-lib/aws-ce'
import { partitionOf } from '../config/regions.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import { topicName } from './alarms/alarms.ts'
import { SPEND_REGION, type SpendRow } from './alarms/spend.ts'
import { ENVIRONMENT_TAG } from './names.ts'

export type SpendStackProps = { readonly config: EnvironmentConfig; readonly row: SpendRow }

/**
 * Cost Anomaly Detection over all that carries the environment's tag, drill copies included, into the home region's
 * warnings. A stack of its own: its types exist in one region alone, and an account may refuse it (see the article)
 * without keeping the rest from being deployed.
 *
 * By tag and not by service: an account may have one monitor of services only, which AWS makes by itself.
 */
export class SpendStack extends Stack {
  constructor(scope: App, id: string, { config, row }: SpendStackProps) {
    super(scope, id, { env: { account: config.account, region: SPEND_REGION }, terminationProtection: true })
    const monitor = new ce.CfnAnomalyMonitor(this, 'Monitor', {
      monitorName: config.name,
      monitorType: 'CUSTOM',
      monitorSpecification: JSON.stringify({ Tags: { Key: ENVIRONMENT_TAG, Values: [config.name] } }),
    })
    new ce.CfnAnomalySubscription(this, 'Subscription', {
      subscriptionName: config.name,
      frequency: 'IMMEDIATE',
      monitorArnList: [monitor.attrMonitorArn],
      subscribers: [
        {
          type: 'SNS',
          address: `arn:${partitionOf(config.region)}:sns:${config.region}:${config.account}:${topicName(config, row.severity)}`,
        },
      ],
      thresholdExpression: JSON.stringify({
        Dimensions: {
          Key: 'ANOMALY_TOTAL_IMPACT_ABSOLUTE',
          MatchOptions: ['GREATER_THAN_OR_EQUAL'],
          Values: [String(row.threshold)],
        },
      }),
    })
  }
}
