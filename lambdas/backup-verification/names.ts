export const ENV = {
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
