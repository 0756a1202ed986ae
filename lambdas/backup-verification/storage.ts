import {
  type BackupClient,
  paginateListRecoveryPointsByBackupVault,
  type RecoveryPointByBackupVault,
} from '@aws-sdk/client-backup'
import {
  GetBucketReplicationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { hold, type Question, young } from './ask.ts'
import type { RegionExpectations } from './request.ts'

/** Is the bucket versioned, locked and, where it must be, replicating? */
export function bucketQuestions(s3: S3Client, wanted: RegionExpectations['buckets'][number]): Question[] {
  const { name: subject, lockDays, replicatesTo } = wanted
  const questions: Question[] = [
    {
      name: 'bucket.versioned',
      subject,
      asked: 's3:GetBucketVersioning',
      find: async () => {
        const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket: subject }))
        return hold(Status === 'Enabled', 'versioning is on', `versioning is ${Status ?? 'off'}`)
      },
    },
    {
      name: 'bucket.locked',
      subject,
      asked: 's3:GetBucketObjectLockConfiguration',
      find: async () => {
        const { ObjectLockConfiguration: lock } = await s3.send(
          new GetObjectLockConfigurationCommand({ Bucket: subject }),
        )
        if (lock?.ObjectLockEnabled !== 'Enabled') return { verdict: 'fail', detail: 'Object Lock is off' }
        if (lockDays === 0)
          return { verdict: 'pass', detail: 'Object Lock is on; each object brings its retention' }
        const rule = lock.Rule?.DefaultRetention
        const days = rule?.Days ?? (rule?.Years ?? 0) * 365
        return hold(
          rule?.Mode === 'COMPLIANCE' && days >= lockDays,
          `locked ${days} days in compliance mode`,
          `locked ${days} days in ${rule?.Mode ?? 'no'} mode, ${lockDays} in COMPLIANCE are wanted`,
        )
      },
    },
  ]
  if (replicatesTo === undefined) return questions
  return [
    ...questions,
    {
      name: 'bucket.replicating',
      subject,
      asked: 's3:GetReplicationConfiguration',
      find: async () => {
        const { ReplicationConfiguration } = await s3.send(
          new GetBucketReplicationCommand({ Bucket: subject }),
        )
        const rules = (ReplicationConfiguration?.Rules ?? []).filter(rule => rule.Status === 'Enabled')
        const to = rules.map(rule => rule.Destination?.Bucket ?? '')
        return hold(
          to.includes(`arn:aws:s3:::${replicatesTo}`),
          `replicates to ${replicatesTo}`,
          `replicates to ${to.join(', ') || 'nowhere'}, not to ${replicatesTo}`,
        )
      },
    },
  ]
}

/** Is the newest completed recovery point in the vault young enough? */
export function vaultQuestion(
  backup: BackupClient,
  wanted: RegionExpectations['vaults'][number],
  now: number,
): Question {
  return {
    name: 'vault.recovery-point',
    subject: wanted.name,
    asked: 'backup:ListRecoveryPointsByBackupVault',
    find: async () => {
      const points: RecoveryPointByBackupVault[] = []
      for await (const page of paginateListRecoveryPointsByBackupVault(
        { client: backup },
        { BackupVaultName: wanted.name },
      ))
        points.push(...(page.RecoveryPoints ?? []))
      const newest = points
        .filter(point => point.Status === 'COMPLETED' && point.ResourceArn?.endsWith(`:db:${wanted.source}`))
        .sort((a, b) => (a.CreationDate?.getTime() ?? 0) - (b.CreationDate?.getTime() ?? 0))
        .at(-1)
      return newest
        ? young('the newest recovery point', newest.CreationDate, wanted.withinSeconds, now)
        : {
            verdict: 'fail',
            detail: `no completed recovery point of ${wanted.source} among ${points.length} in ${wanted.name}`,
          }
    },
  }
}
