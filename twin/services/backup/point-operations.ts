import type { ListRecoveryPointsByBackupVaultCommandInput } from '@aws-sdk/client-backup'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { anywhere } from '../dependencies.ts'
import { type Named, onVault } from './vault-operations.ts'
import { assertDeletable, type Backups, type RecoveryPoint, requireVault, vaultArn } from './vaults.ts'

function show(backups: Backups, point: RecoveryPoint) {
  const name = point.vault
  return {
    RecoveryPointArn: point.arn,
    BackupVaultName: name,
    BackupVaultArn: vaultArn(backups.account, point.region, name),
    ResourceArn: point.resourceArn,
    ResourceType: 'RDS',
    IamRoleArn: point.roleArn,
    Status: 'COMPLETED',
    CreationDate: new Date(point.createdAt),
    CompletionDate: new Date(point.completedAt),
    BackupSizeInBytes: point.bytes,
    EncryptionKeyArn: point.keyArn,
    IsEncrypted: true,
    ...(point.sourceVaultArn && { SourceBackupVaultArn: point.sourceVaultArn }),
    ...(point.deleteAfterDays !== undefined && {
      Lifecycle: { DeleteAfterDays: point.deleteAfterDays },
      CalculatedLifecycle: { DeleteAt: new Date(point.deleteAt ?? 0) },
    }),
  }
}

function requirePoint(backups: Backups, input: Named, call: Call): RecoveryPoint {
  const vault = requireVault(backups, input.BackupVaultName, call.region)
  const point = backups.points.get(input.RecoveryPointArn ?? '')
  if (point?.vault === vault.name && point.region === vault.region) return point
  throw new WireError(
    'ResourceNotFoundException',
    `Recovery point ${input.RecoveryPointArn} does not exist.`,
    400,
  )
}

function list(backups: Backups, input: ListRecoveryPointsByBackupVaultCommandInput, call: Call) {
  const vault = requireVault(backups, input.BackupVaultName, call.region)
  const [after, before] = [
    input.ByCreatedAfter?.getTime() ?? 0,
    input.ByCreatedBefore?.getTime() ?? Number.POSITIVE_INFINITY,
  ]
  const found = backups.points
    .values()
    .filter(point => point.vault === vault.name && point.region === vault.region)
    .filter(point => input.ByResourceArn === undefined || point.resourceArn === input.ByResourceArn)
    .filter(point => Date.parse(point.createdAt) >= after && Date.parse(point.createdAt) <= before)
    .sort((left, right) => (left.createdAt < right.createdAt ? 1 : -1))
  const from = Number(input.NextToken ?? 0)
  const end = from + Math.min(input.MaxResults ?? 1000, 1000)
  return {
    RecoveryPoints: found.slice(from, end).map(point => show(backups, point)),
    ...(end < found.length && { NextToken: String(end) }),
  }
}

/** The operations on recovery points. */
export function pointOperations(backups: Backups): Record<string, Operation> {
  const onPoint = (action: string) => (input: Named) => [{ action, resource: input.RecoveryPointArn ?? '' }]
  return {
    ListRecoveryPointsByBackupVault: {
      questions: onVault(backups, 'backup:ListRecoveryPointsByBackupVault'),
      run: (input: ListRecoveryPointsByBackupVaultCommandInput, call) => list(backups, input, call),
    },
    ListRecoveryPointsByResource: {
      questions: () => anywhere('backup:ListRecoveryPointsByResource'),
      run: (input: { ResourceArn?: string }, call) => ({
        RecoveryPoints: backups.points
          .values()
          .filter(point => point.resourceArn === input.ResourceArn && point.region === call.region)
          .map(point => ({
            RecoveryPointArn: point.arn,
            BackupVaultName: point.vault,
            Status: 'COMPLETED',
            CreationDate: new Date(point.createdAt),
            BackupSizeBytes: point.bytes,
            EncryptionKeyArn: point.keyArn,
          })),
      }),
    },
    DescribeRecoveryPoint: {
      questions: onPoint('backup:DescribeRecoveryPoint'),
      run: (input: Named, call) => show(backups, requirePoint(backups, input, call)),
    },
    DeleteRecoveryPoint: {
      questions: onPoint('backup:DeleteRecoveryPoint'),
      run: async (input: Named, call) => {
        const point = requirePoint(backups, input, call)
        assertDeletable(requireVault(backups, point.vault, point.region), point, backups.clock())
        await backups.snapshots.remove(point.arn)
        backups.points.delete(point.arn)
        return {}
      },
    },
  }
}
