export const ENV = {
  bucket: 'SEGMENTS_BUCKET',
  /** The primary's identifier: its archive is rolled forward, and it is never written to. */
  instance: 'DATABASE_INSTANCE',
  database: 'DATABASE_NAME',
  /** The primary's own address, to read what the copy must equal; as `holdfast_examine`, which cannot write. */
  primaryHost: 'DATABASE_HOST',
  primaryPort: 'DATABASE_PORT',
  code: 'HOLDFAST_CODE',
} as const

/**
 * The database user that writes rows to a restored copy. It exists on the primary because a copy is physical; the
 * stack denies `rds-db:connect` as this user to the primary's resource id and gives it no network path there.
 */
export const USER = 'holdfast_roll_forward'

/** The user that repeats changes of the schema on a restored copy, kept out of the primary in the same ways. */
export const SCHEMA_USER = 'holdfast_schema'

/** The user that reads the primary for the comparison; the stack's rds-db:connect names it too. */
export const READER = 'holdfast_examine'

export const METRICS = {
  transactions: 'RollForwardTransactions',
  rows: 'RollForwardRows',
  rowsPerSecond: 'RollForwardRowsPerSecond',
  rpoWithTail: 'RollForwardRpoSeconds',
} as const
