import { RemovalPolicy } from 'aws-cdk-lib'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as rds from 'aws-cdk-lib/aws-rds'
import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { DatabaseGroups } from './database-groups.ts'
import { DatabaseLogs, LOG_EXPORTS } from './database-logs.ts'

// Performance Insights keeps seven days without a charge.
const FREE_INSIGHT_DAYS = 7
// Seconds between two samples of the operating system.
const MONITORING_INTERVAL = 60
// The authority whose certificates RDS issues until 2061; naming it stops a silent change of default.
const CERTIFICATE_AUTHORITY = 'rds-ca-rsa2048-g1'
const DAY = 86_400

export type InstanceProps = {
  readonly config: EnvironmentConfig
  readonly identifier: string
  /** RDS class without the `db.` prefix. */
  readonly instance: string
  readonly multiAz: boolean
  readonly groups: DatabaseGroups
  readonly key: kms.IKey
  readonly monitoringRoleArn: string
}

/** What only one kind of instance has: the source of a replica, the credentials and the storage of a primary. */
export type InstanceKind = Partial<rds.CfnDBInstanceProps>

/**
 * A database instance with everything said that RDS or CDK would otherwise decide, because their defaults delete
 * backups, enrol in paid support, leave storage unencrypted or attach default groups.
 */
export function createInstance(
  scope: Construct,
  id: string,
  props: InstanceProps,
  kind: InstanceKind,
): rds.CfnDBInstance {
  const { config, identifier, groups, key } = props
  const { database } = config
  const instance = new rds.CfnDBInstance(scope, id, {
    dbInstanceIdentifier: identifier,
    dbInstanceClass: `db.${props.instance}`,
    multiAz: props.multiAz,
    port: '5432',
    publiclyAccessible: false,
    networkType: 'IPV4',
    kmsKeyId: key.keyArn,
    storageType: database.storage.type,
    iops: database.storage.iops,
    storageThroughput: database.storage.throughput,
    maxAllocatedStorage: database.storage.max,
    dbParameterGroupName: groups.parameters.ref,
    vpcSecurityGroups: [groups.security.securityGroupId],
    caCertificateIdentifier: CERTIFICATE_AUTHORITY,
    enableIamDatabaseAuthentication: true,
    // A replica without retention would need its first backup before it could serve after a promotion.
    backupRetentionPeriod: Math.ceil(database.backup.retention / DAY),
    preferredBackupWindow: database.backup.window,
    preferredMaintenanceWindow: database.maintenanceWindow,
    copyTagsToSnapshot: true,
    deleteAutomatedBackups: false,
    deletionProtection: true,
    allowMajorVersionUpgrade: database.allowMajorUpgrade,
    autoMinorVersionUpgrade: true,
    engineLifecycleSupport: 'open-source-rds-extended-support-disabled',
    enableCloudwatchLogsExports: [...LOG_EXPORTS],
    enablePerformanceInsights: true,
    performanceInsightsKmsKeyId: key.keyArn,
    performanceInsightsRetentionPeriod: FREE_INSIGHT_DAYS,
    monitoringInterval: MONITORING_INTERVAL,
    monitoringRoleArn: props.monitoringRoleArn,
    ...kind,
  })
  // A replica has no final snapshot; to keep it is the one policy that both kinds have. Not as `KEPT` is: what undoes a
  // failed deployment would try to delete the instance, be refused by its deletion protection and get stuck.
  instance.applyRemovalPolicy(RemovalPolicy.RETAIN)
  instance.node.addDependency(new DatabaseLogs(scope, `${id}Logs`, { config, key, identifier }))
  return instance
}
