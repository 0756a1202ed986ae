export const ENV = {
  /** The region's own segments bucket: home verifies the original, standby the replicated copy. */
  bucket: 'SEGMENTS_BUCKET',
  /** The primary's identifier, the dimension of the metrics. */
  instance: 'DATABASE_INSTANCE',
  /** Seconds that the newest segment may be old before the archive counts as standing still. */
  maximumAge: 'ARCHIVE_MAXIMUM_AGE_SECONDS',
} as const

export const METRICS = {
  verified: 'ArchiveSegmentsVerified',
  faults: 'ArchiveFaults',
  gaps: 'ArchiveGapsRetained',
  newestAge: 'ArchiveNewestAgeSeconds',
} as const
