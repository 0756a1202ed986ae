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

/** The channel on which a database's archiver is asked not to wait with its next segment. */
export const BELL = 'holdfast_archive'

/** Tables whose updates and deletes cannot be published: their inserts and truncates only. */
export const INSERTS_PUBLICATION = 'holdfast_archive_inserts'

export const METRICS = {
  secondsBehind: 'ArchiveSecondsBehind',
  bytesBehindConfirmed: 'ArchiveBytesBehindConfirmed',
  bytesBehindRestart: 'ArchiveBytesBehindRestart',
  spillBytes: 'ArchiveSpillBytes',
  pollMilliseconds: 'ArchivePollMilliseconds',
  slotHealthy: 'ArchiveSlotHealthy',
  /** Seconds since the oldest transaction began that the making of the slot waits for; 0 when it waits for none. */
  slotBlockedSeconds: 'ArchiveSlotBlockedSeconds',
  slotHeadroomPercent: 'ArchiveSlotHeadroomPercent',
  gaps: 'ArchiveGaps',
  /** Tables that should be archived and are in no publication of the archive. */
  unpublishedTables: 'UnpublishedTables',
} as const
