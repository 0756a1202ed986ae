import { type Desired, keep, type Physical, type Provisioner } from '../provisioner.ts'
import { type Api, amount, createOrAdopt, given } from './api.ts'

type Loose = Readonly<Record<string, unknown>>

/** AWS Backup's vaults with their locks, plans and selections. */
export function backupProvisioners(api: Api): Record<string, Provisioner> {
  const putVault = async (desired: Desired): Promise<Physical> => {
    const { properties, region, account } = desired
    const BackupVaultName = String(properties.BackupVaultName)
    await createOrAdopt(
      'AlreadyExistsException',
      () =>
        api('backup', region, 'CreateBackupVault', {
          BackupVaultName,
          ...given({
            EncryptionKeyArn: properties.EncryptionKeyArn,
            BackupVaultTags: properties.BackupVaultTags,
          }),
        }),
      async () => undefined,
    )
    const lock = properties.LockConfiguration as Loose | undefined
    if (lock)
      await api('backup', region, 'PutBackupVaultLockConfiguration', {
        BackupVaultName,
        ...given({
          MinRetentionDays: amount(lock.MinRetentionDays),
          MaxRetentionDays: amount(lock.MaxRetentionDays),
          ChangeableForDays: amount(lock.ChangeableForDays),
        }),
      })
    if (properties.AccessPolicy)
      await api('backup', region, 'PutBackupVaultAccessPolicy', {
        BackupVaultName,
        Policy: JSON.stringify(properties.AccessPolicy),
      })
    const arn = `arn:aws:backup:${region}:${account}:backup-vault:${BackupVaultName}`
    return { ref: BackupVaultName, attributes: { BackupVaultArn: arn, BackupVaultName } }
  }
  return {
    'AWS::Backup::BackupVault': {
      kind: 'real',
      create: putVault,
      update: async (desired, before) => {
        keep(desired, before, ['BackupVaultName', 'EncryptionKeyArn'])
        return putVault(desired)
      },
    },
    'AWS::Backup::BackupPlan': {
      kind: 'real',
      create: async ({ properties, region }) => {
        const { BackupPlanId, BackupPlanArn, VersionId } = await api('backup', region, 'CreateBackupPlan', {
          BackupPlan: planOf(properties.BackupPlan),
        })
        return { ref: BackupPlanId, attributes: { BackupPlanId, BackupPlanArn, VersionId } }
      },
    },
    'AWS::Backup::BackupSelection': {
      kind: 'real',
      create: async ({ properties, region }) => {
        const { SelectionId } = await api('backup', region, 'CreateBackupSelection', properties)
        return { ref: SelectionId, attributes: { SelectionId, BackupPlanId: properties.BackupPlanId } }
      },
    },
  }
}

// CloudFormation spells three members differently from the API.
function planOf(plan: { BackupPlanName: string; BackupPlanRule: Loose[] }) {
  return {
    BackupPlanName: plan.BackupPlanName,
    Rules: plan.BackupPlanRule.map(
      ({ TargetBackupVault, CompletionWindowMinutes, StartWindowMinutes, ...rule }) =>
        given({
          ...rule,
          TargetBackupVaultName: TargetBackupVault,
          CompletionWindowMinutes: amount(CompletionWindowMinutes),
          StartWindowMinutes: amount(StartWindowMinutes),
        }),
    ),
  }
}
