import type * as rdsTypes from '@aws-sdk/client-rds'
import { setPassword } from '../../postgres/rights.ts'
import { type Call, WireError } from '../../wire/call.ts'
import { followRetention, openBackup } from './backups.ts'
import { emitFor, findByResourceId, findInstance, keyOf, type Rds, update } from './context.ts'
import {
  checkBackupWindow,
  checkIdentifier,
  checkMaintenanceWindow,
  checkPassword,
  checkRetention,
} from './identifiers.ts'
import { findParameterGroup, versionOfFamily } from './parameter-groups.ts'
import { demandStatus } from './power.ts'
import type { InstanceRecord, Shown } from './records.ts'
import { findSubnetGroup, zonesOf } from './subnet-groups.ts'
import { familyOf, findVersion } from './versions.ts'

type Input = rdsTypes.ModifyDBInstanceMessage

/** Milliseconds for which RDS goes on saying `available` after it took the request. */
const BEFORE_MODIFYING_MS = 150

/** Changes that wait for the window unless ApplyImmediately says otherwise. */
type Pending = rdsTypes.PendingModifiedValues

function check(rds: Rds, record: InstanceRecord, input: Input): void {
  demandStatus(
    record,
    'available',
    'storage-initialization',
    'storage-optimization',
    'incompatible-parameters',
    'stopped',
  )
  if (input.BackupRetentionPeriod !== undefined) checkRetention(input.BackupRetentionPeriod)
  if (input.PreferredBackupWindow !== undefined) checkBackupWindow(input.PreferredBackupWindow)
  if (input.PreferredMaintenanceWindow !== undefined) checkMaintenanceWindow(input.PreferredMaintenanceWindow)
  if (input.MasterUserPassword !== undefined) checkMasterChange(record, input.MasterUserPassword)
  const replicas = rds.instances.values().some(each => each.source?.resourceId === record.resourceId)
  if (input.BackupRetentionPeriod === 0 && replicas)
    throw new WireError(
      'InvalidParameterCombination',
      'Cannot disable backups on an instance that has read replicas.',
    )
  if (input.AllocatedStorage !== undefined && input.AllocatedStorage < (record.shown.AllocatedStorage ?? 0))
    throw new WireError(
      'InvalidParameterCombination',
      `Invalid storage size for engine name postgres: ${input.AllocatedStorage}. Storage can only grow.`,
    )
  if (input.DBPortNumber !== undefined)
    throw new WireError(
      'InvalidParameterCombination',
      'The twin gives each instance its port on loopback: DBPortNumber cannot be changed.',
    )
  if (input.ManageMasterUserPassword || input.RotateMasterUserPassword)
    throw new WireError(
      'InvalidParameterCombination',
      'The twin cannot take over the master password of an existing instance.',
    )
  if (input.EngineVersion !== undefined && findVersion(input.EngineVersion).major !== record.version)
    throw new WireError(
      'InvalidParameterCombination',
      `The twin cannot upgrade from ${record.version} to ${input.EngineVersion} in place.`,
    )
  if (input.DBParameterGroupName !== undefined) {
    const group = findParameterGroup(rds, record.region, input.DBParameterGroupName)
    if (versionOfFamily(group.family) !== record.version)
      throw new WireError(
        'InvalidParameterCombination',
        `The Parameter Group ${group.name} with DBParameterGroupFamily ${group.family} cannot be used for this instance. Please use a Parameter Group with DBParameterGroupFamily ${familyOf(record.version)}`,
      )
  }
  if (input.DBSubnetGroupName !== undefined) findSubnetGroup(rds, record.region, input.DBSubnetGroupName)
  if (input.DBInstanceClass !== undefined && !/^db\.[a-z0-9]+\.[a-z0-9]+$/.test(input.DBInstanceClass))
    throw new WireError('InvalidParameterValue', `Invalid DB Instance class: ${input.DBInstanceClass}`)
  if (input.NewDBInstanceIdentifier !== undefined) {
    const id = checkIdentifier('NewDBInstanceIdentifier', input.NewDBInstanceIdentifier)
    if (rds.instances.has(keyOf(record.region, id)))
      throw new WireError('DBInstanceAlreadyExists', 'DB instance already exists')
  }
}

function checkMasterChange(record: InstanceRecord, password: string): void {
  checkPassword(password)
  if (record.source)
    throw new WireError(
      'InvalidDBInstanceState',
      'The master password of a read replica is that of its source.',
    )
  if (record.shown.MasterUserSecret)
    throw new WireError(
      'InvalidParameterCombination',
      "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.",
    )
}

/** Members that take effect at once, whatever ApplyImmediately says. */
const immediate = (input: Input): Shown => ({
  DeletionProtection: input.DeletionProtection,
  CopyTagsToSnapshot: input.CopyTagsToSnapshot,
  AutoMinorVersionUpgrade: input.AutoMinorVersionUpgrade,
  PreferredBackupWindow: input.PreferredBackupWindow,
  PreferredMaintenanceWindow: input.PreferredMaintenanceWindow?.toLowerCase(),
  MaxAllocatedStorage: input.MaxAllocatedStorage,
  PubliclyAccessible: input.PubliclyAccessible,
  MonitoringInterval: input.MonitoringInterval,
  MonitoringRoleArn: input.MonitoringRoleArn,
  PerformanceInsightsEnabled: input.EnablePerformanceInsights,
  PerformanceInsightsKMSKeyId: input.PerformanceInsightsKMSKeyId,
  PerformanceInsightsRetentionPeriod: input.PerformanceInsightsRetentionPeriod,
  DatabaseInsightsMode: input.DatabaseInsightsMode,
  NetworkType: input.NetworkType,
  EngineLifecycleSupport: input.EngineLifecycleSupport,
})

const windowed = (input: Input, record: InstanceRecord): Pending => ({
  DBInstanceClass: input.DBInstanceClass,
  AllocatedStorage: input.AllocatedStorage,
  MultiAZ: input.MultiAZ,
  EngineVersion: input.EngineVersion && findVersion(input.EngineVersion).name,
  Iops: input.Iops,
  StorageThroughput: input.StorageThroughput,
  StorageType: input.StorageType,
  CACertificateIdentifier: input.CACertificateIdentifier,
  DBSubnetGroupName: input.DBSubnetGroupName,
  DBInstanceIdentifier: input.NewDBInstanceIdentifier?.toLowerCase(),
  IAMDatabaseAuthenticationEnabled: input.EnableIAMDatabaseAuthentication,
  DedicatedLogVolume: input.DedicatedLogVolume,
  // Turning backups on or off waits for the window; another number of days does not.
  BackupRetentionPeriod: isSwitch(input, record) ? input.BackupRetentionPeriod : undefined,
})

const isSwitch = (input: Input, record: InstanceRecord) =>
  input.BackupRetentionPeriod !== undefined &&
  (input.BackupRetentionPeriod === 0) !== ((record.shown.BackupRetentionPeriod ?? 0) === 0)

const defined = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>

/** What differs from how the instance is: what is asked for and already so is no change. */
function changes(pending: Pending, record: InstanceRecord): Pending {
  const now: Record<string, unknown> = {
    ...record.shown,
    DBInstanceIdentifier: record.id,
    DBSubnetGroupName: record.subnetGroup,
  }
  return Object.fromEntries(Object.entries(defined(pending)).filter(([name, value]) => now[name] !== value))
}

/** Records the request, applies what takes effect at once, and the rest now or in the maintenance window. */
export async function modifyInstance(rds: Rds, input: Input, call: Call): Promise<InstanceRecord> {
  const record = findInstance(rds, call.region, input.DBInstanceIdentifier ?? '')
  check(rds, record, input)
  const { resourceId } = record
  const retention = isSwitch(input, record) ? undefined : input.BackupRetentionPeriod
  const asked = changes(windowed(input, record), record)
  const password = input.MasterUserPassword
  const logs = input.CloudwatchLogsExportConfiguration
  const exported = logs && [
    ...(record.shown.EnabledCloudwatchLogsExports ?? []).filter(
      name => !logs.DisableLogTypes?.includes(name),
    ),
    ...(logs.EnableLogTypes ?? []).filter(name => !record.shown.EnabledCloudwatchLogsExports?.includes(name)),
  ]
  const next =
    update(rds, resourceId, ({ shown, pending, parameterGroup, securityGroups }) => ({
      shown: {
        ...shown,
        ...defined({
          ...immediate(input),
          BackupRetentionPeriod: retention,
          EnabledCloudwatchLogsExports: exported,
        }),
      },
      pending: { ...pending, ...asked, ...(password === undefined ? {} : { MasterUserPassword: '****' }) },
      parameterGroup: input.DBParameterGroupName?.toLowerCase() ?? parameterGroup,
      securityGroups: input.VpcSecurityGroupIds ?? securityGroups,
    })) ?? record
  if (retention !== undefined && rds.backups.has(keyOf(record.region, resourceId))) openBackup(rds, next)
  if (password !== undefined) void changePassword(rds, next, password)
  if (input.ApplyImmediately && record.status !== 'stopped') applyPending(rds, resourceId)
  return next
}

function changePassword(rds: Rds, record: InstanceRecord, password: string): Promise<void> {
  return rds.hosts.enqueue(record.resourceId, async () => {
    const before = findByResourceId(rds, record.resourceId)?.status ?? 'available'
    update(rds, record.resourceId, () => ({ status: 'resetting-master-credentials' }))
    try {
      await setPassword(rds.hosts.cluster(record.resourceId), record.shown.MasterUsername ?? '', password)
      emitFor(rds, record, 'RDS-EVENT-0016', 'configuration change', 'Reset master credentials')
    } finally {
      update(rds, record.resourceId, ({ status, pending: { MasterUserPassword: _, ...pending } }) => ({
        pending,
        ...(status === 'deleting'
          ? {}
          : { status: before === 'storage-initialization' ? before : 'available' }),
      }))
    }
  })
}

/** Brings what is pending into effect: available → modifying (or renaming) → available. */
export function applyPending(rds: Rds, resourceId: string): void {
  const isAsked = Object.keys(findByResourceId(rds, resourceId)?.pending ?? {}).some(
    name => name !== 'MasterUserPassword',
  )
  if (!isAsked) return
  void rds.hosts.enqueue(
    resourceId,
    async () => {
      await new Promise(resolve => setTimeout(resolve, BEFORE_MODIFYING_MS))
      await applyNow(rds, resourceId)
    },
    () => {
      update(rds, resourceId, ({ status }) => (status === 'deleting' ? {} : { status: 'available' }))
    },
  )
}

async function applyNow(rds: Rds, resourceId: string): Promise<void> {
  const record = findByResourceId(rds, resourceId)
  if (!record || record.status === 'deleting') return
  const {
    MasterUserPassword,
    DBInstanceIdentifier: id,
    DBSubnetGroupName: subnetGroup,
    ...values
  } = record.pending
  update(rds, resourceId, () => ({ status: id === undefined ? 'modifying' : 'renaming' }))
  const before = record.shown.BackupRetentionPeriod ?? 0
  update(rds, resourceId, ({ shown }) => ({
    shown: { ...shown, ...(defined(values) as Shown), ...standbyZone(shown, record.region, values.MultiAZ) },
    pending: MasterUserPassword === undefined ? {} : { MasterUserPassword },
    subnetGroup: subnetGroup?.toLowerCase() ?? record.subnetGroup,
  }))
  // Another class is another host: the instance moves to it by a restart. All else happens while it serves.
  if (values.DBInstanceClass !== undefined || values.EngineVersion !== undefined) {
    await rds.hosts.halt(resourceId)
    await rds.hosts.start(resourceId)
    emitFor(
      rds,
      record,
      'RDS-EVENT-0014',
      'configuration change',
      `Finished applying modification to DB instance class`,
    )
  }
  if (values.MultiAZ !== undefined)
    emitFor(
      rds,
      record,
      values.MultiAZ ? 'RDS-EVENT-0025' : 'RDS-EVENT-0030',
      'configuration change',
      `Finished applying modification to convert to a ${values.MultiAZ ? 'Multi-AZ' : 'Single-AZ'} DB instance`,
    )
  await followRetention(rds, resourceId, before)
  if (id !== undefined) rename(rds, resourceId, id)
  update(rds, resourceId, ({ status }) => (status === 'deleting' ? {} : { status: 'available' }))
}

function standbyZone(shown: Shown, region: string, multiAz: boolean | undefined): Shown {
  if (multiAz === undefined) return {}
  return {
    SecondaryAvailabilityZone: multiAz
      ? zonesOf(region).find(zone => zone !== shown.AvailabilityZone)
      : undefined,
  }
}

/** The new name has the old resource, address and backups; replicas name their source by it from now on. */
function rename(rds: Rds, resourceId: string, id: string): void {
  const record = findByResourceId(rds, resourceId)
  if (!record) return
  rds.instances.delete(keyOf(record.region, record.id))
  rds.instances.set(keyOf(record.region, id), { ...record, id })
  for (const replica of rds.instances.values()) {
    if (replica.source?.resourceId !== resourceId) continue
    const shownAs = replica.source.shownAs.replace(/[^:]*$/, id)
    update(rds, replica.resourceId, () => ({
      source: { ...replica.source, region: record.region, resourceId, shownAs },
    }))
  }
  const backup = rds.backups.get(keyOf(record.region, resourceId))
  if (backup) rds.backups.set(keyOf(record.region, resourceId), { ...backup, instanceId: id })
  emitFor(
    rds,
    { ...record, id },
    'RDS-EVENT-0058',
    'configuration change',
    `Renamed instance from ${record.id} to ${id}`,
  )
}
