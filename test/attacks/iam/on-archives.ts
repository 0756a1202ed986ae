import {
  DeleteBackupVaultCommand,
  DeleteBackupVaultLockConfigurationCommand,
  PutBackupVaultAccessPolicyCommand,
  PutBackupVaultLockConfigurationCommand,
} from '@aws-sdk/client-backup'
import {
  DeleteAliasCommand,
  DisableKeyCommand,
  DisableKeyRotationCommand,
  PutKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms'
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketReplicationCommand,
  DeleteObjectCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3'
import {
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutResourcePolicyCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
} from '@aws-sdk/client-secrets-manager'
import { type Attack, attack } from './attack.ts'
import type { Scene } from './scene.ts'

const OPEN = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }],
})
const soon = () => new Date(Date.now() + 60_000)

function onObject(which: 'evidence' | 'segment'): Attack[] {
  const on = (what: string, strike: (...args: Parameters<Attack['strike']>) => Promise<unknown>) =>
    attack(`${what} ${which === 'evidence' ? 'evidence' : 'a segment'}`, strike)
  return [
    on('delete', ({ s3 }, { [which]: { Bucket, Key } }) => s3.send(new DeleteObjectCommand({ Bucket, Key }))),
    on('delete the version of', ({ s3 }, { [which]: version }) =>
      s3.send(new DeleteObjectCommand({ ...version, BypassGovernanceRetention: true })),
    ),
    on('overwrite', ({ s3 }, { [which]: { Bucket, Key } }) =>
      s3.send(new PutObjectCommand({ Bucket, Key, Body: 'forged' })),
    ),
    on('overwrite in parts', async ({ s3 }, { [which]: { Bucket, Key } }) => {
      const { UploadId } = await s3.send(
        new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'SHA256' }),
      )
      await s3.send(
        new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: [] } }),
      )
    }),
    on('copy something over', ({ s3 }, { [which]: { Bucket, Key } }) =>
      s3.send(
        new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${Key}`, MetadataDirective: 'REPLACE' }),
      ),
    ),
    on('add frozen, so that nobody reads it,', ({ s3 }, { [which]: { Bucket, Key } }) =>
      s3.send(
        new PutObjectCommand({
          Bucket,
          Key: `${Key}-frozen`,
          Body: 'x',
          IfNoneMatch: '*',
          StorageClass: 'GLACIER',
          ObjectLockMode: 'COMPLIANCE',
          ObjectLockRetainUntilDate: new Date(Date.now() + 3_650 * 86_400_000),
        }),
      ),
    ),
    on('add briefly locked', ({ s3 }, { [which]: { Bucket, Key } }) =>
      s3.send(
        new PutObjectCommand({
          Bucket,
          Key: `${Key}-brief`,
          Body: 'x',
          IfNoneMatch: '*',
          ObjectLockMode: 'GOVERNANCE',
          ObjectLockRetainUntilDate: soon(),
        }),
      ),
    ),
    on('shorten the lock of', ({ s3 }, { [which]: version }) =>
      s3.send(
        new PutObjectRetentionCommand({
          ...version,
          Retention: { Mode: 'GOVERNANCE', RetainUntilDate: soon() },
        }),
      ),
    ),
    on('shorten with bypass the lock of', ({ s3 }, { [which]: version }) =>
      s3.send(
        new PutObjectRetentionCommand({
          ...version,
          BypassGovernanceRetention: true,
          Retention: { Mode: 'GOVERNANCE', RetainUntilDate: soon() },
        }),
      ),
    ),
    on('hold for ever', ({ s3 }, { [which]: version }) =>
      s3.send(new PutObjectLegalHoldCommand({ ...version, LegalHold: { Status: 'ON' } })),
    ),
    on('stop the versions in the bucket of', ({ s3 }, { [which]: { Bucket } }) =>
      s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })),
    ),
    on('stop the lock of the bucket of', ({ s3 }, { [which]: { Bucket } }) =>
      s3.send(
        new PutObjectLockConfigurationCommand({
          Bucket,
          ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' },
        }),
      ),
    ),
    on('open the bucket of', ({ s3 }, { [which]: { Bucket } }) =>
      s3.send(new PutBucketPolicyCommand({ Bucket, Policy: OPEN })),
    ),
    on('take the policy from the bucket of', ({ s3 }, { [which]: { Bucket } }) =>
      s3.send(new DeleteBucketPolicyCommand({ Bucket })),
    ),
    on('stop the copies from the bucket of', ({ s3 }, { [which]: { Bucket } }) =>
      s3.send(new DeleteBucketReplicationCommand({ Bucket })),
    ),
    on('let everything in the bucket expire of', ({ s3 }, { [which]: { Bucket } }) =>
      s3.send(
        new PutBucketLifecycleConfigurationCommand({
          Bucket,
          LifecycleConfiguration: {
            Rules: [{ ID: 'soon', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } }],
          },
        }),
      ),
    ),
    on('delete the bucket of', ({ s3 }, { [which]: { Bucket } }) =>
      s3.send(new DeleteBucketCommand({ Bucket })),
    ),
  ]
}

const KEYS: Attack[] = ['alias/shop-prod', 'alias/shop-prod-evidence'].flatMap(alias => {
  const on = (what: string, strike: Attack['strike']) => attack(`${what} ${alias}`, strike)
  const key = ({ keyOf }: Scene) => keyOf.get(alias)!
  return [
    on('schedule the deletion of', ({ kms }, scene) =>
      kms.send(new ScheduleKeyDeletionCommand({ KeyId: key(scene), PendingWindowInDays: 7 })),
    ),
    on('disable', ({ kms }, scene) => kms.send(new DisableKeyCommand({ KeyId: key(scene) }))),
    on('open the policy of', ({ kms }, scene) =>
      kms.send(new PutKeyPolicyCommand({ KeyId: key(scene), Policy: OPEN })),
    ),
    on('stop the rotation of', ({ kms }, scene) =>
      kms.send(new DisableKeyRotationCommand({ KeyId: key(scene) })),
    ),
    on('turn elsewhere', ({ kms }, scene) =>
      kms.send(new UpdateAliasCommand({ AliasName: alias, TargetKeyId: key(scene) })),
    ),
    on('delete the name', ({ kms }) => kms.send(new DeleteAliasCommand({ AliasName: alias }))),
  ]
})

const SECRET: Attack[] = [
  attack('delete the owner’s secret', ({ secrets }, { secret }) =>
    secrets.send(new DeleteSecretCommand({ SecretId: secret, ForceDeleteWithoutRecovery: true })),
  ),
  attack('change the owner’s secret', ({ secrets }, { secret }) =>
    secrets.send(new PutSecretValueCommand({ SecretId: secret, SecretString: '{}' })),
  ),
  attack('rotate the owner’s secret', ({ secrets }, { secret }) =>
    secrets.send(new RotateSecretCommand({ SecretId: secret })),
  ),
  attack('open the owner’s secret', ({ secrets }, { secret }) =>
    secrets.send(new PutResourcePolicyCommand({ SecretId: secret, ResourcePolicy: OPEN })),
  ),
]

const VAULT: Attack[] = [
  attack('delete the vault', ({ backup }) =>
    backup.send(new DeleteBackupVaultCommand({ BackupVaultName: 'shop-prod' })),
  ),
  attack('unlock the vault', ({ backup }) =>
    backup.send(new DeleteBackupVaultLockConfigurationCommand({ BackupVaultName: 'shop-prod' })),
  ),
  attack('loosen the vault’s lock', ({ backup }) =>
    backup.send(
      new PutBackupVaultLockConfigurationCommand({ BackupVaultName: 'shop-prod', MinRetentionDays: 1 }),
    ),
  ),
  attack('open the vault', ({ backup }) =>
    backup.send(new PutBackupVaultAccessPolicyCommand({ BackupVaultName: 'shop-prod', Policy: OPEN })),
  ),
]

/** `migrate` makes the users in the database, as its owner. */
export const READS_THE_SECRET: Attack = attack('read the owner’s secret', ({ secrets }, { secret }) =>
  secrets.send(new GetSecretValueCommand({ SecretId: secret })),
)

/** On what keeps the past: evidence, segments, keys, the vault, and the owner's secret. */
export const ON_ARCHIVES: readonly Attack[] = [
  ...onObject('evidence'),
  ...onObject('segment'),
  ...KEYS,
  ...SECRET,
  ...VAULT,
  READS_THE_SECRET,
]
