import { type BackupClient, DescribeBackupVaultCommand } from '@aws-sdk/client-backup'
import { DescribeKeyCommand, GetKeyRotationStatusCommand, type KMSClient } from '@aws-sdk/client-kms'
import { type Finding, hold, type Question } from './ask.ts'
import { judgeKey } from './instances.ts'
import type { RegionExpectations } from './request.ts'

/** States in which a key opens nothing, as "Key states of AWS KMS keys" lists them; the others pass by themselves. */
const SHUT: readonly string[] = ['Disabled', 'PendingDeletion', 'PendingReplicaDeletion', 'PendingImport']

/** Can the key be used, will it stay, and does it rotate where that is promised? A backup is worth as much as its key. */
export function keyQuestions(kms: KMSClient, wanted: RegionExpectations['keys'][number]): Question[] {
  const { key: subject, rotatesWithinDays } = wanted
  const usable: Question = {
    name: 'key.enabled',
    subject,
    asked: 'kms:DescribeKey',
    find: () => findState(kms, subject),
  }
  if (rotatesWithinDays === undefined) return [usable]
  return [
    usable,
    {
      name: 'key.rotating',
      subject,
      asked: 'kms:GetKeyRotationStatus',
      find: async () => {
        // Unlike `DescribeKey`, this call takes no alias.
        const KeyId = await arnOf(kms, subject)
        const { KeyRotationEnabled: on, RotationPeriodInDays: days } = await kms.send(
          new GetKeyRotationStatusCommand({ KeyId }),
        )
        if (on === undefined) return { verdict: 'unknown', detail: `nobody says whether ${subject} rotates` }
        if (!on) return { verdict: 'fail', detail: 'it does not rotate' }
        if (days === undefined)
          return { verdict: 'unknown', detail: `nobody says how often ${subject} rotates` }
        return hold(
          days <= rotatesWithinDays,
          `it rotates every ${days} days`,
          `it rotates every ${days} days, ${rotatesWithinDays} are configured`,
        )
      },
    },
  ]
}

/** Is the vault encrypted with the region's key, and can that key be used? */
export function vaultKeyQuestions(
  backup: BackupClient,
  kms: KMSClient,
  vault: string,
  key: () => Promise<string>,
): Question[] {
  const keyOfVault = async () =>
    (await backup.send(new DescribeBackupVaultCommand({ BackupVaultName: vault }))).EncryptionKeyArn
  const asked = 'backup:DescribeBackupVault'
  return [
    {
      name: 'vault.encrypted',
      subject: vault,
      asked,
      find: async () => judgeKey(vault, true, await keyOfVault(), await key()),
    },
    {
      name: 'vault.key-enabled',
      subject: vault,
      asked: `${asked}, kms:DescribeKey`,
      find: async () => {
        const found = await keyOfVault()
        if (found === undefined)
          return { verdict: 'unknown', detail: `nobody says which key ${vault} is encrypted with` }
        return findState(kms, found)
      },
    },
  ]
}

async function findState(kms: KMSClient, key: string): Promise<Finding> {
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: key }))
  const { KeyState: state, DeletionDate, Arn = key } = KeyMetadata ?? {}
  const at = DeletionDate === undefined ? '' : ` and is deleted on ${DeletionDate.toISOString()}`
  if (state === undefined) return { verdict: 'unknown', detail: `nobody says in which state ${key} is` }
  if (state === 'Enabled' && DeletionDate === undefined)
    return { verdict: 'pass', detail: `${Arn} is enabled` }
  if (state === 'Enabled' || SHUT.includes(state))
    return { verdict: 'fail', detail: `${Arn} is ${state}${at}: without it nothing can be read or signed` }
  return { verdict: 'unknown', detail: `${Arn} is ${state}` }
}

/** ARN of the key that an ARN or an alias names. */
export async function arnOf(kms: KMSClient, key: string): Promise<string> {
  if (key.startsWith('arn:') && !key.includes(':alias/')) return key
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: key }))
  if (!KeyMetadata?.Arn) throw new Error(`kms answered without the ARN of ${key}`)
  return KeyMetadata.Arn
}
