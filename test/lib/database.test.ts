import { describe, expect, test } from '@jest/globals'
import { assembly, type Resource } from '../support/assembly.ts'
import { plain } from '../support/plain.ts'

const prod = await assembly('prod')
const staging = await assembly('staging')
const dev = await assembly('dev')

const instances: ReadonlyMap<string, Resource> = new Map(
  ['database', 'standby-database'].flatMap(stack =>
    Object.values(prod.resources(stack, 'AWS::RDS::DBInstance')).map(
      instance => [instance.Properties.DBInstanceIdentifier, instance] as const,
    ),
  ),
)
const primary = instances.get('shop-prod')!.Properties
const replicas = ['shop-prod-read-1', 'shop-prod-read-2', 'shop-prod-analytics', 'shop-prod-standby']

describe('identifiers', () => {
  // A changed identifier replaces the instance: these are the names of production and must stay.
  test('of the instances never change', () => {
    expect([...instances.keys()]).toEqual([
      'shop-prod',
      'shop-prod-read-1',
      'shop-prod-read-2',
      'shop-prod-analytics',
      'shop-prod-standby',
    ])
  })

  test('of every other stateful resource never change', () => {
    const named: readonly (readonly [string, string, string, readonly string[]])[] = [
      ['database', 'AWS::RDS::DBSubnetGroup', 'DBSubnetGroupName', ['shop-prod']],
      ['standby-database', 'AWS::RDS::DBSubnetGroup', 'DBSubnetGroupName', ['shop-prod']],
      [
        'database',
        'AWS::RDS::DBParameterGroup',
        'DBParameterGroupName',
        ['shop-prod-postgres18', 'shop-prod-drill-postgres18'],
      ],
      [
        'standby-database',
        'AWS::RDS::DBParameterGroup',
        'DBParameterGroupName',
        ['shop-prod-postgres18', 'shop-prod-drill-postgres18'],
      ],
      ['database', 'AWS::RDS::DBProxy', 'DBProxyName', ['shop-prod']],
      ['database', 'AWS::SecretsManager::Secret', 'Name', ['shop-prod/master']],
      ['database', 'AWS::Route53::HostedZone', 'Name', ['shop-prod.internal']],
      ['cache', 'AWS::ElastiCache::ReplicationGroup', 'ReplicationGroupId', ['shop-prod']],
      ['foundation', 'AWS::Backup::BackupVault', 'BackupVaultName', ['shop-prod']],
      ['standby-foundation', 'AWS::Backup::BackupVault', 'BackupVaultName', ['shop-prod']],
    ]
    for (const [stack, type, property, names] of named)
      expect([
        stack,
        Object.values(prod.resources(stack, type)).map(resource => resource.Properties[property]),
      ]).toEqual([stack, names])
  })
})

describe('every instance', () => {
  test.each([...instances.keys()])('%s cannot be deleted, and its backups stay when it is', identifier => {
    const { Properties, DeletionPolicy, UpdateReplacePolicy } = instances.get(identifier)!
    expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(['Retain', 'Retain'])
    expect(Properties).toMatchObject({
      DeletionProtection: true,
      DeleteAutomatedBackups: false,
      CopyTagsToSnapshot: true,
      BackupRetentionPeriod: 30,
      PreferredBackupWindow: '03:30-04:30',
    })
  })

  test.each([...instances.keys()])('%s has nothing left to a default that hurts', identifier => {
    const { Properties } = instances.get(identifier)!
    expect(Properties).toMatchObject({
      EngineLifecycleSupport: 'open-source-rds-extended-support-disabled',
      StorageType: 'gp3',
      MaxAllocatedStorage: 1000,
      CACertificateIdentifier: 'rds-ca-rsa2048-g1',
      EnableIAMDatabaseAuthentication: true,
      PubliclyAccessible: false,
      AllowMajorVersionUpgrade: false,
      Port: '5432',
      AutoMinorVersionUpgrade: true,
      PreferredMaintenanceWindow: 'sun:05:30-sun:06:30',
      EnablePerformanceInsights: true,
      // What is free of charge.
      PerformanceInsightsRetentionPeriod: 7,
      MonitoringInterval: 60,
    })
    expect(plain(Properties.MonitoringRoleArn)).toMatch(/^<MonitoringRole\w+\.Arn>$/)
    expect(plain(Properties.DBSubnetGroupName)).toBe('<GroupsSubnets0CB93B92>')
    expect(plain(Properties.DBParameterGroupName)).toBe('<GroupsParametersE9A07DE8>')
    expect(plain(Properties.VPCSecurityGroups)).toEqual(['<GroupsSecurity9B837D26.GroupId>'])
    expect(plain(Properties.KmsKeyId)).toMatch(/foundation\.PublishOutput.*KeysData/)
    expect(plain(Properties.PerformanceInsightsKMSKeyId)).toBe(plain(Properties.KmsKeyId))
  })

  test.each([...instances.keys()])(
    '%s exports logs into groups that are there before it, with key and retention',
    identifier => {
      const { Properties, DependsOn } = instances.get(identifier)!
      const stack = identifier === 'shop-prod-standby' ? 'standby-database' : 'database'
      expect(Properties.EnableCloudwatchLogsExports).toEqual(['postgresql', 'upgrade', 'iam-db-auth-error'])
      for (const kind of Properties.EnableCloudwatchLogsExports) {
        const found = Object.entries(prod.resources(stack, 'AWS::Logs::LogGroup')).find(
          ([, group]) => group.Properties.LogGroupName === `/aws/rds/instance/${identifier}/${kind}`,
        )
        expect(DependsOn).toContain(found?.[0])
        expect(found?.[1].Properties.RetentionInDays).toBe(90)
        expect(found?.[1].Properties.KmsKeyId).toBeDefined()
      }
    },
  )
})

describe('the primary', () => {
  test('is the size, the version and the redundancy that its environment states', () => {
    expect(primary).toMatchObject({
      Engine: 'postgres',
      EngineVersion: '18',
      DBInstanceClass: 'db.r6g.xlarge',
      MultiAZ: true,
      AllocatedStorage: '200',
      StorageEncrypted: true,
      DBName: 'app',
    })
    const small = Object.values(dev.resources('database', 'AWS::RDS::DBInstance')).map(one => one.Properties)
    expect(small).toHaveLength(1)
    expect(small[0]).toMatchObject({
      DBInstanceClass: 'db.t3.medium',
      MultiAZ: false,
      AllocatedStorage: '20',
    })
  })

  test('sends its automated backups to the other region, under the key of that region', () => {
    expect(primary.AutomaticBackupReplicationRegion).toBe('us-west-2')
    expect(primary.AutomaticBackupReplicationRetentionPeriod).toBe(30)
    expect(primary.AutomaticBackupReplicationKmsKeyId['Fn::GetStackOutput']).toMatchObject({
      StackName: 'shop-prod-standby-foundation',
      Region: 'us-west-2',
    })
  })

  test('has a password that nobody typed and that is replaced every thirty days by itself', () => {
    const secret = prod.only('database', 'AWS::SecretsManager::Secret')
    expect(secret.Properties.GenerateSecretString).toMatchObject({
      GenerateStringKey: 'password',
      PasswordLength: 40,
    })
    expect(secret.Properties.KmsKeyId).toBeDefined()
    expect(secret.DeletionPolicy).toBe('RetainExceptOnCreate')
    expect(plain(primary.MasterUserPassword)).toBe(
      '{{resolve:secretsmanager:<MasterSecret892167EF>:SecretString:password::}}',
    )
    expect(primary.ManageMasterUserPassword).toBeUndefined()
    const rotation = prod.only('database', 'AWS::SecretsManager::RotationSchedule').Properties
    expect(rotation.HostedRotationLambda.RotationType).toBe('PostgreSQLSingleUser')
    expect(rotation.RotationRules).toEqual({ ScheduleExpression: 'rate(30 days)' })
    expect(prod.template('database').Transform).toBe('AWS::SecretsManager-2024-09-16')
  })
})

test('the master password survives its region', () => {
  const secret = (one: typeof prod) =>
    one.only('database', 'AWS::SecretsManager::Secret').Properties.ReplicaRegions
  expect(secret(prod)).toEqual([
    { Region: 'us-west-2', KmsKeyId: 'arn:aws:kms:us-west-2:111111111111:alias/shop-prod' },
  ])
  expect(secret(dev)).toBeUndefined()
})

describe('replicas', () => {
  // Without the line, the next deployment promotes the replica.
  test.each(replicas)('%s names its source for ever', identifier => {
    expect(instances.get(identifier)!.Properties.SourceDBInstanceIdentifier).toBe(
      identifier === 'shop-prod-standby' ? 'arn:aws:rds:us-east-1:111111111111:db:shop-prod' : 'shop-prod',
    )
  })

  test.each(replicas)('%s takes no storage, user or encryption of its own', identifier => {
    const { Properties } = instances.get(identifier)!
    for (const property of [
      'AllocatedStorage',
      'MasterUsername',
      'MasterUserPassword',
      'DBName',
      'StorageEncrypted',
    ])
      expect(Properties[property]).toBeUndefined()
  })

  test('come after the primary', () => {
    for (const identifier of replicas.slice(0, 3))
      expect(instances.get(identifier)!.DependsOn).toContain('Primary')
  })

  test('run in a staging environment too, and none in dev', () => {
    const identifiers = (one: typeof prod) =>
      Object.values(one.resources('database', 'AWS::RDS::DBInstance')).map(
        instance => instance.Properties.DBInstanceIdentifier,
      )
    expect(identifiers(staging)).toEqual(['shop-staging', 'shop-staging-read-1'])
    expect(identifiers(dev)).toEqual(['shop-dev'])
  })
})

describe('the standby region', () => {
  test('has its own key, groups and backups', () => {
    const standby = instances.get('shop-prod-standby')!.Properties
    expect(standby.KmsKeyId['Fn::GetStackOutput'].StackName).toBe('shop-prod-standby-foundation')
    expect(standby.BackupRetentionPeriod).toBe(30)
  })

  test('keeps groups to restore into where there is no standby instance', () => {
    expect(staging.resources('standby-database', 'AWS::RDS::DBInstance')).toEqual({})
    expect(Object.keys(staging.resources('standby-database', 'AWS::RDS::DBParameterGroup'))).toHaveLength(2)
  })
})

describe('the way to the databases', () => {
  const groups = Object.entries(prod.resources('database', 'AWS::EC2::SecurityGroup'))
  const idOf = (name: string) => groups.find(([, group]) => group.Properties.GroupName === name)![0]
  const sources = (name: string) =>
    Object.values(prod.resources('database', 'AWS::EC2::SecurityGroupIngress'))
      .filter(rule => plain(rule.Properties.GroupId) === `<${idOf(name)}.GroupId>`)
      .map(rule => [rule.Properties.FromPort, plain(rule.Properties.SourceSecurityGroupId)])

  test('is open on 5432 to functions, services, the pool and the rotator, and to no address', () => {
    expect(sources('shop-prod')).toHaveLength(4)
    for (const [port, source] of sources('shop-prod')) {
      expect(port).toBe(5432)
      expect(source).toMatch(/Functions|Clients|Pool|Rotator/)
    }
    for (const [, group] of groups) expect(group.Properties.SecurityGroupIngress).toBeUndefined()
  })

  test('to a drill copy is open to the functions only', () => {
    expect(sources('shop-prod-drill')).toEqual([[5432, expect.stringContaining('Functions')]])
  })

  test('leads out of a database to nowhere', () => {
    for (const name of ['shop-prod', 'shop-prod-drill']) {
      const [, group] = groups.find(([, one]) => one.Properties.GroupName === name)!
      expect(group.Properties.SecurityGroupEgress).toEqual([
        expect.objectContaining({ CidrIp: '255.255.255.255/32', IpProtocol: 'icmp' }),
      ])
    }
  })
})
