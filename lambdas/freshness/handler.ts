import { RDSClient } from '@aws-sdk/client-rds'
import { S3Client } from '@aws-sdk/client-s3'
import { json, text } from '../runtime/environment.ts'
import { type Metric, publish } from '../runtime/metrics.ts'
import { evidenceAges, restorableAge, segmentAge } from './ages.ts'
import { ENV, METRICS } from './names.ts'
import type { Ages, Drilled } from './request.ts'

const rds = new RDSClient({})
const s3 = new S3Client({})

/**
 * Runs every five minutes in each region: how old is the newest proof of each kind? What cannot be found out is not
 * published, and the silence rings; what can is published all the same before the error ends the run.
 */
export async function handler(): Promise<Ages> {
  const name = text(ENV.name)
  const region = text('AWS_REGION')
  const drilled = json<Drilled[]>(ENV.drills)
  const segments = process.env[ENV.segmentsBucket] ?? ''
  const now = Date.now()
  const dimensions = { Environment: name, Region: region }

  const [evidence, segment, restorable] = await Promise.allSettled([
    evidenceAges(s3, text(ENV.evidenceBucket), drilled, now),
    segments === '' ? undefined : segmentAge(s3, segments, now),
    restorableAge(rds, text(ENV.source), region === text(ENV.sourceRegion), now),
  ])
  const proofs = evidence.status === 'fulfilled' ? evidence.value.proofs : {}
  for (const [mode, age] of Object.entries(proofs))
    publish({ ...dimensions, Mode: mode }, [
      seconds(METRICS.proofAge, age),
      ...(evidence.status === 'fulfilled' ? [seconds(METRICS.controlAge, evidence.value.control)] : []),
    ])
  const ages = {
    ...(segment.status === 'fulfilled' && segment.value !== undefined ? { segment: segment.value } : {}),
    ...(restorable.status === 'fulfilled' && restorable.value !== undefined
      ? { restorable: restorable.value }
      : {}),
  }
  if (ages.segment !== undefined) publish(dimensions, [seconds(METRICS.segmentAge, ages.segment)])
  if (ages.restorable !== undefined) publish(dimensions, [seconds(METRICS.restorableAge, ages.restorable)])

  const failed = [evidence, segment, restorable].find(result => result.status === 'rejected')
  if (failed) throw failed.reason
  return { proofs, ...(evidence.status === 'fulfilled' ? { control: evidence.value.control } : {}), ...ages }
}

function seconds(name: string, value: number): Metric {
  return { name, value, unit: 'Seconds' }
}
