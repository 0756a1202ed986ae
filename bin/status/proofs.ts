import type { S3Client } from '@aws-sdk/client-s3'
import type { EnvironmentConfig, Mode } from '../../config/schema.ts'
import { evidenceAges, type Outcome } from '../../lambdas/freshness/proofs.ts'
import { bucketName, evidenceKeyAlias } from '../../lib/names.ts'
import type { Place } from '../drill/deployment.ts'
import { askKey } from '../evidence/ask-key.ts'
import { inTime } from './answer.ts'

/** What a mode's own evidence says: seconds since its newest passed drill, and how its newest drill ended. */
export type Proven = { readonly proofAge: number; readonly newest: Outcome | undefined }

/**
 * What the signed records prove of each drilled mode, read now: a drill that has just ended is in no metric yet. A
 * mode whose chain cannot be read is left out; of it the metric is the last word.
 * @param now milliseconds since the epoch
 */
export async function readProofs(
  config: EnvironmentConfig,
  now: number,
  s3: (place: Place) => S3Client,
): Promise<Readonly<Partial<Record<Mode, Proven>>>> {
  const read = await Promise.all(
    (Object.keys(config.drills) as Mode[]).map(
      async mode => [mode, await readOne(config, mode, now, s3)] as const,
    ),
  )
  return Object.fromEntries(read.filter(([, proven]) => proven !== undefined))
}

async function readOne(
  config: EnvironmentConfig,
  mode: Mode,
  now: number,
  s3: (place: Place) => S3Client,
): Promise<Proven | undefined> {
  const place = mode === 'region-loss' ? 'standby' : 'home'
  const region = place === 'home' ? config.region : config.standbyRegion
  const pinOf = (where: string) => askKey(where, evidenceKeyAlias(config))
  const evidences = { bucket: bucketName(config, 'evidence', region), name: config.name, pinOf }
  try {
    const { proofs, outcomes, failed } = await inTime(
      evidenceAges(s3(place), evidences, [{ mode, region }], now),
    )
    const proofAge = proofs[mode]
    if (failed !== undefined || proofAge === undefined) return undefined
    return { proofAge, newest: outcomes[mode] }
  } catch {
    // Who may not read the evidence, or finds nobody to ask, still has what the region's own reader published.
    return undefined
  }
}
