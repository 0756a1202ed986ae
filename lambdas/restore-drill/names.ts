export const ENV = {
  name: 'HOLDFAST_NAME',
  account: 'HOLDFAST_ACCOUNT',
  source: 'SOURCE_INSTANCE',
  sourceRegion: 'SOURCE_REGION',
  /** The living instance that a copy is compared with, in this function's own region: the primary at home, the standby replica in the other. */
  reference: 'REFERENCE_INSTANCE',
  subnetGroup: 'DRILL_SUBNET_GROUP',
  securityGroup: 'DRILL_SECURITY_GROUP',
  parameterGroup: 'DRILL_PARAMETER_GROUP',
  instanceClass: 'DRILL_INSTANCE_CLASS',
  database: 'DATABASE_NAME',
  examine: 'EXAMINE_ARN',
  /** The roll-forward's alias; empty where there is no archive. */
  rollForward: 'ROLL_FORWARD_ARN',
  evidenceBucket: 'EVIDENCE_BUCKET',
  evidenceKey: 'EVIDENCE_KEY_ARN',
  /** Seconds that evidence stays locked. */
  evidenceRetention: 'EVIDENCE_RETENTION_SECONDS',
  /** Seconds between two looks at a restoring instance. */
  pollSeconds: 'POLL_SECONDS',
  configDigest: 'HOLDFAST_CONFIG_DIGEST',
  code: 'HOLDFAST_CODE',
} as const

/** Every drill copy's identifier begins so, and nothing else's does: IAM lets a drill delete only `db:drill-*`. */
export const COPY_PREFIX = 'drill-'

/**
 * What a restored instance is called until it is proven. The examination and the roll-forward write only to what is
 * called like a copy; drills and the reaper own `drill-<environment>-…` and leave this alone.
 */
export const PROVING_PREFIX = 'drill-proving-'

/** Whose a copy is; on everything of an environment. */
export const ENVIRONMENT_TAG = 'holdfast:environment'

/** Tags on a copy. */
export const TAGS = {
  /** On a copy that a drill or a restore works on: the drill's id, or `RESTORING`. */
  drill: 'holdfast:drill',
  expires: 'holdfast:expires',
  /** On what `holdfast restore` made, from its birth: the instance that it was restored from. No function of ours enters it any more. */
  restored: 'holdfast:restored',
} as const

/** The value of the drill's tag on what a restore is still proving. */
export const RESTORING = 'restoring'

export const METRICS = {
  passed: 'DrillPassed',
  failed: 'DrillFailed',
  rpo: 'DrillRpoSeconds',
  rto: 'DrillRtoSeconds',
  coverage: 'DrillCoveragePercent',
  negativeControlRed: 'NegativeControlRed',
} as const

/** What the role must allow; each on the narrowest resource that it has. */
export const ACTIONS = {
  /** On everything of the region: the drill looks for its source and for other drills' copies. */
  look: [
    'rds:DescribeDBInstances',
    'rds:DescribeDBInstanceAutomatedBackups',
    'rds:DescribeDBSnapshots',
    'rds:ListTagsForResource',
  ],
  /** From the source, its backups and snapshots, to `db:drill-<name>-*`, with the drill's groups; the request must carry the drill tag. */
  restore: [
    'rds:RestoreDBInstanceToPointInTime',
    'rds:RestoreDBInstanceFromDBSnapshot',
    'rds:AddTagsToResource',
  ],
  /** On `db:drill-<name>-*` with the drill tag only. */
  own: ['rds:ModifyDBInstance', 'rds:DeleteDBInstance'],
  /** On the aliases of the examination and of the roll-forward. */
  examine: ['lambda:InvokeFunction'],
  /** On the evidence key. */
  sign: ['kms:Sign', 'kms:GetPublicKey'],
  /** On the evidence bucket. */
  list: ['s3:ListBucket'],
  /** On `evidence/*` and `reports/*` of the evidence bucket. Never a delete. */
  keep: ['s3:GetObject', 's3:PutObject', 's3:PutObjectRetention'],
} as const
