import type { DBInstance } from '@aws-sdk/client-rds'
import type { TwinRds } from '../../services/rds/rds.ts'
import { type Desired, keep, type Physical, type Provisioner, type Stored, tagList } from '../provisioner.ts'
import { type Api, amount, createOrAdopt, flag, given, removeIfThere } from './api.ts'

const POLL_MS = 50
const FAILED = ['failed', 'incompatible-restore', 'incompatible-parameters', 'deleting']
const FIXED = [
  'DBInstanceIdentifier',
  'Engine',
  'MasterUsername',
  'DBName',
  'KmsKeyId',
  'StorageEncrypted',
  'SourceDBInstanceIdentifier',
  'DBSubnetGroupName',
  'Port',
]

/** Instances, their groups and event subscriptions. An instance is there when it answers. */
export function databaseProvisioners(
  api: Api,
  rds: Pick<TwinRds, 'discardUnfinished'>,
): Record<string, Provisioner> {
  const find = async (region: string, id: string): Promise<DBInstance> => {
    const { DBInstances } = await api('rds', region, 'DescribeDBInstances', { DBInstanceIdentifier: id })
    return DBInstances[0]
  }
  const failureOf = async (region: string, id: string, status: string): Promise<string> => {
    const { Events } = await api('rds', region, 'DescribeEvents', {
      SourceIdentifier: id,
      SourceType: 'db-instance',
      EventCategories: ['failure'],
    })
    const why = Events.at(-1)?.Message
    return `instance ${id} became ${status}${why ? `: ${why}` : ''}`
  }
  const settled = async (region: string, id: string): Promise<DBInstance> => {
    for (;;) {
      const instance = await find(region, id)
      const status = instance.DBInstanceStatus ?? ''
      if (status === 'available') return instance
      if (FAILED.includes(status)) throw new Error(await failureOf(region, id, status))
      await pause(POLL_MS)
    }
  }
  const create = async (desired: Desired): Promise<Physical> => {
    const { region, properties } = desired
    const id = String(properties.DBInstanceIdentifier ?? desired.generatedName.toLowerCase())
    // A deployment that was cut off may have left one half made.
    await rds.discardUnfinished(region, id)
    const operation = properties.SourceDBInstanceIdentifier
      ? 'CreateDBInstanceReadReplica'
      : 'CreateDBInstance'
    await createOrAdopt(
      'DBInstanceAlreadyExists',
      () => api('rds', region, operation, instanceInput(desired, id)),
      () => find(region, id),
    )
    const instance = await settled(region, id)
    await replicateBackups(api, desired, instance)
    return describe(instance)
  }
  const update = async (desired: Desired, before: Stored): Promise<Physical> => {
    keep(desired, before, FIXED)
    const { region, properties } = desired
    const id = String(before.ref)
    const { MasterUserPassword } = properties
    const { AllocatedStorage, BackupRetentionPeriod, ...rest } = instanceInput(desired, id)
    await api('rds', region, 'ModifyDBInstance', {
      ...pick(rest, MODIFIABLE),
      DBInstanceIdentifier: id,
      ...given({
        AllocatedStorage,
        BackupRetentionPeriod,
        MasterUserPassword:
          MasterUserPassword === before.properties.MasterUserPassword ? undefined : MasterUserPassword,
      }),
      ApplyImmediately: true,
    })
    return describe(await settled(region, id))
  }
  return {
    'AWS::RDS::DBInstance': { kind: 'real', create, update },
    'AWS::RDS::DBSubnetGroup': subnetGroups(api),
    'AWS::RDS::DBParameterGroup': parameterGroups(api),
  }
}

const MODIFIABLE = [
  'DBInstanceClass',
  'MaxAllocatedStorage',
  'StorageType',
  'Iops',
  'StorageThroughput',
  'EngineVersion',
  'AllowMajorVersionUpgrade',
  'AutoMinorVersionUpgrade',
  'PreferredBackupWindow',
  'PreferredMaintenanceWindow',
  'MultiAZ',
  'DBParameterGroupName',
  'VpcSecurityGroupIds',
  'CopyTagsToSnapshot',
  'MonitoringInterval',
  'MonitoringRoleArn',
  'EnableIAMDatabaseAuthentication',
  'EnablePerformanceInsights',
  'PerformanceInsightsKMSKeyId',
  'PerformanceInsightsRetentionPeriod',
  'DeletionProtection',
  'PubliclyAccessible',
  'CACertificateIdentifier',
]

// Names that CloudFormation and the API write alike.
const SHARED = [
  ...MODIFIABLE.filter(name => name !== 'VpcSecurityGroupIds' && name !== 'AllowMajorVersionUpgrade'),
  'Engine',
  'MasterUsername',
  'MasterUserPassword',
  'DBName',
  'KmsKeyId',
  'StorageEncrypted',
  'SourceDBInstanceIdentifier',
  'DBSubnetGroupName',
  'EnableCloudwatchLogsExports',
  'NetworkType',
  'AvailabilityZone',
  'ManageMasterUserPassword',
  'EngineLifecycleSupport',
]
// What a replica takes from its source, and its API does not know.
const NOT_OF_REPLICAS = [
  'Engine',
  'EngineVersion',
  'MasterUsername',
  'MasterUserPassword',
  'DBName',
  'StorageEncrypted',
  'PreferredBackupWindow',
  'PreferredMaintenanceWindow',
  'ManageMasterUserPassword',
  'EngineLifecycleSupport',
]
const FLAGS = [
  'MultiAZ',
  'DeletionProtection',
  'StorageEncrypted',
  'CopyTagsToSnapshot',
  'EnableIAMDatabaseAuthentication',
  'EnablePerformanceInsights',
  'PubliclyAccessible',
  'AutoMinorVersionUpgrade',
  'ManageMasterUserPassword',
]
const AMOUNTS = [
  'MaxAllocatedStorage',
  'Iops',
  'StorageThroughput',
  'MonitoringInterval',
  'PerformanceInsightsRetentionPeriod',
]

function instanceInput(desired: Desired, id: string): Record<string, unknown> {
  const { properties } = desired
  const replica = properties.SourceDBInstanceIdentifier !== undefined
  const shared = pick(
    properties,
    SHARED.filter(name => !replica || !NOT_OF_REPLICAS.includes(name)),
  )
  for (const name of FLAGS) if (name in shared) shared[name] = flag(shared[name])
  for (const name of AMOUNTS) if (name in shared) shared[name] = amount(shared[name])
  return given({
    ...shared,
    DBInstanceIdentifier: id,
    Port: amount(properties.Port),
    AllocatedStorage: amount(properties.AllocatedStorage),
    BackupRetentionPeriod: replica ? undefined : amount(properties.BackupRetentionPeriod),
    VpcSecurityGroupIds: properties.VPCSecurityGroups,
    Tags: tagList(desired.tags),
  })
}

function pick(from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return given(Object.fromEntries(names.map(name => [name, from[name]])))
}

async function replicateBackups(api: Api, desired: Desired, instance: DBInstance): Promise<void> {
  const region = desired.properties.AutomaticBackupReplicationRegion
  if (!region || instance.DBInstanceAutomatedBackupsReplications?.length) return
  await api('rds', region, 'StartDBInstanceAutomatedBackupsReplication', {
    SourceDBInstanceArn: instance.DBInstanceArn,
    ...given({
      KmsKeyId: desired.properties.AutomaticBackupReplicationKmsKeyId,
      BackupRetentionPeriod: amount(desired.properties.AutomaticBackupReplicationRetentionPeriod),
    }),
  })
}

function describe(instance: DBInstance): Physical {
  return {
    ref: instance.DBInstanceIdentifier,
    attributes: {
      'Endpoint.Address': instance.Endpoint?.Address,
      'Endpoint.Port': String(instance.Endpoint?.Port),
      'Endpoint.HostedZoneId': instance.Endpoint?.HostedZoneId ?? 'ZTWIN',
      DBInstanceArn: instance.DBInstanceArn,
      DbiResourceId: instance.DbiResourceId,
      'MasterUserSecret.SecretArn': instance.MasterUserSecret?.SecretArn,
    },
  }
}

function subnetGroups(api: Api): Provisioner {
  const inputOf = (desired: Desired) => ({
    DBSubnetGroupName: String(desired.properties.DBSubnetGroupName ?? desired.generatedName).toLowerCase(),
    DBSubnetGroupDescription: desired.properties.DBSubnetGroupDescription,
    SubnetIds: desired.properties.SubnetIds,
  })
  const modify = async (desired: Desired): Promise<Physical> => {
    await api('rds', desired.region, 'ModifyDBSubnetGroup', inputOf(desired))
    return { ref: inputOf(desired).DBSubnetGroupName, attributes: {} }
  }
  return {
    kind: 'real',
    create: desired =>
      createOrAdopt(
        'DBSubnetGroupAlreadyExists',
        async () => {
          await api('rds', desired.region, 'CreateDBSubnetGroup', {
            ...inputOf(desired),
            Tags: tagList(desired.tags),
          })
          return { ref: inputOf(desired).DBSubnetGroupName, attributes: {} }
        },
        () => modify(desired),
      ),
    update: async (desired, before) => {
      keep(desired, before, ['DBSubnetGroupName'])
      return modify(desired)
    },
    remove: before =>
      removeIfThere(() =>
        api('rds', before.region, 'DeleteDBSubnetGroup', { DBSubnetGroupName: before.ref }),
      ),
  }
}

function parameterGroups(api: Api): Provisioner {
  const nameOf = (desired: Desired) =>
    String(desired.properties.DBParameterGroupName ?? desired.generatedName).toLowerCase()
  const setAll = async (desired: Desired): Promise<Physical> => {
    const name = nameOf(desired)
    const entries = Object.entries(desired.properties.Parameters ?? {})
    // RDS takes twenty at a time; those that need a restart say so.
    for (let from = 0; from < entries.length; from += 20)
      await api('rds', desired.region, 'ModifyDBParameterGroup', {
        DBParameterGroupName: name,
        Parameters: entries.slice(from, from + 20).map(([ParameterName, value]) => ({
          ParameterName,
          ParameterValue: String(value),
          ApplyMethod: 'pending-reboot',
        })),
      })
    return { ref: name, attributes: { DBParameterGroupName: name } }
  }
  return {
    kind: 'real',
    create: async desired => {
      await createOrAdopt(
        'DBParameterGroupAlreadyExists',
        () =>
          api('rds', desired.region, 'CreateDBParameterGroup', {
            DBParameterGroupName: nameOf(desired),
            DBParameterGroupFamily: desired.properties.Family,
            Description: desired.properties.Description,
            Tags: tagList(desired.tags),
          }),
        async () => undefined,
      )
      return setAll(desired)
    },
    update: async (desired, before) => {
      keep(desired, before, ['DBParameterGroupName', 'Family'])
      return setAll(desired)
    },
    remove: before =>
      removeIfThere(() =>
        api('rds', before.region, 'DeleteDBParameterGroup', { DBParameterGroupName: before.ref }),
      ),
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
