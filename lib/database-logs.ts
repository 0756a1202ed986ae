import type * as kms from 'aws-cdk-lib/aws-kms'
import type * as logs from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { createLogGroup } from './logs.ts'

/** The logs that RDS for PostgreSQL exports; `iam-db-auth-error` tells why a token was refused. */
export const LOG_EXPORTS = ['postgresql', 'upgrade', 'iam-db-auth-error'] as const

export type DatabaseLogsProps = {
  readonly config: EnvironmentConfig
  readonly key: kms.IKey
  readonly identifier: string
}

/** The log groups of one instance, under the names that RDS prescribes. The instance must depend on this. */
export class DatabaseLogs extends Construct {
  readonly groups: readonly logs.LogGroup[]

  constructor(scope: Construct, id: string, { config, key, identifier }: DatabaseLogsProps) {
    super(scope, id)
    this.groups = LOG_EXPORTS.map(kind =>
      createLogGroup(this, kind, { config, key, name: `/aws/rds/instance/${identifier}/${kind}` }),
    )
  }
}
