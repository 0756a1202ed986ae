import { randomUUID } from 'node:crypto'
import type { StartBackupJobCommandInput, StartCopyJobCommandInput } from '@aws-sdk/client-backup'
import { type Call, WireError } from '../../wire/call.ts'
import { type Backups, type Job, keepPoint, requireVault, requireVaultByArn, retentionFor } from './vaults.ts'

/** A job that was begun; `ended` resolves with how it ended. */
export type Begun = { readonly job: Job; readonly ended: Promise<Job> }

/** Runs a job's work in the background; its failure is the job's state and message, as in AWS Backup. */
function start(backups: Backups, job: Job, work: () => Promise<string>): Begun {
  backups.jobs.set(job.id, job)
  const end = (state: Partial<Job>): Job => {
    const done = { ...job, ...state, completedAt: new Date(backups.clock()).toISOString() }
    backups.jobs.set(job.id, done)
    return done
  }
  const ended = work().then(
    recoveryPointArn => end({ state: 'COMPLETED', recoveryPointArn }),
    (error: Error) => end({ state: 'FAILED', message: error.message }),
  )
  const running = ended.then(() => void backups.underWay.delete(running))
  backups.underWay.add(running)
  return { job, ended }
}

/** Says of the jobs that an earlier life of the twin began and did not end that they failed. */
export function failInterrupted(backups: Backups): void {
  for (const job of backups.jobs.values())
    if (job.state === 'RUNNING')
      backups.jobs.set(job.id, {
        ...job,
        state: 'FAILED',
        message: 'the twin ended before the job did',
        completedAt: new Date(backups.clock()).toISOString(),
      })
}

/** StartBackupJob. */
export function startBackup(
  backups: Backups,
  input: StartBackupJobCommandInput,
  call: Pick<Call, 'region'>,
): Begun {
  const vault = requireVault(backups, input.BackupVaultName, call.region)
  const days = retentionFor(vault, input.Lifecycle)
  const id = randomUUID()
  const createdAt = new Date(backups.clock()).toISOString()
  const resourceArn = input.ResourceArn ?? ''
  const roleArn = input.IamRoleArn ?? ''
  return start(
    backups,
    {
      id,
      kind: 'backup',
      region: call.region,
      vault: vault.name,
      resourceArn,
      state: 'RUNNING',
      createdAt,
      roleArn,
    },
    async () => {
      const { arn, bytes } = await backups.snapshots.take(resourceArn, `awsbackup:job-${id}`)
      keepPoint(backups, vault, { arn, bytes, resourceArn, roleArn, createdAt }, days)
      return arn
    },
  )
}

/** StartCopyJob. */
export function startCopy(
  backups: Backups,
  input: StartCopyJobCommandInput,
  call: Pick<Call, 'region'>,
): Begun {
  const source = requireVault(backups, input.SourceBackupVaultName, call.region)
  const point = backups.points.get(input.RecoveryPointArn ?? '')
  if (point?.vault !== source.name) {
    throw new WireError(
      'ResourceNotFoundException',
      `Recovery point ${input.RecoveryPointArn} does not exist.`,
      400,
    )
  }
  const target = requireVaultByArn(backups, input.DestinationBackupVaultArn)
  const days = retentionFor(target, input.Lifecycle)
  const id = randomUUID()
  const createdAt = new Date(backups.clock()).toISOString()
  const { resourceArn } = point
  const roleArn = input.IamRoleArn ?? ''
  const job: Job = {
    id,
    kind: 'copy',
    region: call.region,
    vault: source.name,
    resourceArn,
    state: 'RUNNING',
    createdAt,
    roleArn,
    sourceVaultArn: source.arn,
    destinationVaultArn: target.arn,
  }
  return start(backups, job, async () => {
    const copied = await backups.snapshots.copy(
      point.arn,
      target.region,
      target.keyArn,
      `awsbackup:copyjob-${id}`,
    )
    // A copy is as old as what it copies.
    const kept = { ...copied, resourceArn, roleArn, createdAt: point.createdAt, sourceVaultArn: source.arn }
    keepPoint(backups, target, kept, days)
    return copied.arn
  })
}
