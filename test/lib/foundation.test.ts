import { readFile } from 'node:fs/promises'
import { describe, expect, test } from '@jest/globals'
import { assembly } from '../support/assembly.ts'
import { plain } from '../support/plain.ts'

const prod = await assembly('prod')

const REGIONS = [
  ['foundation', 'us-east-1'],
  ['standby-foundation', 'us-west-2'],
] as const

describe.each(REGIONS)('the keys of %s', (stack, _region) => {
  const keys = Object.values(prod.resources(stack, 'AWS::KMS::Key'))
  const aliases = Object.values(prod.resources(stack, 'AWS::KMS::Alias')).map(
    alias => alias.Properties.AliasName,
  )

  test('are one for data that rotates and one that signs evidence', () => {
    expect(aliases.sort()).toEqual(['alias/shop-prod', 'alias/shop-prod-evidence'])
    const data = keys.find(key => key.Properties.KeySpec === undefined)
    const evidence = keys.find(key => key.Properties.KeySpec !== undefined)
    expect(data?.Properties.EnableKeyRotation).toBe(true)
    expect(evidence?.Properties.KeySpec).toBe('ECC_NIST_P256')
    expect(evidence?.Properties.KeyUsage).toBe('SIGN_VERIFY')
    expect(evidence?.Properties.EnableKeyRotation).toBeUndefined()
  })

  test('outlive their stack, and can be called back for thirty days when they are deleted', () => {
    for (const key of keys) {
      expect([key.DeletionPolicy, key.UpdateReplacePolicy]).toEqual(['RetainExceptOnCreate', 'Retain'])
      expect(key.Properties.PendingWindowInDays).toBe(30)
    }
  })
})

describe.each(REGIONS)('the archives of %s', (stack, region) => {
  const buckets = new Map(
    Object.values(prod.resources(stack, 'AWS::S3::Bucket')).map(bucket => [
      bucket.Properties.BucketName,
      bucket,
    ]),
  )
  const bucket = (purpose: string) => buckets.get(`shop-prod-${purpose}-111111111111-${region}`)!

  test('are segments, exports and evidence, under names that no other account has', () => {
    expect([...buckets.keys()].sort()).toEqual(
      ['evidence', 'exports', 'logs', 'segments'].map(
        purpose => `shop-prod-${purpose}-111111111111-${region}`,
      ),
    )
  })

  test.each(['segments', 'exports', 'evidence'])(
    'keep %s versioned, locked, encrypted with our key, and private',
    purpose => {
      const { Properties, DeletionPolicy, UpdateReplacePolicy } = bucket(purpose)
      expect(Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' })
      expect(Properties.ObjectLockEnabled).toBe(true)
      const [rule] = Properties.BucketEncryption.ServerSideEncryptionConfiguration
      expect(rule.ServerSideEncryptionByDefault.SSEAlgorithm).toBe('aws:kms')
      expect(plain(rule.ServerSideEncryptionByDefault.KMSMasterKeyID)).toBe('<KeysDataA2F7C5E6.Arn>')
      expect(Properties.PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      })
      expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(['RetainExceptOnCreate', 'Retain'])
    },
  )

  test.each(['segments', 'exports', 'evidence'])('tell who read or wrote %s, for ninety days', purpose => {
    const { Properties, DeletionPolicy } = bucket('logs')
    expect(plain(bucket(purpose).Properties.LoggingConfiguration)).toEqual({
      DestinationBucketName: expect.stringMatching(/^<ArchivesLogs/),
      LogFilePrefix: `${purpose}/`,
    })
    expect(bucket(purpose).Properties.OwnershipControls.Rules).toEqual([
      { ObjectOwnership: 'BucketOwnerEnforced' },
    ])
    expect(Properties.LifecycleConfiguration.Rules[0].ExpirationInDays).toBe(90)
    expect(DeletionPolicy).toBe('RetainExceptOnCreate')
  })

  test('lock evidence for a year against everybody, and the rest for thirty days', () => {
    const lock = (purpose: string) => bucket(purpose).Properties.ObjectLockConfiguration.Rule.DefaultRetention
    expect(lock('evidence')).toEqual({ Mode: 'COMPLIANCE', Days: 365 })
    expect(lock('segments')).toEqual({ Mode: 'GOVERNANCE', Days: 30 })
    expect(lock('exports')).toEqual({ Mode: 'GOVERNANCE', Days: 30 })
  })

  test('cool down or expire, and never before their lock ends', () => {
    const rules = (purpose: string) => bucket(purpose).Properties.LifecycleConfiguration.Rules
    expect(rules('segments')[0].ExpirationInDays).toBe(31)
    expect(rules('exports')[0].Transitions).toEqual([
      { StorageClass: 'STANDARD_IA', TransitionInDays: 30 },
      { StorageClass: 'GLACIER_IR', TransitionInDays: 90 },
    ])
    expect(rules('evidence')[0].Transitions).toEqual([{ StorageClass: 'GLACIER_IR', TransitionInDays: 90 }])
    expect(rules('evidence').some((rule: { ExpirationInDays?: number }) => rule.ExpirationInDays)).toBe(false)
  })

  test('answer over TLS only, and let nobody bypass a lock', () => {
    for (const policy of Object.values(prod.resources(stack, 'AWS::S3::BucketPolicy'))) {
      const statements = policy.Properties.PolicyDocument.Statement
      const tls = statements.find((one: { Sid: string }) => one.Sid === 'TlsOnly')
      expect(tls).toMatchObject({
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      })
      expect(statements.find((one: { Sid: string }) => one.Sid === 'NobodyShortensALock')).toMatchObject({
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:BypassGovernanceRetention',
      })
    }
  })
})

test('every archive of the home region is copied to its twin in the other', () => {
  for (const purpose of ['segments', 'exports', 'evidence']) {
    const [bucket] = Object.values(prod.resources('foundation', 'AWS::S3::Bucket')).filter(one =>
      one.Properties.BucketName.includes(`-${purpose}-`),
    )
    const [rule] = bucket?.Properties.ReplicationConfiguration.Rules ?? []
    expect(rule).toMatchObject({
      Status: 'Enabled',
      DeleteMarkerReplication: { Status: 'Disabled' },
      SourceSelectionCriteria: { SseKmsEncryptedObjects: { Status: 'Enabled' } },
      Destination: {
        Bucket: `arn:aws:s3:::shop-prod-${purpose}-111111111111-us-west-2`,
        EncryptionConfiguration: { ReplicaKmsKeyID: 'arn:aws:kms:us-west-2:111111111111:alias/shop-prod' },
        ReplicationTime: { Status: 'Enabled', Time: { Minutes: 15 } },
      },
    })
  }
})

test('both vaults are locked, the standby one against everybody', () => {
  const lock = (stack: string) => prod.only(stack, 'AWS::Backup::BackupVault').Properties.LockConfiguration
  for (const [stack] of REGIONS) {
    const { Properties, DeletionPolicy, UpdateReplacePolicy } = prod.only(stack, 'AWS::Backup::BackupVault')
    expect(plain(Properties.EncryptionKeyArn)).toBe('<KeysDataA2F7C5E6.Arn>')
    expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(['RetainExceptOnCreate', 'Retain'])
  }
  expect(lock('foundation')).toEqual({ MinRetentionDays: 7 })
  expect(lock('standby-foundation')).toEqual({ MinRetentionDays: 7, ChangeableForDays: 3 })
})

test('everything is tagged with its environment, its owner and its cost centre', () => {
  for (const stack of prod.stacks)
    for (const resource of Object.values(prod.template(stack).Resources)) {
      if (
        !['AWS::RDS::DBInstance', 'AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::Lambda::Function'].includes(
          resource.Type,
        )
      )
        continue
      // The function that closes the default security group is CDK's own and takes no tags.
      if (resource.Properties.Tags === undefined && resource.Properties.Handler === '__entrypoint__.handler')
        continue
      expect(resource.Properties.Tags).toEqual(
        expect.arrayContaining([
          { Key: 'holdfast:cost-centre', Value: 'commerce-prod' },
          { Key: 'holdfast:environment', Value: 'shop-prod' },
          { Key: 'holdfast:owner', Value: 'platform' },
        ]),
      )
    }
})

test('what one region needs of the other is deployed before it, though only a literal name tells of it', async () => {
  const { artifacts } = JSON.parse(await readFile(`${prod.directory}/manifest.json`, 'utf8'))
  expect(artifacts['shop-prod-foundation'].dependencies).toContain('shop-prod-standby-foundation')
  expect(artifacts['shop-prod-standby-database'].dependencies).toContain('shop-prod-database')
})

test.each(['monitoring', 'standby-monitoring'])(
  'the topics of %s are encrypted and answer over TLS only',
  stack => {
    const topics = Object.entries(prod.resources(stack, 'AWS::SNS::Topic'))
    const policies = Object.values(prod.resources(stack, 'AWS::SNS::TopicPolicy')).map(one => one.Properties)
    expect(topics).toHaveLength(2)
    for (const [id, { Properties }] of topics) {
      expect(plain(Properties.KmsMasterKeyId)).toMatch(/foundation\.PublishOutput.*KeysData/)
      const policy = policies.find(one => plain(one.Topics[0]) === `<${id}>`)
      expect(policy?.PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({
          Effect: 'Deny',
          Action: 'sns:Publish',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      )
    }
  },
)

test('no stack can be deleted by one command', async () => {
  const manifest = JSON.parse(await readFile(`${prod.directory}/manifest.json`, 'utf8'))
  for (const stack of prod.stacks)
    expect(manifest.artifacts[`shop-prod-${stack}`].properties.terminationProtection).toBe(true)
})
