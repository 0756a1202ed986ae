export const ENV = {
  name: 'HOLDFAST_NAME',
  source: 'SOURCE_INSTANCE',
} as const

export const METRICS = { reaped: 'DrillCopiesReaped', overdue: 'DrillCopiesOverdue' } as const

/** What the role must allow. */
export const ACTIONS = {
  /** On everything of the region. */
  look: [
    'rds:DescribeDBInstances',
    'rds:DescribeDBSnapshots',
    'rds:DescribeDBInstanceAutomatedBackups',
    'rds:ListTagsForResource',
  ],
  /** On `db:drill-<name>-*` with the drill tag only. */
  reapInstances: ['rds:DeleteDBInstance'],
  /** On `snapshot:drill-<name>-*`. */
  reapSnapshots: ['rds:DeleteDBSnapshot'],
  /** On `auto-backup:*` with the drill tag only: RDS names them itself. */
  reapBackups: ['rds:DeleteDBInstanceAutomatedBackup'],
} as const
