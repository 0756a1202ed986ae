import { describe, expect, test } from '@jest/globals'
import { changing, DB, dangers, resource } from './changing.ts'

describe('a key', () => {
  test('of a bucket is not changed, however deep it stands', () => {
    const encrypted = (key: string) => ({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key } },
        ],
      },
    })
    expect(changing('AWS::S3::Bucket', encrypted('one'), encrypted('two'))).toEqual([
      expect.objectContaining({
        property: 'BucketEncryption',
        consequence: expect.stringMatching(/another key/),
      }),
    ])
  })

  test('of a secret is not changed', () => {
    expect(changing('AWS::SecretsManager::Secret', { KmsKeyId: 'one' }, { KmsKeyId: 'two' })).toHaveLength(1)
  })

  test('may be given to what had none', () => {
    expect(changing('AWS::SecretsManager::Secret', {}, { KmsKeyId: 'two' })).toEqual([])
  })

  test('beside other changes of the same property is left alone', () => {
    const encrypted = (algorithm: string) => ({
      BucketEncryption: { Rules: [{ Algorithm: algorithm, KMSMasterKeyID: 'one' }] },
    })
    expect(changing('AWS::S3::Bucket', encrypted('a'), encrypted('b'))).toEqual([])
  })
})

describe('protection', () => {
  test.each<[string, string, unknown, unknown, RegExp]>([
    [DB, 'DeletionProtection', true, false, /could be deleted/],
    [DB, 'DeletionProtection', true, undefined, /could be deleted/],
    [DB, 'DeleteAutomatedBackups', false, undefined, /take its automated backups with it/],
    [DB, 'PubliclyAccessible', false, true, /on the internet/],
    [DB, 'MultiAZ', true, false, /loses its second zone/],
    [DB, 'EnableIAMDatabaseAuthentication', true, false, /locks out the heartbeat/],
    [DB, 'ManageMasterUserPassword', undefined, true, /never have another read replica/],
    [DB, 'BackupRetentionPeriod', 14, 7, /every recovery point older than 7 days/],
    [DB, 'BackupRetentionPeriod', 14, 0, /loses every automated backup/],
    [DB, 'AllocatedStorage', '200', '199', /cannot shrink from 200 to 199 GiB/],
    [DB, 'MaxAllocatedStorage', 1_000, 500, /grow to 500 GiB/],
    [DB, 'AutomaticBackupReplicationRegion', 'us-west-2', undefined, /stops copying its backups/],
    [DB, 'MaxAllocatedStorage', 1_000, undefined, /grows by itself no more/],
    [DB, 'AutomaticBackupReplicationRetentionPeriod', 14, 7, /in the other region .* older than 7 days/],
    [DB, 'AutomaticBackupReplicationRetentionPeriod', undefined, 7, /older than 7 days/],
    [DB, 'BackupRetentionPeriod', 14, { Ref: 'Days' }, /only the deployment would show/],
    [
      'AWS::RDS::DBParameterGroup',
      'Parameters',
      { 'rds.logical_replication': '1' },
      {},
      /ends every logical stream/,
    ],
    [
      'AWS::RDS::DBParameterGroup',
      'Parameters',
      { max_slot_wal_keep_size: '40000' },
      {},
      /limits no replication slot any more/,
    ],
    [
      'AWS::RDS::DBParameterGroup',
      'Parameters',
      { max_slot_wal_keep_size: '40000' },
      { max_slot_wal_keep_size: '-1' },
      /limits no replication slot any more/,
    ],
    [
      'AWS::RDS::DBParameterGroup',
      'Parameters',
      { 'rds.force_ssl': '1' },
      { 'rds.force_ssl': '0' },
      /takes unencrypted connections/,
    ],
    [DB, 'DBParameterGroupName', 'shop-prod-postgres18', undefined, /no limit on replication slots/],
    [
      DB,
      'DBParameterGroupName',
      'shop-prod-postgres18',
      'default.postgres18',
      /no limit on replication slots/,
    ],
    ['AWS::RDS::DBProxy', 'RequireTLS', true, false, /takes unencrypted connections/],
    ['AWS::Logs::LogGroup', 'RetentionInDays', 365, 30, /deletes what is older than 30 days/],
    ['AWS::Logs::LogGroup', 'RetentionInDays', undefined, 30, /deletes what is older than 30 days/],
    ['AWS::S3::Bucket', 'ObjectLockConfiguration', lock(30), undefined, /0 days instead of 30/],
    ['AWS::SNS::Topic', 'KmsMasterKeyId', 'alias/shop', undefined, /no key of yours/],
    [
      'AWS::S3::Bucket',
      'BucketEncryption',
      { Rules: [{ KMSMasterKeyID: 'one' }] },
      undefined,
      /no key of yours/,
    ],
    [
      'AWS::Backup::BackupVault',
      'LockConfiguration',
      { MinRetentionDays: 30, ChangeableForDays: 3 },
      { MinRetentionDays: 30 },
      /until somebody with the right/,
    ],
    [
      'AWS::Backup::BackupPlan',
      'BackupPlan',
      { Rules: [{ CopyActions: [{ DestinationBackupVaultArn: 'one' }] }] },
      { Rules: [{}] },
      /copies no more to another vault/,
    ],
    [
      'AWS::SecretsManager::Secret',
      'GenerateSecretString',
      { PasswordLength: 40 },
      { PasswordLength: 64 },
      /the database never hears of/,
    ],
    [
      'AWS::S3::Bucket',
      'ObjectLockConfiguration',
      lock(30),
      lock(30, 'GOVERNANCE'),
      /somebody with the right/,
    ],
    ['AWS::S3::Bucket', 'LifecycleConfiguration', expiry(31), expiry(1), /older than 1 days/],
    ['AWS::S3::Bucket', 'LifecycleConfiguration', undefined, expiry(90), /deletes what is older/],
    ['AWS::Backup::BackupPlan', 'BackupPlan', keeping(30), keeping(7), /new recovery points for 7 days only/],
    ['AWS::KMS::Alias', 'TargetKeyId', 'one', 'two', /names another key/],
    [DB, 'AllocatedStorage', '200', '219', /a tenth more at least, which is 220/],
    [
      'AWS::S3::Bucket',
      'VersioningConfiguration',
      { Status: 'Enabled' },
      { Status: 'Suspended' },
      /older versions/,
    ],
    ['AWS::S3::Bucket', 'ObjectLockConfiguration', lock(365), lock(30), /30 days instead of 365/],
    ['AWS::S3::Bucket', 'PublicAccessBlockConfiguration', { BlockPublicAcls: true }, {}, /to the public/],
    [
      'AWS::S3::Bucket',
      'ReplicationConfiguration',
      { Rules: [] },
      undefined,
      /copied to the other region no more/,
    ],
    ['AWS::Backup::BackupVault', 'LockConfiguration', { MinRetentionDays: 30 }, undefined, /fewer days/],
    ['AWS::KMS::Key', 'EnableKeyRotation', true, false, /one secret for ever/],
    ['AWS::KMS::Key', 'Enabled', true, false, /nothing encrypted with it can be read/],
    ['AWS::KMS::Key', 'KeySpec', 'ECC_NIST_P256', 'RSA_2048', /KMS refuses/],
    ['AWS::ElastiCache::ReplicationGroup', 'AutomaticFailoverEnabled', true, false, /fails over to nobody/],
  ])('of %s is not weakened: %s from %p to %p', (type, name, from, to, consequence) => {
    expect(changing(type, { [name]: from }, { [name]: to })).toEqual([
      expect.objectContaining({ property: name, consequence: expect.stringMatching(consequence) }),
    ])
    // The way back is no danger, save where no change is allowed at all.
    if (!ONE_WAY.includes(name)) expect(changing(type, { [name]: to }, { [name]: from })).toEqual([])
  })

  test('of a policy is not weakened', () => {
    const with_ = (UpdateReplacePolicy: string) => ({
      It: resource('AWS::S3::Bucket', {}, { UpdateReplacePolicy }),
    })
    expect(dangers(with_('Retain'), with_('Delete'))[0]).toMatchObject({
      property: 'UpdateReplacePolicy',
      before: 'Retain',
      after: 'Delete',
    })
    expect(dangers(with_('Delete'), with_('Retain'))).toEqual([])
    expect(dangers(with_('Retain'), with_('RetainExceptOnCreate'))).toEqual([])
  })
})

const ONE_WAY = [
  'KeySpec',
  'ManageMasterUserPassword',
  'AllocatedStorage',
  'GenerateSecretString',
  'TargetKeyId',
]

describe('what makes backups', () => {
  test.each(['AWS::Backup::BackupPlan', 'AWS::Backup::BackupSelection'])('is not removed: %s', type => {
    const It = resource(type, {})
    expect(dangers({ It }, {})).toEqual([
      expect.objectContaining({ consequence: expect.stringMatching(/no recovery point is made any more/) }),
    ])
    expect(dangers({}, { It })).toEqual([])
  })
})

test('what holds data does not come to hang on a condition', () => {
  const plain = { It: resource(DB, { DBInstanceIdentifier: 'shop-prod' }) }
  const hung = { It: resource(DB, { DBInstanceIdentifier: 'shop-prod' }, { Condition: 'Sometimes' }) }
  expect(dangers(plain, hung)).toEqual([
    expect.objectContaining({ property: 'Condition', after: 'Sometimes' }),
  ])
  expect(dangers(hung, plain)).toEqual([])
})

function lock(Days: number, Mode = 'COMPLIANCE') {
  return { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode, Days } } }
}

function expiry(ExpirationInDays: number) {
  return {
    Rules: [{ Status: 'Enabled', ExpirationInDays, NoncurrentVersionExpiration: { NoncurrentDays: 1 } }],
  }
}

function keeping(DeleteAfterDays: number) {
  return {
    BackupPlanRule: [
      { Lifecycle: { DeleteAfterDays: 90 }, CopyActions: [{ Lifecycle: { DeleteAfterDays } }] },
    ],
  }
}
