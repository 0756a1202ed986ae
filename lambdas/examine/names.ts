export const ENV = {
  code: 'HOLDFAST_CODE',
  /** The environment: its drills' copies are called after it. */
  name: 'HOLDFAST_NAME',
  /** The living instance of this region, which copies are compared with; no event can name another. */
  instance: 'DATABASE_INSTANCE',
  host: 'DATABASE_HOST',
  port: 'DATABASE_PORT',
  database: 'DATABASE_NAME',
  /** The instance whose rows the witness sees. */
  witnessedInstance: 'WITNESSED_INSTANCE',
  witnessedHost: 'WITNESSED_HOST',
  witnessedPort: 'WITNESSED_PORT',
  /** Of segments and of the witness; empty where there is no archive. */
  bucket: 'SEGMENTS_BUCKET',
  /** Seconds. */
  retention: 'SEGMENTS_RETENTION_SECONDS',
} as const

export const METRICS = {
  /** Row versions that a reading of the witness saw; a reading that failed says nothing, and the silence rings. */
  witnessRows: 'WitnessRows',
} as const

/** What the witness's keys begin with. */
export const WITNESS = 'witness/'

/** The database user, on the primary and in every copy. */
export const USER = 'holdfast_examine'

/**
 * The user under which SQL runs that users wrote. It reads and may change nothing, also not by a function of ours; the
 * stack denies `rds-db:connect` as this user to the living instance.
 */
export const ASSERT_USER = 'holdfast_assert'
