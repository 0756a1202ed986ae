import type * as rdsTypes from '@aws-sdk/client-rds'
import { createReplica } from '../../postgres/replica.ts'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { clusterFolder, slotOf, startSettings } from './configuration.ts'
import { arnOf, findInstance, type Rds } from './context.ts'
import { claimIdentifier, make, recordNew, refuseForeign, shownFrom } from './making.ts'
import { defaultGroupName } from './parameter-groups.ts'
import { promoteInstance } from './promoting.ts'
import { onGroups, onInstance } from './questions.ts'
import type { InstanceRecord } from './records.ts'
import { describeInstance } from './shape.ts'

type Input = rdsTypes.CreateDBInstanceReadReplicaMessage

const MAX_REPLICAS = 15
const MAX_LEVELS = 3

function findSource(rds: Rds, input: Input, call: Call): InstanceRecord {
  const source = findInstance(rds, call.region, input.SourceDBInstanceIdentifier ?? '')
  const isAbroad = source.region !== call.region
  if ((source.shown.BackupRetentionPeriod ?? 0) === 0)
    throw new WireError(
      'InvalidDBInstanceState',
      `Automated backups are not enabled for this database instance. To enable automated backups, use ModifyDBInstance to set the backup retention period to a non-zero value.`,
    )
  if (source.status !== 'available' && source.status !== 'storage-optimization')
    throw new WireError(
      'InvalidDBInstanceState',
      `Instance ${source.id} is ${source.status}: it cannot be a source.`,
    )
  if (source.shown.MasterUserSecret)
    throw new WireError(
      'InvalidDBInstanceState',
      'A read replica cannot be created from an instance whose master password RDS manages.',
    )
  if (isAbroad && source.source)
    throw new WireError(
      'InvalidDBInstanceState',
      'A cross-region read replica cannot be created from a read replica.',
    )
  if (isAbroad && source.shown.StorageEncrypted && input.KmsKeyId === undefined)
    throw new WireError(
      'InvalidParameterCombination',
      'KmsKeyId should be explicitly specified to create a cross-region read replica of an encrypted instance.',
    )
  if (isAbroad && !source.shown.StorageEncrypted && input.KmsKeyId !== undefined)
    throw new WireError(
      'InvalidParameterCombination',
      'A replica of an instance that is not encrypted cannot be encrypted.',
    )
  if (!isAbroad && input.KmsKeyId !== undefined && input.KmsKeyId !== source.shown.KmsKeyId)
    throw new WireError(
      'InvalidParameterCombination',
      'A read replica in the region of its source has its key.',
    )
  const replicas = rds.instances.values().filter(each => each.source?.resourceId === source.resourceId)
  if (replicas.length >= MAX_REPLICAS)
    throw new WireError(
      'InvalidDBInstanceState',
      `Instance ${source.id} already has ${MAX_REPLICAS} read replicas.`,
    )
  if (levelOf(rds, source) >= MAX_LEVELS)
    throw new WireError('InvalidDBInstanceState', `Read replicas can be cascaded over ${MAX_LEVELS} levels.`)
  return source
}

function levelOf(rds: Rds, record: InstanceRecord): number {
  const above =
    record.source && rds.instances.values().find(each => each.resourceId === record.source?.resourceId)
  return above ? 1 + levelOf(rds, above) : 0
}

async function createReadReplica(rds: Rds, input: Input, call: Call) {
  refuseForeign(input)
  const source = findSource(rds, input, call)
  const id = claimIdentifier(rds, call.region, input.DBInstanceIdentifier)
  const { shown: from } = source
  const shown = shownFrom(call.region, input, {
    DBInstanceClass: from.DBInstanceClass,
    EngineVersion: from.EngineVersion,
    MasterUsername: from.MasterUsername,
    DBName: from.DBName,
    AllocatedStorage: from.AllocatedStorage,
    StorageType: from.StorageType,
    Iops: from.Iops,
    StorageThroughput: from.StorageThroughput,
    StorageEncrypted: from.StorageEncrypted,
    KmsKeyId: input.KmsKeyId ?? from.KmsKeyId,
    AutoMinorVersionUpgrade: from.AutoMinorVersionUpgrade,
    MaxAllocatedStorage: from.MaxAllocatedStorage,
    BackupRetentionPeriod: 0,
  })
  const isAbroad = source.region !== call.region
  const shownAs = isAbroad ? arnOf(rds, source.region, 'db', source.id) : source.id
  const record = recordNew(rds, call.region, id, {
    version: source.version,
    input,
    shown,
    source: { region: source.region, resourceId: source.resourceId, shownAs },
  })
  make(
    rds,
    record,
    made =>
      createReplica({
        source: rds.hosts.cluster(source.resourceId),
        to: clusterFolder(rds, made.resourceId),
        slot: slotOf(made),
        settings: startSettings(rds, made, made.applied.values),
      }),
    { event: 'RDS-EVENT-0005', category: 'creation', message: 'DB instance created' },
  )
  return { DBInstance: await describeInstance(rds, record) }
}

/** Read replicas and their promotion. */
export function replicaOperations(rds: Rds): Record<string, Operation> {
  return {
    CreateDBInstanceReadReplica: {
      questions: (input: Input, call) => {
        const action = 'CreateDBInstanceReadReplica'
        return [
          ...onInstance(rds, action, call.region, input.SourceDBInstanceIdentifier ?? ''),
          ...onInstance(rds, action, call.region, input.DBInstanceIdentifier ?? '', { tags: input.Tags }),
          ...onGroups(rds, action, call.region, {
            parameterGroup: input.DBParameterGroupName ?? defaultGroupName(18),
            subnetGroup: input.DBSubnetGroupName ?? 'default',
            major: 18,
          }),
        ]
      },
      run: (input: Input, call) => createReadReplica(rds, input, call),
    },
    PromoteReadReplica: {
      questions: (input: rdsTypes.PromoteReadReplicaMessage, call) =>
        onInstance(rds, 'PromoteReadReplica', call.region, input.DBInstanceIdentifier ?? ''),
      run: async (input: rdsTypes.PromoteReadReplicaMessage, call) => ({
        DBInstance: await describeInstance(rds, promoteInstance(rds, input, call)),
      }),
    },
  }
}
