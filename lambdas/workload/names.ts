export const ENV = {
  host: 'DATABASE_HOST',
  port: 'DATABASE_PORT',
  database: 'DATABASE_NAME',
  user: 'DATABASE_USER',
  instance: 'DATABASE_INSTANCE',
} as const

/** The database user: reads statistics, no table. */
export const USER = 'holdfast_workload'

/** Dimension: `Instance`. */
export const METRICS = {
  mean: 'QueryMeanMilliseconds',
  p50: 'QueryP50Milliseconds',
  p95: 'QueryP95Milliseconds',
  p99: 'QueryP99Milliseconds',
  lockWaits: 'LockWaits',
  rollbackPercent: 'RollbackPercent',
  connectionsPercent: 'ConnectionsPercent',
  tableBloatPercent: 'TableBloatPercent',
  indexBloatPercent: 'IndexBloatPercent',
  wraparoundPercent: 'WraparoundPercent',
  multixactPercent: 'MultixactPercent',
  slotsPercent: 'ReplicationSlotsPercent',
} as const
