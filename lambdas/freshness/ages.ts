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
 * chain from its end backwards. A record whose hash does not hold proves nothing and is an error.
 * @param now milliseconds since the epoch
 */
export async function evidenceAges(
  s3: S3Client,
  bucket: string,
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

/**
 * Seconds between now and the newest second that point-in-time recovery in this region reaches: of the instance
 * itself at home, of its replicated backups elsewhere. `undefined` when RDS names none.
 */
export async function restorableAge(
  rds: RDSClient,
  source: string,
  home: boolean,
  now: number,
): Promise<number | undefined> {
  const latest = home ? await latestOfInstance(rds, source) : await latestOfReplicated(rds, source)
  return latest === undefined ? undefined : (now - latest.getTime()) / 1_000
}

async function latestOfInstance(rds: RDSClient, source: string): Promise<Date | undefined> {
  const { DBInstances = [] } = await rds.send(
    new DescribeDBInstancesCommand({ DBInstanceIdentifier: source }),
  )
  return DBInstances[0]?.LatestRestorableTime
}

async function latestOfReplicated(rds: RDSClient, source: string): Promise<Date | undefined> {
  const { DBInstanceAutomatedBackups = [] } = await rds.send(
    new DescribeDBInstanceAutomatedBackupsCommand({
      Filters: [{ Name: 'db-instance-id', Values: [source] }],
    }),
  )
  const times = DBInstanceAutomatedBackups.flatMap(({ RestoreWindow }) => RestoreWindow?.LatestTime ?? [])
  return times.sort((a, b) => b.getTime() - a.getTime())[0]
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
