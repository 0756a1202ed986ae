import {
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBInstancesCommand,
  type RDSClient,
} from '@aws-sdk/client-rds'
import { type _Object, GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3'
import { evidencePrefix, sequenceOf } from '../runtime/evidence/key.ts'
import { digestOf, type Evidence, parseSealed } from '../runtime/evidence/record.ts'
import { placeOf } from '../runtime/segment/key.ts'
import type { Drilled } from './request.ts'

/** A record never changes once it is written, so a warm function reads each one once. */
const read = new Map<string, Evidence>()

export type EvidenceAges = { readonly proofs: Readonly<Record<string, number>>; readonly control: number }

/**
 * Seconds since the newest passed drill of each mode, and since the newest negative control, by the records of each
 * chain from its end backwards. A record whose hash does not hold, or of another
 * environment, proves nothing and is an error.
 * @param now milliseconds since the epoch
 */
export async function evidenceAges(
  s3: S3Client,
  { bucket, name }: { readonly bucket: string; readonly name: string },
  drilled: readonly Drilled[],
  now: number,
): Promise<EvidenceAges> {
  const proofs: Record<string, number> = {}
  let control = now / 1_000
  for (const region of new Set(drilled.map(drill => drill.region))) {
    const wanted = new Set(drilled.filter(drill => drill.region === region).map(drill => drill.mode))
    let controlSeen = false
    const keys = (await listed(s3, bucket, evidencePrefix(region)))
      .map(({ Key = '' }) => Key)
      .filter(key => sequenceOf(key) !== null)
    for (const key of keys.sort().reverse()) {
      if (wanted.size === 0 && controlSeen) break
      const evidence = await recordAt(s3, bucket, key)
      if (evidence.chain !== `${name}/${region}`)
        throw new Error(
          `s3://${bucket}/${key} belongs to the chain ${evidence.chain}, not to ${name}/${region}`,
        )
      const age = (now - Date.parse(evidence.startedAt)) / 1_000
      if (evidence.request.negativeControl !== undefined) {
        control = controlSeen ? control : Math.min(control, age)
        controlSeen = true
      } else if (evidence.verdict === 'pass' && wanted.delete(evidence.mode)) proofs[evidence.mode] = age
    }
  }
  for (const { mode } of drilled) proofs[mode] ??= now / 1_000
  return { proofs, control }
}

/** Seconds since the newest segment was written; since the epoch when there is none. */
export async function segmentAge(s3: S3Client, bucket: string, now: number): Promise<number> {
  const segments = (await listed(s3, bucket, '')).filter(({ Key = '' }) => placeOf(Key) !== undefined)
  const newest = Math.max(
    0,
    ...segments.slice(-1_000).map(({ LastModified }) => LastModified?.getTime() ?? 0),
  )
  return (now - newest) / 1_000
}

/** Seconds; `undefined` when RDS does not say. */
export type DatabaseAges = { readonly restorable: number | undefined; readonly database: number | undefined }

/**
 * How long ago the newest second is that point-in-time recovery in this region reaches, and how long ago the database
 * was made: of the instance itself at home, of its replicated backups elsewhere.
 */
export async function databaseAges(
  rds: RDSClient,
  source: string,
  home: boolean,
  now: number,
): Promise<DatabaseAges> {
  const { latest, made } = home ? await ofInstance(rds, source) : await ofReplicated(rds, source)
  const age = (date: Date | undefined) => (date === undefined ? undefined : (now - date.getTime()) / 1_000)
  return { restorable: age(latest), database: age(made) }
}

type Moments = { readonly latest: Date | undefined; readonly made: Date | undefined }

async function ofInstance(rds: RDSClient, source: string): Promise<Moments> {
  const { DBInstances = [] } = await rds.send(
    new DescribeDBInstancesCommand({ DBInstanceIdentifier: source }),
  )
  return { latest: DBInstances[0]?.LatestRestorableTime, made: DBInstances[0]?.InstanceCreateTime }
}

async function ofReplicated(rds: RDSClient, source: string): Promise<Moments> {
  const { DBInstanceAutomatedBackups = [] } = await rds.send(
    new DescribeDBInstanceAutomatedBackupsCommand({
      Filters: [{ Name: 'db-instance-id', Values: [source] }],
    }),
  )
  const newest = DBInstanceAutomatedBackups.toSorted(
    (a, b) => (b.RestoreWindow?.LatestTime?.getTime() ?? 0) - (a.RestoreWindow?.LatestTime?.getTime() ?? 0),
  )[0]
  return { latest: newest?.RestoreWindow?.LatestTime, made: newest?.InstanceCreateTime }
}

async function recordAt(s3: S3Client, bucket: string, key: string): Promise<Evidence> {
  const known = read.get(`${bucket}/${key}`)
  if (known !== undefined) return known
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
  const { evidence, sha256 } = parseSealed((await Body?.transformToString()) ?? '')
  if (digestOf(evidence) !== sha256)
    throw new Error(`s3://${bucket}/${key} was altered: its hash does not hold`)
  read.set(`${bucket}/${key}`, evidence)
  return evidence
}

async function listed(s3: S3Client, bucket: string, prefix: string): Promise<_Object[]> {
  const objects: _Object[] = []
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix }))
    objects.push(...(page.Contents ?? []))
  return objects
}
