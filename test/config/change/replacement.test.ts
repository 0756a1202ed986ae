import { describe, expect, test } from '@jest/globals'
import { compareTemplates, isStateful } from '../../../bin/diff/compare.ts'
import { changing, DB, dangers, PRIMARY, REPLICA, resource } from './changing.ts'

describe('a replacement', () => {
  test.each([
    ['MasterUsername', 'other'],
    ['KmsKeyId', { 'Fn::GetAtt': ['OtherKey', 'Arn'] }],
    ['StorageEncrypted', true],
    ['Port', '5433'],
    ['DBName', 'other'],
    ['DBSubnetGroupName', 'other'],
  ])(
    'of an instance is refused when %s changes, and told to fail because of its fixed name',
    (name, value) => {
      expect(changing(DB, PRIMARY, { ...PRIMARY, [name]: value })).toEqual([
        expect.objectContaining({
          stack: 'shop-prod-database',
          logicalId: 'It',
          type: DB,
          property: name,
          consequence:
            'AWS::RDS::DBInstance "shop-prod" must be replaced for this, and its name is taken: the deployment fails half-way and rolls back',
        }),
      ])
    },
  )

  test('of an instance that changes its name creates an empty one', () => {
    const [danger] = changing(DB, PRIMARY, { ...PRIMARY, DBInstanceIdentifier: 'shop-live' })
    expect(danger).toMatchObject({
      property: 'DBInstanceIdentifier',
      before: 'shop-prod',
      after: 'shop-live',
    })
    expect(danger?.consequence).toMatch(/another, empty one is created, and this one stays in the account/)
  })

  test('is told to delete what no policy keeps', () => {
    const bare = (value: string) => ({ It: { Type: DB, Properties: { MasterUsername: value } } })
    expect(dangers(bare('a'), bare('b'))[0]?.consequence).toMatch(
      /this one is deleted with everything in it$/,
    )
  })

  test.each([
    ['AvailabilityZone', 'us-east-1b'],
    ['Engine', 'mysql'],
    ['PerformanceInsightsKMSKeyId', 'other'],
    ['UseLatestRestorableTime', true],
  ])('that only may happen counts when %s changes', (name, value) => {
    const before = { ...PRIMARY, AvailabilityZone: 'us-east-1a', PerformanceInsightsKMSKeyId: 'one' }
    const found = changing(DB, before, { ...before, [name]: value })
    expect(found).toContainEqual(
      expect.objectContaining({ property: name, consequence: expect.stringMatching(/may be replaced/) }),
    )
  })

  test.each([
    ['MultiAZ', false, true],
    ['BackupRetentionPeriod', 14, 21],
    ['AutoMinorVersionUpgrade', false, true],
    ['PreferredMaintenanceWindow', 'sun:05:30-sun:06:30', 'sat:05:30-sat:06:30'],
    ['DBParameterGroupName', 'one', 'two'],
    ['StorageType', 'gp3', 'io2'],
    ['DBInstanceClass', 'db.r6g.large', 'db.r6g.xlarge'],
    ['AllocatedStorage', '200', '300'],
  ])('is not cried over when %s changes in place', (name, from, to) => {
    expect(changing(DB, { ...PRIMARY, [name]: from }, { ...PRIMARY, [name]: to })).toEqual([])
  })

  test('to magnetic storage counts', () => {
    const found = changing(DB, PRIMARY, { ...PRIMARY, StorageType: 'standard' })
    expect(found).toEqual([expect.objectContaining({ property: 'StorageType' })])
  })

  test('spreads through a reference to what is replaced', () => {
    const stack = (name: string) => ({
      Group: { Type: 'AWS::RDS::DBSubnetGroup', Properties: { DBSubnetGroupName: name } },
      It: resource(DB, { ...PRIMARY, DBSubnetGroupName: { Ref: 'Group' } }),
    })
    expect(dangers(stack('a'), stack('b')).map(danger => [danger.logicalId, danger.property])).toEqual([
      ['Group', 'DBSubnetGroupName'],
      ['It', 'DBSubnetGroupName'],
    ])
  })

  test.each([
    [
      'AWS::RDS::DBParameterGroup',
      'DBParameterGroupName',
      { Family: 'postgres17' },
      { Family: 'postgres18' },
    ],
    ['AWS::RDS::DBProxy', 'DBProxyName', { VpcSubnetIds: ['a'] }, { VpcSubnetIds: ['b'] }],
    ['AWS::EC2::SecurityGroup', 'GroupName', { GroupDescription: 'one' }, { GroupDescription: 'two' }],
    ['AWS::ElastiCache::UserGroup', 'UserGroupId', { Engine: 'redis' }, { Engine: 'valkey' }],
  ])('of a %s is refused while its name is taken', (type, name, before, after) => {
    expect(changing(type, { ...before, [name]: 'shop' }, { ...after, [name]: 'shop' })).toEqual([
      expect.objectContaining({
        property: Object.keys(before)[0],
        consequence: expect.stringMatching(/its name is taken: the deployment fails half-way/),
      }),
    ])
    expect(changing(type, { ...before, [name]: 'shop' }, { ...after, [name]: 'shop-2' })).toEqual([])
    expect(changing(type, before, after)).toEqual([])
  })

  test('of a security group is not cried over when its network is replaced, where the name is free', () => {
    const group = { GroupName: 'shop', GroupDescription: 'one' }
    expect(changing('AWS::EC2::SecurityGroup', { ...group, VpcId: 'a' }, { ...group, VpcId: 'b' })).toEqual(
      [],
    )
  })

  test('of what holds nothing is not cried over', () => {
    expect(changing('AWS::SNS::Topic', { TopicName: 'a' }, { TopicName: 'b' })).toEqual([])
    expect(changing('AWS::RDS::DBProxy', { DBProxyName: 'a' }, { DBProxyName: 'b' })).toEqual([])
  })

  test.each([
    ['AWS::S3::Bucket', { BucketName: 'a' }, { BucketName: 'b' }],
    ['AWS::ElastiCache::ReplicationGroup', { Port: 6379 }, { Port: 6380 }],
    ['AWS::Backup::BackupVault', { BackupVaultName: 'a' }, { BackupVaultName: 'b' }],
    ['AWS::SecretsManager::Secret', { Name: 'a' }, { Name: 'b' }],
    ['AWS::Route53::HostedZone', { Name: 'a.internal' }, { Name: 'b.internal' }],
    ['AWS::EC2::VPC', { CidrBlock: '10.0.0.0/16' }, { CidrBlock: '10.1.0.0/16' }],
  ])('of a %s is refused', (type, before, after) => {
    expect(changing(type, before, after)).toHaveLength(1)
  })

  test('by another type under one logical id is refused', () => {
    const found = dangers({ It: resource(DB, {}) }, { It: resource('AWS::S3::Bucket', {}) })
    expect(found[0]?.consequence).toMatch(/refuses to turn AWS::RDS::DBInstance into AWS::S3::Bucket/)
  })
})

describe('a removal', () => {
  test.each([
    ['Retain', 'stays in the account, where nothing updates it or knows it any more'],
    ['Snapshot', 'is deleted after a final snapshot'],
    ['Delete', 'is deleted with everything in it'],
    [undefined, 'is deleted after a final snapshot'],
  ])('of an instance with DeletionPolicy %p tells its fate', (DeletionPolicy, fate) => {
    const found = dangers({ It: resource(DB, PRIMARY, { DeletionPolicy }) }, {})
    expect(found.map(danger => danger.consequence)).toEqual([`AWS::RDS::DBInstance "shop-prod" ${fate}`])
  })

  test('of a replica tells that no snapshot is taken', () => {
    const found = dangers({ It: resource(DB, REPLICA, { DeletionPolicy: 'Snapshot' }) }, {})
    expect(found[0]?.consequence).toMatch(/a replica gets no final snapshot/)
  })

  test('by another logical id is told as what it is', () => {
    const found = dangers({ Old: resource(DB, PRIMARY) }, { New: resource(DB, PRIMARY) })
    expect(found).toHaveLength(1)
    expect(found[0]?.consequence).toMatch(/created again as shop-prod-database\/New while it exists/)
  })

  test('of a bucket, a key, a secret or a vault is refused', () => {
    const types = [
      'AWS::S3::Bucket',
      'AWS::KMS::Key',
      'AWS::SecretsManager::Secret',
      'AWS::Backup::BackupVault',
    ]
    for (const type of types) expect(dangers({ It: resource(type, {}) }, {})).toHaveLength(1)
  })

  test('of what holds nothing is not cried over', () => {
    expect(dangers({ It: resource('AWS::Lambda::Function', {}) }, {})).toEqual([])
  })

  test('of logs is refused only when they go too', () => {
    const logs = (DeletionPolicy: string) => ({
      It: resource('AWS::Logs::LogGroup', { LogGroupName: '/shop' }, { DeletionPolicy }),
    })
    expect(dangers(logs('Retain'), {})).toEqual([])
    expect(dangers(logs('RetainExceptOnCreate'), {})).toEqual([])
    expect(dangers(logs('Delete'), {})).toHaveLength(1)
  })

  test('of a type that the specification does not know is refused', () => {
    expect(isStateful('AWS::Brand::New')).toBe(true)
    expect(isStateful('Custom::LogRetention')).toBe(false)
  })
})

describe('a replica', () => {
  test('is not promoted by an edit', () => {
    const { SourceDBInstanceIdentifier: _, ...promoted } = REPLICA
    expect(changing(DB, REPLICA, promoted)).toEqual([
      expect.objectContaining({
        property: 'SourceDBInstanceIdentifier',
        before: 'shop-prod',
        consequence: expect.stringMatching(/"shop-prod-read-1" would be promoted/),
      }),
    ])
  })

  test('does not change its source', () => {
    const found = changing(DB, REPLICA, { ...REPLICA, SourceDBInstanceIdentifier: 'shop-live' })
    expect(found.map(danger => danger.consequence)).toEqual([
      expect.stringMatching(/cannot change its source/),
    ])
  })

  test('may be added', () => {
    expect(dangers({}, { It: resource(DB, REPLICA) })).toEqual([])
  })
})

describe('a snapshot id', () => {
  const restored = { ...PRIMARY, DBSnapshotIdentifier: 'shop-prod-final' }

  test('must not disappear', () => {
    expect(changing(DB, restored, PRIMARY)).toEqual([
      expect.objectContaining({
        property: 'DBSnapshotIdentifier',
        consequence: expect.stringMatching(/replaced by an empty database/),
      }),
    ])
  })

  test('must not change', () => {
    const found = changing(DB, restored, { ...restored, DBSnapshotIdentifier: 'another' })
    expect(found.map(danger => danger.consequence)).toEqual([expect.stringMatching(/another snapshot/)])
  })
})

test('metadata alone is no change', () => {
  const stack = (path: string) => ({ Resources: { It: { ...resource(DB, PRIMARY), Metadata: { path } } } })
  expect(compareTemplates('s', stack('a'), stack('b'))).toEqual([])
})
