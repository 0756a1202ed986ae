import type { PutBackupVaultLockConfigurationCommandInput } from '@aws-sdk/client-backup'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { anywhere, resourceTagContext } from '../dependencies.ts'
import { type Backups, requireVault, type Vault, vaultArn } from './vaults.ts'

/** Members by which most operations name a vault or a point. */
export type Named = { readonly BackupVaultName?: string; readonly RecoveryPointArn?: string }

/** Asks for a vault. */
export const onVault = (backups: Backups, action: string) => (input: Named, call: Call) => [
  {
    action,
    resource: vaultArn(backups.account, call.region, input.BackupVaultName ?? '*'),
    context: resourceTagContext(backups.vaults.get(`${call.region}/${input.BackupVaultName}`)?.tags),
  },
]

function describeVault(backups: Backups, vault: Vault) {
  const count = backups.points
    .values()
    .filter(point => point.vault === vault.name && point.region === vault.region).length
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    EncryptionKeyArn: vault.keyArn,
    CreationDate: new Date(vault.createdAt),
    NumberOfRecoveryPoints: count,
    Locked: vault.lock !== undefined,
    ...(vault.lock && {
      MinRetentionDays: vault.lock.minDays,
      MaxRetentionDays: vault.lock.maxDays,
      ...(vault.lock.from && { LockDate: new Date(vault.lock.from) }),
    }),
  }
}

const DAY_MS = 86_400_000

function lock(backups: Backups, input: PutBackupVaultLockConfigurationCommandInput, call: Call) {
  const vault = requireVault(backups, input.BackupVaultName, call.region)
  if (vault.lock?.from && Date.parse(vault.lock.from) <= backups.clock()) {
    throw new WireError(
      'InvalidRequestException',
      `The lock of vault ${vault.name} can no longer be changed.`,
      400,
    )
  }
  const days = input.ChangeableForDays
  if (days !== undefined && days < 3) {
    throw new WireError('InvalidParameterValueException', 'ChangeableForDays must be at least 3.', 400)
  }
  backups.vaults.set(`${vault.region}/${vault.name}`, {
    ...vault,
    lock: {
      ...(input.MinRetentionDays !== undefined && { minDays: input.MinRetentionDays }),
      ...(input.MaxRetentionDays !== undefined && { maxDays: input.MaxRetentionDays }),
      ...(days !== undefined && { from: new Date(backups.clock() + days * DAY_MS).toISOString() }),
    },
  })
  return {}
}

/** The operations on vaults and their locks. */
export function vaultOperations(backups: Backups): Record<string, Operation> {
  return {
    CreateBackupVault: {
      questions: onVault(backups, 'backup:CreateBackupVault'),
      run: (input: Named & { EncryptionKeyArn?: string; BackupVaultTags?: Record<string, string> }, call) => {
        const name = input.BackupVaultName ?? ''
        if (backups.vaults.has(`${call.region}/${name}`)) {
          throw new WireError('AlreadyExistsException', `Backup vault ${name} already exists.`, 400)
        }
        const vault: Vault = {
          name,
          arn: vaultArn(backups.account, call.region, name),
          region: call.region,
          keyArn: input.EncryptionKeyArn ?? 'alias/aws/backup',
          createdAt: new Date(backups.clock()).toISOString(),
          tags: input.BackupVaultTags ?? {},
        }
        backups.vaults.set(`${call.region}/${name}`, vault)
        return { BackupVaultName: name, BackupVaultArn: vault.arn, CreationDate: new Date(vault.createdAt) }
      },
    },
    DescribeBackupVault: {
      questions: onVault(backups, 'backup:DescribeBackupVault'),
      run: (input: Named, call) =>
        describeVault(backups, requireVault(backups, input.BackupVaultName, call.region)),
    },
    ListBackupVaults: {
      questions: () => anywhere('backup:ListBackupVaults'),
      run: (_: unknown, call) => ({
        BackupVaultList: backups.vaults
          .values()
          .filter(({ region }) => region === call.region)
          .map(vault => describeVault(backups, vault)),
      }),
    },
    DeleteBackupVault: {
      questions: onVault(backups, 'backup:DeleteBackupVault'),
      run: (input: Named, call) => {
        const vault = requireVault(backups, input.BackupVaultName, call.region)
        if (describeVault(backups, vault).NumberOfRecoveryPoints > 0) {
          throw new WireError('InvalidRequestException', `Backup vault ${vault.name} is not empty.`, 400)
        }
        backups.vaults.delete(`${vault.region}/${vault.name}`)
        return {}
      },
    },
    PutBackupVaultLockConfiguration: {
      questions: onVault(backups, 'backup:PutBackupVaultLockConfiguration'),
      run: (input: PutBackupVaultLockConfigurationCommandInput, call) => lock(backups, input, call),
    },
    DeleteBackupVaultLockConfiguration: {
      questions: onVault(backups, 'backup:DeleteBackupVaultLockConfiguration'),
      run: (input: Named, call) => {
        const { lock: held, ...vault } = requireVault(backups, input.BackupVaultName, call.region)
        if (held?.from && Date.parse(held.from) <= backups.clock()) {
          throw new WireError(
            'InvalidRequestException',
            `The lock of vault ${vault.name} can no longer be removed.`,
            400,
          )
        }
        backups.vaults.set(`${vault.region}/${vault.name}`, vault)
        return {}
      },
    },
    PutBackupVaultAccessPolicy: {
      questions: onVault(backups, 'backup:PutBackupVaultAccessPolicy'),
      run: (input: Named & { Policy?: string }, call) => {
        const vault = requireVault(backups, input.BackupVaultName, call.region)
        backups.vaults.set(`${vault.region}/${vault.name}`, {
          ...vault,
          ...(input.Policy && { policy: input.Policy }),
        })
        return {}
      },
    },
    GetBackupVaultAccessPolicy: {
      questions: onVault(backups, 'backup:GetBackupVaultAccessPolicy'),
      run: (input: Named, call) => {
        const vault = requireVault(backups, input.BackupVaultName, call.region)
        if (!vault.policy)
          throw new WireError('ResourceNotFoundException', `Vault ${vault.name} has no policy.`, 400)
        return { BackupVaultName: vault.name, BackupVaultArn: vault.arn, Policy: vault.policy }
      },
    },
  }
}
