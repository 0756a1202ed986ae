import { setTimeout as sleep } from 'node:timers/promises'
import type * as rdsTypes from '@aws-sdk/client-rds'
import { type RecoveryTarget, recover } from '../../postgres/recovery.ts'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { baseFor, restoreWindow } from './backups.ts'
import { clusterFolder, startSettings } from './configuration.ts'
import { arnOf, findInstance, findSnapshot, keyOf, type Rds, readIdentifier } from './context.ts'
import { claimIdentifier, type Maker, make, recordNew, refuseForeign, shownFrom } from './making.ts'
import { defaultGroupName } from './parameter-groups.ts'
import { askedContext, onGroups, onInstance, onSnapshot, tagContext } from './questions.ts'
import type { BackupRecord, Shown } from './records.ts'
import { describeInstance } from './shape.ts'

type ToTime = rdsTypes.RestoreDBInstanceToPointInTimeMessage
type FromSnapshot = rdsTypes.RestoreDBInstanceFromDBSnapshotMessage

/** What a restored instance takes over from its source: the volume's own traits, not its protection or its groups. */
const inherited = (instance: Shown): Shown => ({
  DBInstanceClass: instance.DBInstanceClass,
  EngineVersion: instance.EngineVersion,
  MasterUsername: instance.MasterUsername,
  DBName: instance.DBName,
  AllocatedStorage: instance.AllocatedStorage,
  StorageType: instance.StorageType,
  Iops: instance.Iops,
  StorageThroughput: instance.StorageThroughput,
  StorageEncrypted: instance.StorageEncrypted,
  KmsKeyId: instance.KmsKeyId,
  LicenseModel: instance.LicenseModel,
  AutoMinorVersionUpgrade: instance.AutoMinorVersionUpgrade,
  BackupRetentionPeriod: instance.BackupRetentionPeriod,
  PreferredBackupWindow: instance.PreferredBackupWindow,
  PreferredMaintenanceWindow: instance.PreferredMaintenanceWindow,
  MaxAllocatedStorage: instance.MaxAllocatedStorage,
})

/** The backup that a request names in one of three ways. */
function findBackup(rds: Rds, input: ToTime, call: Call): BackupRecord {
  const named = [
    input.SourceDBInstanceIdentifier,
    input.SourceDbiResourceId,
    input.SourceDBInstanceAutomatedBackupsArn,
  ]
  if (named.filter(name => name !== undefined).length !== 1)
    throw new WireError(
      'InvalidParameterCombination',
      'Exactly one of SourceDBInstanceIdentifier, SourceDbiResourceId and SourceDBInstanceAutomatedBackupsArn must be given.',
    )
  if (input.SourceDBInstanceIdentifier !== undefined) {
    const source = findInstance(rds, call.region, input.SourceDBInstanceIdentifier)
    if (source.region !== call.region)
      throw new WireError(
        'InvalidParameterValue',
        'The source instance must be in the region of the request.',
      )
    if (['creating', 'failed', 'deleting'].includes(source.status))
      throw new WireError(
        'InvalidDBInstanceState',
        `Instance ${source.id} is ${source.status}: it cannot be restored.`,
      )
    const found = rds.backups.get(keyOf(source.region, source.resourceId))
    if (!found || (source.shown.BackupRetentionPeriod ?? 0) === 0)
      throw new WireError(
        'PointInTimeRestoreNotEnabled',
        `Point in time restore is not enabled on the DB instance ${source.id}: its backup retention period is 0.`,
      )
    return found
  }
  const resource = input.SourceDbiResourceId
  const id =
    input.SourceDBInstanceAutomatedBackupsArn &&
    readIdentifier(call.region, input.SourceDBInstanceAutomatedBackupsArn, 'auto-backup').name
  const found = rds.backups
    .values()
    .find(
      each =>
        each.region === call.region &&
        (resource === undefined ? each.id === id : each.resourceId.toLowerCase() === resource.toLowerCase()),
    )
  if (!found)
    throw new WireError(
      'DBInstanceAutomatedBackupNotFound',
      `DBInstanceAutomatedBackup ${resource ?? id} not found.`,
      404,
    )
  return found
}

const toSecond = (at: number) => `${new Date(at).toISOString().slice(0, 19)}Z`

/** Where the recovery ends. @throws InvalidParameterValue outside the window, InvalidParameterCombination for both or neither */
function readTarget(input: ToTime, backup: BackupRecord): RecoveryTarget {
  const useLatest = input.UseLatestRestorableTime === true
  if (useLatest === (input.RestoreTime !== undefined))
    throw new WireError(
      'InvalidParameterCombination',
      'Either RestoreTime or UseLatestRestorableTime must be given, and not both.',
    )
  const window = restoreWindow(backup)
  if (!window)
    throw new WireError('InvalidRestoreFault', 'The specified instance has no restorable moment yet.')
  if (input.RestoreTime === undefined) return { time: window.latest }
  const time = input.RestoreTime.getTime()
  if (time > window.latest)
    throw new WireError(
      'InvalidParameterValue',
      `The specified instance cannot be restored to a time later than ${toSecond(window.latest)}.`,
    )
  if (time < window.earliest)
    throw new WireError(
      'InvalidParameterValue',
      `The specified instance cannot be restored to a time earlier than ${toSecond(window.earliest)} because its backup retention period is set to ${backup.retention} days.`,
    )
  return { time }
}

/** Faults that someone asked for happen here: a restore that waits, and one that never becomes usable. */
function withFaults(rds: Rds, maker: Maker): Maker {
  return async record => {
    if (rds.faults.restoreDelay > 0) await sleep(rds.faults.restoreDelay)
    if (rds.faults.failRestores > 0) {
      rds.faults.failRestores--
      throw new Error('the restore was made to fail by a fault')
    }
    return maker(record)
  }
}

async function restoreToTime(rds: Rds, input: ToTime, call: Call) {
  refuseForeign(input)
  if (input.ManageMasterUserPassword)
    throw new WireError(
      'InvalidParameterCombination',
      'ManageMasterUserPassword is not valid for a restore with the engine postgres.',
    )
  const backup = findBackup(rds, input, call)
  const id = claimIdentifier(rds, call.region, input.TargetDBInstanceIdentifier, 'TargetDBInstanceIdentifier')
  const target = readTarget(input, backup)
  const shown = shownFrom(call.region, input, {
    ...inherited(backup.instance),
    KmsKeyId: backup.kmsKeyId ?? backup.instance.KmsKeyId,
  })
  const live = rds.instances.values().find(each => each.resourceId === backup.resourceId)
  // Tags of the account's own services stay with the source.
  const tags = input.Tags ?? (live?.tags ?? backup.tags).filter(({ Key = '' }) => !/^(aws|rds):/i.test(Key))
  const record = recordNew(rds, call.region, id, { version: backup.version, input, shown, tags })
  const base = typeof target === 'object' ? baseFor(backup, target.time) : backup.bases.at(-1)
  make(
    rds,
    record,
    withFaults(rds, made =>
      recover({
        backup: base?.dir ?? '',
        to: clusterFolder(rds, made.resourceId),
        archive: backup.archive,
        target,
        settings: startSettings(rds, made, made.applied.values),
      }),
    ),
    {
      event: 'RDS-EVENT-0019',
      category: 'restoration',
      message: `Restored from DB instance ${backup.instanceId} to ${id}`,
      failed: 'incompatible-restore',
    },
  )
  return { DBInstance: await describeInstance(rds, record) }
}

async function restoreFromSnapshot(rds: Rds, input: FromSnapshot, call: Call) {
  refuseForeign(input)
  if (input.DBSnapshotIdentifier === undefined)
    throw new WireError('InvalidParameterCombination', 'DBSnapshotIdentifier must be given.')
  const snapshot = findSnapshot(rds, call.region, input.DBSnapshotIdentifier)
  if (snapshot.region !== call.region)
    throw new WireError('DBSnapshotNotFound', `DBSnapshot ${snapshot.id} is not in ${call.region}.`, 404)
  if (snapshot.status !== 'available')
    throw new WireError('InvalidDBSnapshotState', `Snapshot ${snapshot.id} is not available.`)
  const id = claimIdentifier(rds, call.region, input.DBInstanceIdentifier)
  const shown = shownFrom(call.region, input, {
    ...inherited(snapshot.instance),
    KmsKeyId: snapshot.shown.KmsKeyId,
    StorageEncrypted: snapshot.shown.Encrypted,
  })
  const record = recordNew(rds, call.region, id, {
    version: snapshot.version,
    input,
    shown,
    tags: input.Tags,
  })
  make(
    rds,
    record,
    withFaults(rds, made =>
      recover({
        backup: snapshot.dir,
        to: clusterFolder(rds, made.resourceId),
        target: 'immediate',
        settings: startSettings(rds, made, made.applied.values),
      }),
    ),
    {
      event: 'RDS-EVENT-0043',
      category: 'restoration',
      message: `Restored from snapshot ${snapshot.id}`,
      failed: 'incompatible-restore',
    },
  )
  return { DBInstance: await describeInstance(rds, record) }
}

function toTimeQuestions(rds: Rds, input: ToTime, call: Call) {
  const action = 'RestoreDBInstanceToPointInTime'
  const automated = input.SourceDBInstanceAutomatedBackupsArn
  const backup = rds.backups
    .values()
    .find(each =>
      automated
        ? arnOf(rds, each.region, 'auto-backup', each.id) === automated
        : each.resourceId === input.SourceDbiResourceId && each.region === call.region,
    )
  const source = input.SourceDBInstanceIdentifier
    ? onInstance(rds, action, call.region, input.SourceDBInstanceIdentifier)
    : [
        {
          action: `rds:${action}`,
          resource: automated ?? arnOf(rds, call.region, 'auto-backup', backup?.id ?? '*'),
          context: tagContext('aws:ResourceTag', backup?.tags),
        },
      ]
  const major =
    backup?.version ??
    rds.instances.get(keyOf(call.region, (input.SourceDBInstanceIdentifier ?? '').toLowerCase()))?.version ??
    18
  return [
    ...source,
    ...onInstance(rds, action, call.region, input.TargetDBInstanceIdentifier ?? '', {
      tags: input.Tags,
      context: { 'rds:DatabaseEngine': 'postgres', ...askedContext(input) },
    }),
    ...onGroups(rds, action, call.region, {
      parameterGroup: input.DBParameterGroupName ?? defaultGroupName(major),
      subnetGroup: input.DBSubnetGroupName ?? 'default',
      major,
    }),
  ]
}

/** Restores: always a new instance. */
export function restoreOperations(rds: Rds): Record<string, Operation> {
  return {
    RestoreDBInstanceToPointInTime: {
      questions: (input: ToTime, call) => toTimeQuestions(rds, input, call),
      run: (input: ToTime, call) => restoreToTime(rds, input, call),
    },
    RestoreDBInstanceFromDBSnapshot: {
      questions: (input: FromSnapshot, call) => {
        const action = 'RestoreDBInstanceFromDBSnapshot'
        const major =
          rds.snapshots.get(keyOf(call.region, (input.DBSnapshotIdentifier ?? '').toLowerCase()))?.version ??
          18
        return [
          ...onSnapshot(rds, action, call.region, input.DBSnapshotIdentifier ?? ''),
          ...onInstance(rds, action, call.region, input.DBInstanceIdentifier ?? '', {
            tags: input.Tags,
            context: { 'rds:DatabaseEngine': 'postgres', ...askedContext(input) },
          }),
          ...onGroups(rds, action, call.region, {
            parameterGroup: input.DBParameterGroupName ?? defaultGroupName(major),
            subnetGroup: input.DBSubnetGroupName ?? 'default',
            major,
          }),
        ]
      },
      run: (input: FromSnapshot, call) => restoreFromSnapshot(rds, input, call),
    },
  }
}
