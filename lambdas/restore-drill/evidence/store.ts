import { GetObjectCommand, PutObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3'
import { evidenceKey, evidencePrefix, reportKey, sequenceOf } from '../../runtime/evidence/key.ts'
import { digestOf, type Evidence, parseSealed, type SealedEvidence } from '../../runtime/evidence/record.ts'
import { renderReport } from '../report/render.ts'
import { summaryOf } from '../report/summary.ts'
import type { Drill } from '../setting.ts'
import { seal } from './seal.ts'

export type Written = {
  readonly bucket: string
  readonly key: string
  readonly sha256: string
  readonly report: string
}

/** A record that still wants its place in the chain. */
export type Unplaced = Omit<Evidence, 'chain' | 'sequence' | 'previous'>

// Two drills that end together want the same place: the loser takes the next one.
const TRIES = 8
/** How many drills before this one the report shows. */
const HISTORY = 29

/**
 * Appends the record to the region's chain, locked, and its page beside it. A drill that is already in the chain
 * is not written again: the function may have been killed after the write.
 */
export async function writeEvidence(drill: Drill, unplaced: Unplaced): Promise<Written> {
  const { s3, kms } = drill.clients
  const { evidenceBucket: bucket, evidenceKey: key, region, name } = drill.setting
  for (let attempt = 1; ; attempt++) {
    const keys = await chainKeys(s3, bucket, region)
    const history = await readLast(s3, bucket, keys, HISTORY)
    const mine = history.find(sealed => sealed.evidence.execution === unplaced.execution)
    const before = history.at(-1)
    if (before) refuseBrokenHead(before, keys.at(-1))
    const sealed =
      mine ??
      (await seal(kms, key, {
        ...unplaced,
        chain: `${name}/${region}`,
        sequence: (before?.evidence.sequence ?? 0) + 1,
        previous: before?.sha256 ?? null,
      }))
    const at = evidenceKey(region, sealed.evidence.sequence)
    if (mine === undefined && !(await putOnce(drill, at, `${JSON.stringify(sealed, null, 2)}\n`))) {
      if (attempt >= TRIES)
        throw new Error(`${TRIES} other drills took the places in ${bucket} before this one`)
      continue
    }
    const report = reportKey(region, sealed.evidence.sequence)
    const page = renderReport(sealed, history.filter(other => other !== mine).map(summaryOf))
    await putOnce(drill, report, page, 'text/html; charset=utf-8')
    return { bucket, key: at, sha256: sealed.sha256, report }
  }
}

/** Building on a head that does not hold would hide the break under good links. */
function refuseBrokenHead(head: SealedEvidence, key: string | undefined): void {
  const named = key === undefined ? null : sequenceOf(key)
  if (digestOf(head.evidence) === head.sha256 && named === head.evidence.sequence) return
  throw new Error(`the head of the chain, ${key}, was altered: run holdfast evidence verify`)
}

/** Keys of the chain's records in order. */
async function chainKeys(s3: S3Client, bucket: string, region: string): Promise<string[]> {
  const keys: string[] = []
  for await (const page of paginateListObjectsV2(
    { client: s3 },
    { Bucket: bucket, Prefix: evidencePrefix(region) },
  ))
    for (const { Key } of page.Contents ?? [])
      if (Key !== undefined && sequenceOf(Key) !== null) keys.push(Key)
  return keys.sort()
}

/** The text of one object. */
async function readObject(s3: S3Client, bucket: string, key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
  if (!Body) throw new Error(`s3://${bucket}/${key} has no body`)
  return Body.transformToString()
}

async function readLast(
  s3: S3Client,
  bucket: string,
  keys: readonly string[],
  count: number,
): Promise<SealedEvidence[]> {
  const texts = await Promise.all(keys.slice(-count).map(key => readObject(s3, bucket, key)))
  return texts.map(parseSealed)
}

/** False when somebody else's object has the key. */
async function putOnce(drill: Drill, key: string, body: string, type = 'application/json'): Promise<boolean> {
  const { evidenceBucket, evidenceRetentionSeconds } = drill.setting
  try {
    await drill.clients.s3.send(
      new PutObjectCommand({
        Bucket: evidenceBucket,
        Key: key,
        Body: body,
        ContentType: type,
        ChecksumAlgorithm: 'SHA256',
        IfNoneMatch: '*',
        ObjectLockMode: 'COMPLIANCE',
        ObjectLockRetainUntilDate: new Date(Date.now() + evidenceRetentionSeconds * 1_000),
      }),
    )
    return true
  } catch (error) {
    // 412: the key is taken. 409: another put on it is under way.
    if (
      error instanceof Error &&
      (error.name === 'PreconditionFailed' || error.name === 'ConditionalRequestConflict')
    )
      return false
    throw error
  }
}
