import { CfnDynamicReference, CfnDynamicReferenceService } from 'aws-cdk-lib'
import * as chatbot from 'aws-cdk-lib/aws-chatbot'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as rds from 'aws-cdk-lib/aws-rds'
import * as sns from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { Topics } from './topics.ts'

export type PagingProps = {
  readonly config: EnvironmentConfig
  readonly topics: Topics
  /** Database instances of this region, whose own events are passed on. */
  readonly instances: readonly string[]
}

/**
 * From the topics to people: pages to PagerDuty or Opsgenie, warnings to e-mail and Slack, and what RDS itself has
 * to say to both. The integration URL is read from its secret at deploy and is never in a template.
 */
export class Paging extends Construct {
  constructor(scope: Construct, id: string, { config, topics, instances }: PagingProps) {
    super(scope, id)
    const { pagerSecret, email, slack } = config.paging
    if (pagerSecret !== undefined)
      new sns.CfnSubscription(this, 'Pager', {
        topicArn: topics.pages.topicArn,
        protocol: 'https',
        // Not a SecureString parameter: CloudFormation resolves those for a few properties only, and not for this one.
        endpoint: new CfnDynamicReference(CfnDynamicReferenceService.SECRETS_MANAGER, pagerSecret).toString(),
      })
    if (email !== undefined) {
      this.#mail('Mail', topics.warnings, email)
      if (pagerSecret === undefined) this.#mail('PagesByMail', topics.pages, email)
    }
    if (slack !== undefined) this.#slack(config, topics, slack)
    this.#events('Failures', topics.pages, ['failure', 'deletion', 'low storage'], instances)
    this.#events(
      'Changes',
      topics.warnings,
      ['failover', 'recovery', 'maintenance', 'read replica'],
      instances,
    )
  }

  #mail(id: string, topic: sns.Topic, endpoint: string) {
    new sns.CfnSubscription(this, id, { topicArn: topic.topicArn, protocol: 'email', endpoint })
  }

  #slack(
    config: EnvironmentConfig,
    topics: Topics,
    { workspaceId, channelId }: { workspaceId: string; channelId: string },
  ) {
    // The channel shows alarms and graphs; it may ask for nothing else.
    const role = new iam.Role(this, 'SlackRole', {
      assumedBy: new iam.ServicePrincipal('chatbot.amazonaws.com'),
    })
    role.addToPolicy(
      new iam.PolicyStatement({
        actions: ['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData'],
        resources: ['*'],
      }),
    )
    new chatbot.CfnSlackChannelConfiguration(this, 'Slack', {
      configurationName: config.name,
      iamRoleArn: role.roleArn,
      slackWorkspaceId: workspaceId,
      slackChannelId: channelId,
      snsTopicArns: [topics.pages.topicArn, topics.warnings.topicArn],
    })
  }

  /** RDS sends events with its best effort: they make an alarm quicker and never replace one. */
  #events(id: string, topic: sns.Topic, categories: string[], instances: readonly string[]) {
    if (instances.length === 0) return
    const subscription = new rds.CfnEventSubscription(this, id, {
      snsTopicArn: topic.topicArn,
      sourceType: 'db-instance',
      sourceIds: [...instances],
      eventCategories: categories,
      enabled: true,
    })
    // RDS speaks on the topic at once, to see whether it may: the topic's policy must be there before.
    subscription.node.addDependency(topic)
  }
}
