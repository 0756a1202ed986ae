import { RDSClient } from '@aws-sdk/client-rds'
import { S3Client } from '@aws-sdk/client-s3'
import { json, text } from '../runtime/environment.ts'
import { type Metric, publish } from '../runtime/metrics.ts'
import { databaseAges, evidenceAges, segmentAge } from './ages.ts'
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

  const [evidence, segment, rdsSays] = await Promise.allSettled([
    evidenceAges(s3, { bucket: text(ENV.evidenceBucket), name }, drilled, now),
    segments === '' ? undefined : segmentAge(s3, segments, now),
    databaseAges(rds, text(ENV.source), region === text(ENV.sourceRegion), now),
  ])
  const proofs = evidence.status === 'fulfilled' ? evidence.value.proofs : {}
  for (const [mode, age] of Object.entries(proofs))
    publish({ ...dimensions, Mode: mode }, [
      seconds(METRICS.proofAge, age),
      ...(evidence.status === 'fulfilled' ? [seconds(METRICS.controlAge, evidence.value.control)] : []),
    ])
  const ages = known({
    segment: segment.status === 'fulfilled' ? segment.value : undefined,
    restorable: rdsSays.status === 'fulfilled' ? rdsSays.value.restorable : undefined,
    database: rdsSays.status === 'fulfilled' ? rdsSays.value.database : undefined,
  })
  const metrics = {
    segment: METRICS.segmentAge,
    restorable: METRICS.restorableAge,
    database: METRICS.databaseAge,
  }
  const said = Object.entries(metrics).flatMap(([of, metric]) => {
    const age = ages[of as keyof typeof metrics]
    return age === undefined ? [] : [seconds(metric, age)]
  })
  if (said.length > 0) publish(dimensions, said)

  const failed = [evidence, segment, rdsSays].find(result => result.status === 'rejected')
  if (failed) throw failed.reason
  return { proofs, ...(evidence.status === 'fulfilled' ? { control: evidence.value.control } : {}), ...ages }
}

type Known = Pick<Ages, 'segment' | 'restorable' | 'database'>

function known(ages: Readonly<Record<keyof Known, number | undefined>>): Known {
  return Object.fromEntries(Object.entries(ages).filter(([, age]) => age !== undefined))
}

function seconds(name: string, value: number): Metric {
  return { name, value, unit: 'Seconds' }
}
