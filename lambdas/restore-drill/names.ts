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

/** Tags on a drill copy. */
export const TAGS = { drill: 'holdfast:drill', expires: 'holdfast:expires' } as const

export const METRICS = {
  passed: 'DrillPassed',
  failed: 'DrillFailed',
  rpo: 'DrillRpoSeconds',
  rto: 'DrillRtoSeconds',
  coverage: 'DrillCoveragePercent',
  negativeControlRed: 'NegativeControlRed',
} as const
