import type * as rdsTypes from '@aws-sdk/client-rds'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { removeBackup, replicateBackups, restoreWindow } from './backups.ts'
import { archiveFolder } from './configuration.ts'
import { arnOf, findInstance, goOn, keyOf, type Rds, readIdentifier } from './context.ts'
import { checkRetention, newResourceId } from './identifiers.ts'
import { filter, page } from './paging.ts'
import { onArn, onInstance } from './questions.ts'
import type { BackupRecord } from './records.ts'

const MAX_REPLICATED = 20

function describe(rds: Rds, backup: BackupRecord): rdsTypes.DBInstanceAutomatedBackup {
  const { instance } = backup
  const window = restoreWindow(backup)
  return {
    DBInstanceArn: arnOf(rds, backup.instanceRegion, 'db', backup.instanceId),
    DbiResourceId: backup.resourceId,
    Region: backup.instanceRegion,
    DBInstanceIdentifier: backup.instanceId,
    RestoreWindow: window && { EarliestTime: new Date(window.earliest), LatestTime: new Date(window.latest) },
    AllocatedStorage: instance.AllocatedStorage,
    Status: backup.status,
    Port: 5432,
    AvailabilityZone: backup.region === backup.instanceRegion ? instance.AvailabilityZone : undefined,
    InstanceCreateTime: new Date(backup.instanceCreatedAt),
    MasterUsername: instance.MasterUsername,
    Engine: 'postgres',
    EngineVersion: instance.EngineVersion,
    LicenseModel: instance.LicenseModel,
    Iops: instance.Iops,
    StorageThroughput: instance.StorageThroughput,
    OptionGroupName: `default:postgres-${backup.version}`,
    Encrypted: instance.StorageEncrypted ?? false,
    StorageType: instance.StorageType,
    KmsKeyId: backup.kmsKeyId,
    IAMDatabaseAuthenticationEnabled: instance.IAMDatabaseAuthenticationEnabled ?? false,
    BackupRetentionPeriod: backup.retention,
    PreferredBackupWindow: instance.PreferredBackupWindow,
    DBInstanceAutomatedBackupsArn: arnOf(rds, backup.region, 'auto-backup', backup.id),
    DBInstanceAutomatedBackupsReplications: rds.backups
      .values()
      .filter(
        copy =>
          copy.resourceId === backup.resourceId &&
          copy.region !== backup.region &&
          backup.region === backup.instanceRegion,
      )
      .map(copy => ({ DBInstanceAutomatedBackupsArn: arnOf(rds, copy.region, 'auto-backup', copy.id) })),
    BackupTarget: 'region',
    MultiTenant: false,
    DedicatedLogVolume: instance.DedicatedLogVolume ?? false,
    TagList: [...backup.tags],
  }
}

function describeBackups(rds: Rds, input: rdsTypes.DescribeDBInstanceAutomatedBackupsMessage, call: Call) {
  const arn = input.DBInstanceAutomatedBackupsArn
  const id = input.DBInstanceIdentifier?.toLowerCase()
  const all = rds.backups
    .values()
    .filter(
      each =>
        each.region === call.region &&
        (arn === undefined || arnOf(rds, each.region, 'auto-backup', each.id) === arn) &&
        (id === undefined ||
          each.instanceId === id ||
          arnOf(rds, each.instanceRegion, 'db', each.instanceId) === id) &&
        (input.DbiResourceId === undefined ||
          each.resourceId.toLowerCase() === input.DbiResourceId.toLowerCase()),
    )
    .sort((a, b) => (a.resourceId < b.resourceId ? -1 : 1))
  if (all.length === 0 && (arn ?? input.DbiResourceId) !== undefined)
    throw new WireError(
      'DBInstanceAutomatedBackupNotFound',
      `DBInstanceAutomatedBackup ${arn ?? input.DbiResourceId} not found.`,
      404,
    )
  const chosen = filter(all, input.Filters, {
    status: each => [each.status],
    'db-instance-id': each => [each.instanceId, arnOf(rds, each.instanceRegion, 'db', each.instanceId)],
    'dbi-resource-id': each => [each.resourceId],
  })
  const { items, Marker } = page(chosen, input, each => each.resourceId)
  return { DBInstanceAutomatedBackups: items.map(each => describe(rds, each)), Marker }
}

/** Asked in the region that is to keep the copy, about an instance of another one. */
function startReplication(
  rds: Rds,
  input: rdsTypes.StartDBInstanceAutomatedBackupsReplicationMessage,
  call: Call,
) {
  const source = findInstance(rds, call.region, input.SourceDBInstanceArn ?? '')
  if (source.region === call.region)
    throw new WireError(
      'InvalidParameterValue',
      'The source instance must be in another region than the one that is to keep the backups.',
    )
  const from = rds.backups.get(keyOf(source.region, source.resourceId))
  if (!from || (source.shown.BackupRetentionPeriod ?? 0) === 0)
    throw new WireError(
      'InvalidDBInstanceState',
      `Automated backups are not enabled for the instance ${source.id}.`,
    )
  if (source.shown.StorageEncrypted && input.KmsKeyId === undefined)
    throw new WireError(
      'InvalidParameterCombination',
      'KmsKeyId must be given to replicate the backups of an encrypted instance.',
    )
  const retention = input.BackupRetentionPeriod ?? 7
  checkRetention(retention)
  const key = keyOf(call.region, source.resourceId)
  if (rds.backups.has(key))
    throw new WireError(
      'InvalidDBInstanceAutomatedBackupState',
      `The backups of ${source.id} are already replicated to ${call.region}.`,
    )
  if (
    rds.backups.values().filter(each => each.region === call.region && each.instanceRegion !== call.region)
      .length >= MAX_REPLICATED
  )
    throw new WireError(
      'DBInstanceAutomatedBackupQuotaExceeded',
      `Cannot replicate more than ${MAX_REPLICATED} backups to a region`,
    )
  const copy: BackupRecord = {
    ...from,
    region: call.region,
    id: newResourceId('ab-').toLowerCase(),
    status: 'replicating',
    retention,
    kmsKeyId: input.KmsKeyId,
    bases: [],
    latest: undefined,
    archive: archiveFolder(rds, call.region, source.resourceId),
    tags: input.Tags ?? [],
  }
  rds.backups.set(key, copy)
  // The first round goes at once, the next ones with the archive.
  goOn(rds, `replication of ${source.id}`, () => replicateBackups(rds, source))
  return { DBInstanceAutomatedBackup: describe(rds, copy) }
}

function stopReplication(
  rds: Rds,
  input: rdsTypes.StopDBInstanceAutomatedBackupsReplicationMessage,
  call: Call,
) {
  const source = findInstance(rds, call.region, input.SourceDBInstanceArn ?? '')
  const key = keyOf(call.region, source.resourceId)
  const copy = rds.backups.get(key)
  if (copy?.status !== 'replicating')
    throw new WireError(
      'InvalidDBInstanceState',
      `The backups of ${source.id} are not replicated to ${call.region}.`,
    )
  const retained: BackupRecord = { ...copy, status: 'retained' }
  rds.backups.set(key, retained)
  return { DBInstanceAutomatedBackup: describe(rds, retained) }
}

async function deleteBackup(rds: Rds, input: rdsTypes.DeleteDBInstanceAutomatedBackupMessage, call: Call) {
  const arn = input.DBInstanceAutomatedBackupsArn
  const id = arn && readIdentifier(call.region, arn, 'auto-backup').name
  const backup = rds.backups
    .values()
    .find(
      each =>
        each.region === call.region &&
        (id === undefined ? each.resourceId === input.DbiResourceId : each.id === id),
    )
  if (!backup)
    throw new WireError(
      'DBInstanceAutomatedBackupNotFound',
      `DBInstanceAutomatedBackup ${id ?? input.DbiResourceId} not found.`,
      404,
    )
  if (backup.status !== 'retained')
    throw new WireError(
      'InvalidDBInstanceAutomatedBackupState',
      'Only retained automated backups can be deleted.',
    )
  await removeBackup(rds, backup)
  return { DBInstanceAutomatedBackup: { ...describe(rds, backup), Status: 'deleted' } }
}

/** Continuous backups, and their copies in other regions. */
export function automatedBackupOperations(rds: Rds): Record<string, Operation> {
  const onSource = (action: string) => (input: { SourceDBInstanceArn?: string }, call: Call) =>
    onInstance(rds, action, call.region, input.SourceDBInstanceArn ?? '')
  return {
    DescribeDBInstanceAutomatedBackups: {
      questions: (input: rdsTypes.DescribeDBInstanceAutomatedBackupsMessage, call) => [
        {
          action: 'rds:DescribeDBInstanceAutomatedBackups',
          resource: input.DBInstanceAutomatedBackupsArn ?? arnOf(rds, call.region, 'auto-backup', '*'),
        },
      ],
      run: (input: rdsTypes.DescribeDBInstanceAutomatedBackupsMessage, call) =>
        describeBackups(rds, input, call),
    },
    StartDBInstanceAutomatedBackupsReplication: {
      questions: onSource('StartDBInstanceAutomatedBackupsReplication'),
      run: (input: rdsTypes.StartDBInstanceAutomatedBackupsReplicationMessage, call) =>
        startReplication(rds, input, call),
    },
    StopDBInstanceAutomatedBackupsReplication: {
      questions: onSource('StopDBInstanceAutomatedBackupsReplication'),
      run: (input: rdsTypes.StopDBInstanceAutomatedBackupsReplicationMessage, call) =>
        stopReplication(rds, input, call),
    },
    DeleteDBInstanceAutomatedBackup: {
      questions: (input: rdsTypes.DeleteDBInstanceAutomatedBackupMessage, call) =>
        onArn(
          rds,
          'DeleteDBInstanceAutomatedBackup',
          input.DBInstanceAutomatedBackupsArn ?? arnOf(rds, call.region, 'auto-backup', '*'),
        ),
      run: (input: rdsTypes.DeleteDBInstanceAutomatedBackupMessage, call) => deleteBackup(rds, input, call),
    },
  }
}
