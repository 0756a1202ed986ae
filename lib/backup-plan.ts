import * as backup from 'aws-cdk-lib/aws-backup'
import * as iam from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { rdsArn, vaultArn } from './names.ts'

/** When recovery points of the primary are taken, in UTC. Together they are six hours apart. */
const SCHEDULES = { daily: 'cron(0 2 * * ? *)', 'six-hourly': 'cron(0 8,14,20 * * ? *)' } as const

/**
 * Snapshots of the primary in the locked vaults of both regions. Never continuous: AWS Backup would take over the
 * retention of our own automated backups, and deleting such a recovery point restarts the database.
 */
export function createBackupPlan(scope: Construct, config: EnvironmentConfig): backup.CfnBackupPlan {
  const lifecycle = { deleteAfterDays: Math.ceil(config.vault.retention / 86_400) }
  const plan = new backup.CfnBackupPlan(scope, 'BackupPlan', {
    backupPlan: {
      backupPlanName: config.name,
      backupPlanRule: Object.entries(SCHEDULES).map(([ruleName, scheduleExpression]) => ({
        ruleName,
        scheduleExpression,
        scheduleExpressionTimezone: 'Etc/UTC',
        targetBackupVault: config.name,
        enableContinuousBackup: false,
        startWindowMinutes: 60,
        completionWindowMinutes: 600,
        lifecycle,
        copyActions: [{ destinationBackupVaultArn: vaultArn(config, config.standbyRegion), lifecycle }],
      })),
    },
  })
  const role = new iam.Role(scope, 'BackupRole', {
    assumedBy: new iam.ServicePrincipal('backup.amazonaws.com'),
    managedPolicies: [
      iam.ManagedPolicy.fromAwsManagedPolicyName('service-role/AWSBackupServiceRolePolicyForBackup'),
    ],
  })
  new backup.CfnBackupSelection(scope, 'BackupSelection', {
    backupPlanId: plan.ref,
    backupSelection: {
      selectionName: config.name,
      iamRoleArn: role.roleArn,
      resources: [rdsArn(config, config.region, 'db', config.name)],
    },
  })
  return plan
}
