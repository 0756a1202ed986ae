import { z } from 'zod'
import { Refusal } from '../runtime/failure.ts'
import type { Check } from '../runtime/verdict.ts'

const instance = z.strictObject({
  identifier: z.string(),
  /** Days that automated backups are kept; 0 for a replica that has none of its own. */
  retentionDays: z.number().int().min(0),
  /** Seconds that LatestRestorableTime may lie behind; asked only where retentionDays > 0. */
  restorableWithinSeconds: z.number().positive().default(900),
  /** Seconds since the newest snapshot, automated or manual; asked only where retentionDays > 0. */
  snapshotWithinSeconds: z
    .number()
    .positive()
    .default(26 * 3_600),
  deletionProtection: z.boolean().default(true),
})

const replicated = z.strictObject({
  /** Identifier of the instance whose automated backups arrive here from `sourceRegion`. */
  source: z.string(),
  sourceRegion: z.string(),
  retentionDays: z.number().int().min(1),
  /** Seconds that the replicated window's newest moment may lie behind. */
  restorableWithinSeconds: z.number().positive().default(3_600),
})

const bucket = z.strictObject({
  name: z.string(),
  /** Days of default Object Lock retention in compliance mode that the bucket must have at least; 0 = the writer sets it on each object, the bucket needs Object Lock enabled only. */
  lockDays: z.number().int().min(0).default(0),
  /** Name of the bucket that a replication rule, enabled, must name as destination. */
  replicatesTo: z.string().optional(),
})

const region = z.strictObject({
  region: z.string(),
  /** ARN of the key that everything here is encrypted with, or its alias (`alias/shop-prod`). */
  key: z.string(),
  instances: z.array(instance).default([]),
  replicated: z.array(replicated).default([]),
  /** AWS Backup vaults: the newest completed recovery point of `source` in each. */
  vaults: z
    .array(
      z.strictObject({
        name: z.string(),
        /** Identifier of the instance whose recovery points are asked for. */
        source: z.string(),
        withinSeconds: z
          .number()
          .positive()
          .default(26 * 3_600),
      }),
    )
    .default([]),
  buckets: z.array(bucket).default([]),
  /** Keys, by ARN or alias, without which something here cannot be read, or cannot be signed. */
  keys: z
    .array(
      z.strictObject({
        key: z.string(),
        /** Days between two rotations at most; left out for a key that does not rotate. */
        rotatesWithinDays: z.number().int().positive().optional(),
      }),
    )
    .default([]),
  /** Snapshot exports to S3: the newest of `source` must be complete and not older than this. */
  exports: z.array(z.strictObject({ source: z.string(), withinSeconds: z.number().positive() })).default([]),
})

const expectations = z.strictObject({ regions: z.array(region).min(1) })

/** What EXPECTATIONS says, with the defaults of what was left out. */
export type Expectations = z.output<typeof expectations>
export type RegionExpectations = Expectations['regions'][number]

/** What the function returns: every check, and the worst of them. */
export type BackupReport = {
  readonly verdict: 'pass' | 'fail' | 'unknown'
  /** ISO 8601 */
  readonly at: string
  readonly checks: readonly BackupCheck[]
}

/** A check with the region and the thing it was asked of. */
export type BackupCheck = Check & { readonly region: string; readonly subject: string }

/** @throws Refusal `ExpectationsRefused` that names each wrong field. */
export function parseExpectations(value: unknown): Expectations {
  const parsed = expectations.safeParse(value)
  if (parsed.success) return parsed.data
  throw new Refusal(
    'ExpectationsRefused',
    `the expectations are wrong: ${parsed.error.issues.map(issue => `${issue.path.join('.') || 'value'}: ${issue.message}`).join('; ')}`,
    'deploy the stack again; it writes EXPECTATIONS on this function',
  )
}
