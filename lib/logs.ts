import type * as kms from 'aws-cdk-lib/aws-kms'
import * as logs from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { KEPT } from './kept.ts'

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
    // One of the days that CloudWatch takes: a rule of the configuration holds that.
    retention: props.config.logs.retention / 86_400,
    removalPolicy: KEPT,
  })
}
