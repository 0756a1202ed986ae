import { KMSClient } from '@aws-sdk/client-kms'
import { RDSClient } from '@aws-sdk/client-rds'
import { S3Client } from '@aws-sdk/client-s3'
import { json, text } from '../runtime/environment.ts'
import { publicKeyOf } from '../runtime/evidence/public-key.ts'
import { type Metric, publish } from '../runtime/metrics.ts'
import { databaseAges, segmentAge } from './ages.ts'
import { ENV, METRICS } from './names.ts'
import { evidenceAges } from './proofs.ts'
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
    evidenceAges(
      s3,
      { bucket: text(ENV.evidenceBucket), name, pinOf: region => pinOf(name, region) },
      drilled,
      now,
    ),
    segments === '' ? undefined : segmentAge(s3, segments, now),
    databaseAges(rds, text(ENV.source), region === text(ENV.sourceRegion), now),
  ])
  const told = evidence.status === 'fulfilled' ? evidence.value : undefined
  for (const [mode, age] of Object.entries(told?.proofs ?? {}))
    publish({ ...dimensions, Mode: mode }, [
      seconds(METRICS.proofAge, age),
      ...(told?.control === undefined ? [] : [seconds(METRICS.controlAge, told.control)]),
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
  if (told && told.failed === undefined && drilled.length > 0)
    said.push({ name: METRICS.foreign, value: told.foreign, unit: 'Count' })
  if (said.length > 0) publish(dimensions, said)

  const failed = [evidence, segment, rdsSays].find(result => result.status === 'rejected')
  if (told?.failed !== undefined) throw told.failed
  if (failed) throw failed.reason
  return {
    proofs: told?.proofs ?? {},
    ...(told?.control === undefined ? {} : { control: told.control }),
    ...ages,
  }
}

const pins = new Map<string, string>()

/** The key that signs a region's evidence, asked there by its alias and kept: it never changes. */
async function pinOf(name: string, region: string): Promise<string> {
  const known = pins.get(region)
  if (known !== undefined) return known
  const kms = new KMSClient({ region })
  try {
    const pin = await publicKeyOf(kms, `alias/${name}-evidence`)
    pins.set(region, pin)
    return pin
  } finally {
    kms.destroy()
  }
}

type Known = Pick<Ages, 'segment' | 'restorable' | 'database'>

function known(ages: Readonly<Record<keyof Known, number | undefined>>): Known {
  return Object.fromEntries(Object.entries(ages).filter(([, age]) => age !== undefined))
}

function seconds(name: string, value: number): Metric {
  return { name, value, unit: 'Seconds' }
}
