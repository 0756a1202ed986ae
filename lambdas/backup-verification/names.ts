export const ENV = {
  name: 'HOLDFAST_NAME',
  /** Home and standby region, and what to expect in each: one JSON value, see request.ts. */
  expectations: 'EXPECTATIONS',
} as const

export const METRICS = {
  verified: 'BackupsVerified',
  failed: 'BackupChecksFailed',
  unknown: 'BackupChecksUnknown',
  restorableAge: 'RestorableAgeSeconds',
  snapshotAge: 'SnapshotAgeSeconds',
} as const

/** What the role must allow, in both regions: looking only. */
export const ACTIONS = [
  'rds:DescribeDBInstances',
  'rds:DescribeDBInstanceAutomatedBackups',
  'rds:DescribeDBSnapshots',
  'rds:DescribeExportTasks',
  'backup:ListRecoveryPointsByBackupVault',
  'backup:DescribeBackupVault',
  's3:GetBucketVersioning',
  's3:GetBucketObjectLockConfiguration',
  's3:GetReplicationConfiguration',
  'kms:DescribeKey',
  'kms:GetKeyRotationStatus',
] as const
