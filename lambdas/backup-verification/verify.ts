import { BackupClient } from '@aws-sdk/client-backup'
import { KMSClient } from '@aws-sdk/client-kms'
import { RDSClient } from '@aws-sdk/client-rds'
import { S3Client } from '@aws-sdk/client-s3'
import { worst } from '../runtime/verdict.ts'
import { ask, type Question } from './ask.ts'
import { exportQuestion, instanceQuestions, replicatedQuestions } from './instances.ts'
import { arnOf, keyQuestions, vaultKeyQuestions } from './keys.ts'
import type { BackupCheck, BackupReport, Expectations, RegionExpectations } from './request.ts'
import { bucketQuestions, vaultQuestion } from './storage.ts'

/**
 * Asks every region for everything that is expected of it. A question without an answer is `unknown`, a region
 * that nothing is expected of too: nothing was proven there.
 * @param now milliseconds since the epoch
 */
export async function verifyBackups(expectations: Expectations, now: number): Promise<BackupReport> {
  const asked = await Promise.all(expectations.regions.map(region => verifyRegion(region, now)))
  const checks = asked.flat()
  return { verdict: worst(checks), at: new Date(now).toISOString(), checks }
}

async function verifyRegion(wanted: RegionExpectations, now: number): Promise<BackupCheck[]> {
  const { region } = wanted
  const rds = new RDSClient({ region })
  const s3 = new S3Client({ region })
  const backup = new BackupClient({ region })
  const kms = new KMSClient({ region })
  try {
    const questions: Question[] = [
      ...wanted.instances.flatMap(one => instanceQuestions(rds, one, () => arnOf(kms, wanted.key), now)),
      ...wanted.replicated.flatMap(one => replicatedQuestions(rds, one, () => arnOf(kms, wanted.key), now)),
      ...wanted.exports.map(one => exportQuestion(rds, one, now)),
      ...wanted.vaults.flatMap(one => [
        vaultQuestion(backup, one, now),
        ...vaultKeyQuestions(backup, kms, one.name, () => arnOf(kms, wanted.key)),
      ]),
      ...wanted.buckets.flatMap(one => bucketQuestions(s3, one)),
      ...wanted.keys.flatMap(one => keyQuestions(kms, one)),
    ]
    if (questions.length === 0)
      questions.push({
        name: 'region.expected',
        subject: region,
        asked: 'EXPECTATIONS',
        find: () => ({
          verdict: 'unknown',
          detail: `nothing is expected of ${region}, so nothing was proven`,
        }),
      })
    return await Promise.all(questions.map(question => ask(region, question)))
  } finally {
    for (const client of [rds, s3, backup, kms]) client.destroy()
  }
}
