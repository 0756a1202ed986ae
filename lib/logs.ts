import { RemovalPolicy } from 'aws-cdk-lib'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as logs from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'

// The only retentions that CloudWatch Logs takes, in days (PutRetentionPolicy).
const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1_096, 1_827, 2_192, 2_557, 2_922, 3_288,
  3_653,
] as const

/** The shortest retention that CloudWatch Logs offers and that keeps at least `seconds`, in days. */
export function retentionDays(seconds: number): number {
  const wanted = seconds / 86_400
  return RETENTIONS.find(days => days >= wanted) ?? RETENTIONS[RETENTIONS.length - 1] ?? 3_653
}

export type LogGroupProps = {
  readonly config: EnvironmentConfig
  readonly key: kms.IKey
  /** Left out where no service prescribes the name. */
  readonly name?: string
}

/** A log group that exists before anything writes to it, so that no service creates one without key and retention. */
export function createLogGroup(scope: Construct, id: string, props: LogGroupProps): logs.LogGroup {
  return new logs.LogGroup(scope, id, {
    logGroupName: props.name,
    encryptionKey: props.key,
    retention: retentionDays(props.config.logs.retention),
    removalPolicy: RemovalPolicy.RETAIN,
  })
}
