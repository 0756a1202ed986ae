import type { StartBackupJobCommandInput, StartCopyJobCommandInput } from '@aws-sdk/client-backup'
import { type Operation, WireError } from '../../wire/call.ts'
import { anywhere } from '../dependencies.ts'
import { startBackup, startCopy } from './jobs.ts'
import { onVault } from './vault-operations.ts'
import { type Backups, type Job, requireVaultByArn, vaultArn } from './vaults.ts'

function showJob(backups: Backups, job: Job) {
  const common = {
    ResourceArn: job.resourceArn,
    ResourceType: 'RDS',
    IamRoleArn: job.roleArn,
    State: job.state,
    StatusMessage: job.message,
    CreationDate: new Date(job.createdAt),
    ...(job.completedAt && { CompletionDate: new Date(job.completedAt) }),
  }
  if (job.kind === 'copy') {
    return {
      ...common,
      CopyJobId: job.id,
      SourceBackupVaultArn: job.sourceVaultArn,
      DestinationBackupVaultArn: job.destinationVaultArn,
      DestinationRecoveryPointArn: job.recoveryPointArn,
    }
  }
  return {
    ...common,
    BackupJobId: job.id,
    BackupVaultName: job.vault,
    BackupVaultArn: vaultArn(backups.account, job.region, job.vault),
    RecoveryPointArn: job.recoveryPointArn,
  }
}

/** The operations that start jobs and tell of them. */
export function jobOperations(backups: Backups): Record<string, Operation> {
  const requireJob = (id: string | undefined, kind: Job['kind']) => {
    const job = backups.jobs.get(id ?? '')
    if (job?.kind !== kind)
      throw new WireError('ResourceNotFoundException', `There is no ${kind} job ${id}.`, 400)
    return job
  }
  return {
    StartBackupJob: {
      questions: onVault(backups, 'backup:StartBackupJob'),
      run: (input: StartBackupJobCommandInput, call) => {
        const { job } = startBackup(backups, input, call)
        return { BackupJobId: job.id, CreationDate: new Date(job.createdAt) }
      },
    },
    StartCopyJob: {
      questions: (input: StartCopyJobCommandInput) => [
        { action: 'backup:StartCopyJob', resource: input.RecoveryPointArn ?? '' },
        {
          action: 'backup:CopyIntoBackupVault',
          resource: requireVaultByArn(backups, input.DestinationBackupVaultArn).arn,
        },
      ],
      run: (input: StartCopyJobCommandInput, call) => {
        const { job } = startCopy(backups, input, call)
        return { CopyJobId: job.id, CreationDate: new Date(job.createdAt) }
      },
    },
    DescribeBackupJob: {
      questions: () => anywhere('backup:DescribeBackupJob'),
      run: (input: { BackupJobId?: string }) => showJob(backups, requireJob(input.BackupJobId, 'backup')),
    },
    DescribeCopyJob: {
      questions: () => anywhere('backup:DescribeCopyJob'),
      run: (input: { CopyJobId?: string }) => ({
        CopyJob: showJob(backups, requireJob(input.CopyJobId, 'copy')),
      }),
    },
  }
}
