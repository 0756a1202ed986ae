import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type * as rdsTypes from '@aws-sdk/client-rds'
import type { Cluster } from '../../postgres/cluster.ts'
import type { Version } from '../../postgres/installation.ts'
import { WireError } from '../../wire/call.ts'
import { takeBase } from './backups.ts'
import { clusterFolder } from './configuration.ts'
import { emitFor, findByResourceId, keyOf, type Rds, update } from './context.ts'
import {
  checkBackupWindow,
  checkIdentifier,
  checkMaintenanceWindow,
  checkRetention,
  newResourceId,
} from './identifiers.ts'
import { defaultGroupName, findParameterGroup, versionOfFamily } from './parameter-groups.ts'
import type { InstanceRecord, Shown } from './records.ts'
import { defaultShown } from './shape.ts'
import { defaultSecurityGroup, findSubnetGroup, zonesOf } from './subnet-groups.ts'
import { newTags } from './tags.ts'
import { familyOf } from './versions.ts'

const MAX_INSTANCES = 40

/** The members that every request which makes an instance may have. */
export type MakingInput = Partial<
  Pick<
    rdsTypes.RestoreDBInstanceToPointInTimeMessage & rdsTypes.CreateDBInstanceMessage,
    | 'DBInstanceClass'
    | 'AvailabilityZone'
    | 'DBSubnetGroupName'
    | 'MultiAZ'
    | 'PubliclyAccessible'
    | 'AutoMinorVersionUpgrade'
    | 'Iops'
    | 'StorageThroughput'
    | 'StorageType'
    | 'AllocatedStorage'
    | 'MaxAllocatedStorage'
    | 'CopyTagsToSnapshot'
    | 'Tags'
    | 'VpcSecurityGroupIds'
    | 'EnableIAMDatabaseAuthentication'
    | 'EnableCloudwatchLogsExports'
    | 'DBParameterGroupName'
    | 'DeletionProtection'
    | 'NetworkType'
    | 'BackupRetentionPeriod'
    | 'PreferredBackupWindow'
    | 'PreferredMaintenanceWindow'
    | 'DedicatedLogVolume'
    | 'CACertificateIdentifier'
    | 'EngineLifecycleSupport'
    | 'MonitoringInterval'
    | 'MonitoringRoleArn'
    | 'EnablePerformanceInsights'
    | 'PerformanceInsightsKMSKeyId'
    | 'PerformanceInsightsRetentionPeriod'
    | 'DatabaseInsightsMode'
  >
>

/** Members that are about other engines or about services which the twin does not have: refused, not ignored. */
const REFUSED = [
  'DBClusterIdentifier',
  'TdeCredentialArn',
  'TdeCredentialPassword',
  'Domain',
  'DomainFqdn',
  'DomainOu',
  'DomainAuthSecretArn',
  'DomainDnsIps',
  'DomainIAMRoleName',
  'CustomIamInstanceProfile',
  'DBSystemId',
  'MultiTenant',
  'Timezone',
  'CharacterSetName',
  'NcharCharacterSetName',
  'BackupTarget',
  'EnableCustomerOwnedIp',
  'ReplicaMode',
  'SourceDBClusterIdentifier',
  'DBClusterSnapshotIdentifier',
  'AdditionalStorageVolumes',
  'DBCapacityReservationIdentifier',
  'AwsBackupRecoveryPointArn',
  'AutomationMode',
]

/** @throws InvalidParameterCombination for a member that has no meaning for PostgreSQL in the twin */
export function refuseForeign(input: object): void {
  const given = new Map<string, unknown>(Object.entries(input))
  for (const name of REFUSED) {
    const value = given.get(name)
    if (value === undefined || value === false || (name === 'BackupTarget' && value === 'region')) continue
    throw new WireError(
      'InvalidParameterCombination',
      `The parameter ${name} is not valid for the engine postgres in the twin`,
    )
  }
}

/** A free identifier in this region. @throws InvalidParameterValue, DBInstanceAlreadyExists, InstanceQuotaExceeded */
export function claimIdentifier(
  rds: Rds,
  region: string,
  identifier: string | undefined,
  parameter = 'DBInstanceIdentifier',
): string {
  const id = checkIdentifier(parameter, identifier)
  if (rds.instances.has(keyOf(region, id)))
    throw new WireError('DBInstanceAlreadyExists', 'DB instance already exists')
  if (rds.instances.values().filter(each => each.region === region).length >= MAX_INSTANCES)
    throw new WireError('InstanceQuotaExceeded', `DB instance quota exceeded: ${MAX_INSTANCES}`)
  return id
}

/** What the request says, over what the instance would have without it. */
export function shownFrom(region: string, input: MakingInput, inherited: Shown): Shown {
  const { AvailabilityZone: zone = zonesOf(region)[0] ?? region, MultiAZ = false } = input
  if (MultiAZ && input.AvailabilityZone !== undefined)
    throw new WireError(
      'InvalidParameterCombination',
      'Requesting a specific availability zone is not valid for Multi-AZ instances.',
    )
  if (!zonesOf(region).includes(zone))
    throw new WireError('InvalidParameterValue', `Invalid availability zone: ${zone}`)
  if (input.BackupRetentionPeriod !== undefined) checkRetention(input.BackupRetentionPeriod)
  if (input.PreferredBackupWindow !== undefined) checkBackupWindow(input.PreferredBackupWindow)
  if (input.PreferredMaintenanceWindow !== undefined) checkMaintenanceWindow(input.PreferredMaintenanceWindow)
  const instanceClass = input.DBInstanceClass ?? inherited.DBInstanceClass
  if (!/^db\.[a-z0-9]+\.[a-z0-9]+$/.test(instanceClass ?? ''))
    throw new WireError('InvalidParameterValue', `Invalid DB Instance class: ${instanceClass}`)
  const given: Shown = {
    DBInstanceClass: input.DBInstanceClass,
    AllocatedStorage: input.AllocatedStorage,
    MaxAllocatedStorage: input.MaxAllocatedStorage,
    StorageType: input.StorageType,
    Iops: input.Iops,
    StorageThroughput: input.StorageThroughput,
    PubliclyAccessible: input.PubliclyAccessible,
    AutoMinorVersionUpgrade: input.AutoMinorVersionUpgrade,
    CopyTagsToSnapshot: input.CopyTagsToSnapshot,
    IAMDatabaseAuthenticationEnabled: input.EnableIAMDatabaseAuthentication,
    EnabledCloudwatchLogsExports: input.EnableCloudwatchLogsExports,
    DeletionProtection: input.DeletionProtection,
    NetworkType: input.NetworkType,
    BackupRetentionPeriod: input.BackupRetentionPeriod,
    PreferredBackupWindow: input.PreferredBackupWindow,
    PreferredMaintenanceWindow: input.PreferredMaintenanceWindow?.toLowerCase(),
    DedicatedLogVolume: input.DedicatedLogVolume,
    CACertificateIdentifier: input.CACertificateIdentifier,
    EngineLifecycleSupport: input.EngineLifecycleSupport,
    MonitoringInterval: input.MonitoringInterval,
    MonitoringRoleArn: input.MonitoringRoleArn,
    PerformanceInsightsEnabled: input.EnablePerformanceInsights,
    PerformanceInsightsKMSKeyId: input.PerformanceInsightsKMSKeyId,
    PerformanceInsightsRetentionPeriod: input.PerformanceInsightsRetentionPeriod,
    DatabaseInsightsMode: input.DatabaseInsightsMode,
  }
  return {
    ...defaultShown(region, zone),
    ...inherited,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    AvailabilityZone: zone,
    MultiAZ,
    SecondaryAvailabilityZone: MultiAZ ? zonesOf(region).find(each => each !== zone) : undefined,
  }
}

/** Records a new instance that is still being made. Groups that are not named are RDS's defaults. */
export function recordNew(
  rds: Rds,
  region: string,
  id: string,
  made: {
    readonly version: Version
    readonly input: MakingInput
    readonly shown: Shown
    readonly tags?: readonly rdsTypes.Tag[]
    readonly source?: InstanceRecord['source']
  },
): InstanceRecord {
  const { version, input, shown } = made
  const group = findParameterGroup(rds, region, input.DBParameterGroupName ?? defaultGroupName(version))
  if (versionOfFamily(group.family) !== version)
    throw new WireError(
      'InvalidParameterCombination',
      `The Parameter Group ${group.name} with DBParameterGroupFamily ${group.family} cannot be used for this instance. Please use a Parameter Group with DBParameterGroupFamily ${familyOf(version)}`,
    )
  const subnetGroup = findSubnetGroup(rds, region, input.DBSubnetGroupName ?? 'default')
  const record: InstanceRecord = {
    region,
    id,
    resourceId: newResourceId(),
    version,
    createdAt: rds.now(),
    status: 'creating',
    isMade: false,
    hostPort: 0,
    shown,
    pending: {},
    parameterGroup: group.name,
    applied: { group: group.name, values: group.values },
    subnetGroup: subnetGroup.name,
    securityGroups: input.VpcSecurityGroupIds ?? [defaultSecurityGroup(subnetGroup.vpc)],
    tags: newTags(made.tags ?? input.Tags),
    ...(made.source ? { source: made.source } : {}),
  }
  rds.instances.set(keyOf(region, id), record)
  return record
}

/** How an instance's files come to be. */
export type Maker = (record: InstanceRecord) => Promise<Cluster>

/**
 * Makes the files in the background and opens the instance: creating → (backing-up) → available, or, where blocks are
 * held back from what is restored, `storage-initialization`. A maker that fails
 * leaves `failed`, or the status that `onFailure` says.
 */
export function make(
  rds: Rds,
  record: InstanceRecord,
  maker: Maker,
  end: {
    readonly event: string
    readonly category: string
    readonly message: string
    readonly failed?: string
  },
): void {
  const { resourceId } = record
  void rds.hosts.enqueue(
    resourceId,
    async () => {
      const cluster = await maker(record)
      if (!findByResourceId(rds, resourceId)) {
        await cluster.kill()
        return
      }
      update(rds, resourceId, () => ({ isMade: true }))
      await rds.hosts.adopt(resourceId, cluster)
      emitFor(rds, record, end.event, end.category, end.message)
      if ((record.shown.BackupRetentionPeriod ?? 0) > 0) {
        update(rds, resourceId, () => ({ status: 'backing-up' }))
        await takeBase(rds, resourceId)
      }
      const isSlow = end.category === 'restoration' && rds.faults.slowBlocks
      const made = isSlow ? 'storage-initialization' : 'available'
      update(rds, resourceId, ({ status }) => (status === 'deleting' ? {} : { status: made }))
    },
    error => {
      update(rds, resourceId, ({ status }) =>
        status === 'deleting' ? {} : { status: end.failed ?? 'failed' },
      )
      emitFor(
        rds,
        record,
        'RDS-EVENT-0031',
        'failure',
        `The DB instance could not be made: ${error.message.split('\n')[0]}`,
      )
    },
  )
}

/** Takes away an instance's files. */
export async function removeFiles(rds: Rds, resourceId: string): Promise<void> {
  const dir = clusterFolder(rds, resourceId)
  if (existsSync(dir)) await rm(dir, { recursive: true, force: true })
}
