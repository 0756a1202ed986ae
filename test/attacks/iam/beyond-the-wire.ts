import { ACCOUNT, HOME } from './scene.ts'

const at = (service: string, resource: string) => `arn:aws:${service}:${HOME}:${ACCOUNT}:${resource}`

/** Actions that the twin has no operation for, with the resource that each would hurt. Asked of IAM itself. */
export const BEYOND_THE_WIRE: readonly (readonly [resource: string, actions: readonly string[]])[] = [
  [
    at('rds', 'db:shop-prod'),
    [
      'rds:AddRoleToDBInstance',
      'rds:ApplyPendingMaintenanceAction',
      'rds:CreateBlueGreenDeployment',
      'rds:RebootDBInstance',
      'rds:RemoveRoleFromDBInstance',
      'rds:StartActivityStream',
      'rds:StopActivityStream',
      'rds:SwitchoverReadReplica',
    ],
  ],
  [at('rds', 'snapshot:shop-prod-by-hand'), ['rds:ModifyDBSnapshot', 'rds:ModifyDBSnapshotAttribute']],
  [at('rds', 'es:any'), ['rds:DeleteEventSubscription', 'rds:ModifyEventSubscription']],
  [
    at('backup', 'recovery-point:any'),
    ['backup:DeleteRecoveryPoint', 'backup:DisassociateRecoveryPoint', 'backup:UpdateRecoveryPointLifecycle'],
  ],
  [at('backup', 'backup-plan:any'), ['backup:DeleteBackupPlan', 'backup:DeleteBackupSelection']],
  [
    at('ec2', 'security-group/any'),
    [
      'ec2:AuthorizeSecurityGroupIngress',
      'ec2:RevokeSecurityGroupIngress',
      'ec2:ModifyNetworkInterfaceAttribute',
      'ec2:CreateRoute',
      'ec2:DeleteRoute',
    ],
  ],
  [
    `arn:aws:iam::${ACCOUNT}:role/any`,
    [
      'iam:AttachRolePolicy',
      'iam:CreateAccessKey',
      'iam:DeleteRolePolicy',
      'iam:PassRole',
      'iam:PutRolePolicy',
      'iam:UpdateAssumeRolePolicy',
      'sts:AssumeRole',
    ],
  ],
  [
    at('lambda', 'function:shop-prod-any'),
    [
      'lambda:AddPermission',
      'lambda:DeleteFunction',
      'lambda:DeleteFunctionEventInvokeConfig',
      'lambda:StopDurableExecution',
      'lambda:UpdateFunctionCode',
    ],
  ],
  [
    at('kms', 'key/any'),
    ['kms:CreateGrant', 'kms:DeleteImportedKeyMaterial', 'kms:RevokeGrant', 'kms:RetireGrant'],
  ],
  [
    `arn:aws:s3:::shop-prod-evidence-${ACCOUNT}-${HOME}`,
    [
      's3:PutAccountPublicAccessBlock',
      's3:PutBucketAcl',
      's3:PutBucketNotification',
      's3:PutBucketOwnershipControls',
      's3:PutBucketPublicAccessBlock',
      's3:PutEncryptionConfiguration',
      's3:PutReplicationConfiguration',
    ],
  ],
  [
    `arn:aws:s3:::shop-prod-evidence-${ACCOUNT}-${HOME}/evidence/1.json`,
    ['s3:BypassGovernanceRetention', 's3:PutObjectAcl', 's3:ReplicateDelete', 's3:ReplicateObject'],
  ],
  [at('scheduler', 'schedule/shop-prod/any'), ['scheduler:UpdateSchedule', 'scheduler:DeleteScheduleGroup']],
  [
    at('cloudformation', 'stack/shop-prod-database/any'),
    ['cloudformation:DeleteStack', 'cloudformation:UpdateStack'],
  ],
  [at('logs', 'log-group:any'), ['logs:DeleteLogStream', 'logs:PutSubscriptionFilter']],
]

/** What Lambda needs to put a function into the VPC, and what the function's own code must not do with it. */
export const ONLY_LAMBDA: readonly string[] = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:UnassignPrivateIpAddresses',
]
