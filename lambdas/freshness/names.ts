export const ENV = {
  name: 'HOLDFAST_NAME',
  /** The instance whose restorable time counts in this region: the primary at home; replicated backups elsewhere. */
  source: 'SOURCE_INSTANCE',
  sourceRegion: 'SOURCE_REGION',
  evidenceBucket: 'EVIDENCE_BUCKET',
  /** Empty when there is no archive. */
  segmentsBucket: 'SEGMENTS_BUCKET',
  /** JSON list of `{ mode, region }`: the failure modes that are drilled, and the region whose chain holds the evidence. */
  drills: 'DRILLS',
} as const

/**
 * Dimensions: `Environment` and `Region` (where it was looked from), for drills also `Mode`. A proof that was never
 * given is as old as the epoch: it must ring, not be missing.
 */
export const METRICS = {
  proofAge: 'ProofAgeSeconds',
  controlAge: 'NegativeControlAgeSeconds',
  segmentAge: 'SegmentAgeSeconds',
  restorableAge: 'RestorableAgeSeconds',
  /** Since the database was made: what was never proven is that old. */
  databaseAge: 'DatabaseAgeSeconds',
  /** Objects among the evidence that are no records, and new. */
  foreign: 'ForeignEvidence',
} as const
