export const ENV = {
  host: 'DATABASE_HOST',
  port: 'DATABASE_PORT',
  database: 'DATABASE_NAME',
  user: 'DATABASE_USER',
  instance: 'DATABASE_INSTANCE',
  bucket: 'SEGMENTS_BUCKET',
  /** Seconds that a segment is locked. */
  retention: 'SEGMENTS_RETENTION_SECONDS',
  code: 'HOLDFAST_CODE',
} as const

export const USER = 'holdfast_archiver'

/** The replication slot and the publication, one of each a database. */
export const SLOT = 'holdfast_archive'
export const PUBLICATION = 'holdfast_archive'

/** Tables whose updates and deletes cannot be published: their inserts and truncates only. */
export const INSERTS_PUBLICATION = 'holdfast_archive_inserts'

/**
 * The archiver speaks the streaming replication protocol with an IAM token, which RDS for PostgreSQL accepts only
 * with this parameter set to 1 in the instance's parameter group (dynamic, 11 and later).
 */
export const REQUIRED_PARAMETER = 'rds.iam_auth_for_replication'

export const METRICS = {
  secondsBehind: 'ArchiveSecondsBehind',
  bytesBehindConfirmed: 'ArchiveBytesBehindConfirmed',
  bytesBehindRestart: 'ArchiveBytesBehindRestart',
  spillBytes: 'ArchiveSpillBytes',
  pollMilliseconds: 'ArchivePollMilliseconds',
  slotHealthy: 'ArchiveSlotHealthy',
  slotHeadroomPercent: 'ArchiveSlotHeadroomPercent',
  gaps: 'ArchiveGaps',
} as const
