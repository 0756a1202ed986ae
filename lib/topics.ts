import { CfnOutput } from 'aws-cdk-lib'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as sns from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'

export type TopicsProps = { readonly config: EnvironmentConfig; readonly key: kms.IKey }

/** Services that speak on the topics: alarms, what RDS has to say, Cost Anomaly Detection. */
export const PUBLISHERS = [
  'cloudwatch.amazonaws.com',
  'events.rds.amazonaws.com',
  'costalerts.amazonaws.com',
] as const

/** Where alarms speak: `pages` wakes a person, `warnings` waits for the morning. Encrypted, and TLS only. */
export class Topics extends Construct {
  readonly pages: sns.Topic
  readonly warnings: sns.Topic

  constructor(scope: Construct, id: string, props: TopicsProps) {
    super(scope, id)
    this.pages = createTopic(this, 'Pages', 'pages', props)
    this.warnings = createTopic(this, 'Warnings', 'warnings', props)
  }
}

function createTopic(scope: Construct, id: string, suffix: string, { config, key }: TopicsProps): sns.Topic {
  const topic = new sns.Topic(scope, id, {
    topicName: `${config.name}-${suffix}`,
    masterKey: key,
    enforceSSL: true,
  })
  topic.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: PUBLISHERS.map(service => new iam.ServicePrincipal(service)),
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': config.account } },
    }),
  )
  new CfnOutput(scope, `${id}Arn`, { value: topic.topicArn }).overrideLogicalId(`${id}TopicArn`)
  return topic
}
