import type * as rdsTypes from '@aws-sdk/client-rds'
import { promote } from '../../postgres/replica.ts'
import { type Call, WireError } from '../../wire/call.ts'
import { takeBase } from './backups.ts'
import { slotOf } from './configuration.ts'
import { emitFor, findByResourceId, findInstance, keyOf, type Rds, update } from './context.ts'
import { checkBackupWindow, checkRetention } from './identifiers.ts'
import { demandStatus, setStatus } from './power.ts'
import type { InstanceRecord } from './records.ts'

const DEFAULT_RETENTION = 1

/** Makes a replica an instance of its own: available → modifying → rebooting → (backing-up) → available. */
export function promoteInstance(
  rds: Rds,
  input: rdsTypes.PromoteReadReplicaMessage,
  call: Call,
): InstanceRecord {
  const record = findInstance(rds, call.region, input.DBInstanceIdentifier ?? '')
  if (!record.source) throw new WireError('InvalidDBInstanceState', 'DB Instance is not a read replica.')
  demandStatus(record, 'available', 'storage-optimization')
  const retention = input.BackupRetentionPeriod ?? (record.shown.BackupRetentionPeriod || DEFAULT_RETENTION)
  checkRetention(retention)
  if (input.PreferredBackupWindow !== undefined) checkBackupWindow(input.PreferredBackupWindow)
  update(rds, record.resourceId, ({ shown }) => ({
    shown: {
      ...shown,
      BackupRetentionPeriod: retention,
      PreferredBackupWindow: input.PreferredBackupWindow ?? shown.PreferredBackupWindow,
    },
  }))
  void rds.hosts.enqueue(
    record.resourceId,
    () => promoteNow(rds, record.resourceId),
    () => {
      setStatus(rds, record, 'failed')
    },
  )
  return setStatus(rds, record, 'modifying')
}

/** The promotion itself. The replica keeps all that it received, and its history begins anew. */
export async function promoteNow(rds: Rds, resourceId: string): Promise<void> {
  const record = findByResourceId(rds, resourceId)
  if (!record?.source) return
  const cluster = rds.hosts.cluster(resourceId)
  await promote(cluster)
  const { source } = record
  update(rds, resourceId, () => ({ source: undefined, isReplicationStopped: undefined, status: 'rebooting' }))
  await rds.hosts.halt(resourceId)
  await rds.hosts.start(resourceId)
  emitFor(
    rds,
    record,
    'RDS-EVENT-0046',
    'read replica',
    'Promoted read replica to a stand-alone database instance',
  )
  await dropSourceSlot(rds, source.resourceId, slotOf(record))
  // Bases from before the promotion belong to the source's history: no moment of the new one can be reached from them.
  const backup = rds.backups.get(keyOf(record.region, resourceId))
  if (backup)
    rds.backups.set(keyOf(record.region, resourceId), {
      ...backup,
      bases: [],
      latest: undefined,
      status: 'creating',
    })
  if ((record.shown.BackupRetentionPeriod ?? 0) > 0) {
    update(rds, resourceId, () => ({ status: 'backing-up' }))
    await takeBase(rds, resourceId)
  }
  update(rds, resourceId, ({ status }) => (status === 'deleting' ? {} : { status: 'available' }))
}

async function dropSourceSlot(rds: Rds, sourceId: string, slot: string): Promise<void> {
  const source = rds.hosts.get(sourceId)?.cluster
  if (!source?.isRunning()) return
  try {
    await source.query(
      'select pg_catalog.pg_drop_replication_slot(slot_name) from pg_catalog.pg_replication_slots where slot_name = $1 and not active',
      [slot],
    )
  } catch (error) {
    // The source is going away, too: its slots go with it.
    rds.log(`${sourceId}: slot ${slot} stays: ${(error as Error).message}`)
  }
}
