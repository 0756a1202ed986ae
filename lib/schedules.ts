import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as scheduler from 'aws-cdk-lib/aws-scheduler'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'

export type ScheduleProps = {
  /** `rate(…)` or `cron(…)`, in UTC. */
  readonly expression: string
  readonly description: string
  /** ARN of the function's alias: a durable function answers only to a qualified one. */
  readonly target: string
  /** What the function receives. */
  readonly input?: unknown
  /** Times that a refused start is tried again. @default 0: the next run makes up for it */
  readonly retries?: number
}

export type SchedulesProps = { readonly config: EnvironmentConfig; readonly key: kms.IKey }

/** The clockwork of one region: a group of schedules and the one role that may start what they start. */
export class Schedules extends Construct {
  readonly #group: scheduler.CfnScheduleGroup
  readonly #role: iam.Role
  readonly #key: kms.IKey

  constructor(scope: Construct, id: string, { config, key }: SchedulesProps) {
    super(scope, id)
    this.#key = key
    this.#group = new scheduler.CfnScheduleGroup(this, 'Group', { name: config.name })
    this.#role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': config.account } },
      }),
      description: `${config.name}: starts what is scheduled`,
    })
    this.#role.addToPolicy(new iam.PolicyStatement({ actions: ['kms:Decrypt'], resources: [key.keyArn] }))
  }

  add(id: string, props: ScheduleProps): scheduler.CfnSchedule {
    this.#role.addToPolicy(
      new iam.PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [props.target] }),
    )
    const schedule = new scheduler.CfnSchedule(this, id, {
      groupName: this.#group.ref,
      description: props.description,
      scheduleExpression: props.expression,
      scheduleExpressionTimezone: 'UTC',
      flexibleTimeWindow: { mode: 'OFF' },
      kmsKeyArn: this.#key.keyArn,
      target: {
        arn: props.target,
        roleArn: this.#role.roleArn,
        input: props.input === undefined ? undefined : JSON.stringify(props.input),
        retryPolicy: { maximumRetryAttempts: props.retries ?? 0, maximumEventAgeInSeconds: 3_600 },
      },
    })
    // A rate starts the moment it exists: without the role's policy its first run would be refused.
    schedule.node.addDependency(this.#role)
    return schedule
  }
}
