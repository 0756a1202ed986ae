import type * as rdsTypes from '@aws-sdk/client-rds'
import { type Call, WireError } from '../../wire/call.ts'
import { openBackup, removeBackup } from './backups.ts'
import { slotOf } from './configuration.ts'
import { emitFor, findInstance, keyOf, type Rds, update } from './context.ts'
import { removeFiles } from './making.ts'
import { setStatus } from './power.ts'
import { promoteNow } from './promoting.ts'
import type { InstanceRecord } from './records.ts'
import { makeSnapshot } from './snapshots.ts'

function check(record: InstanceRecord, input: rdsTypes.DeleteDBInstanceMessage): void {
  if (record.status === 'deleting')
    throw new WireError('InvalidDBInstanceState', `Instance ${record.id} is already being deleted.`)
  if (record.shown.DeletionProtection)
    throw new WireError(
      'InvalidParameterCombination',
      'Cannot delete protected DB Instance, please disable deletion protection and try again.',
    )
  const { FinalDBSnapshotIdentifier: final, SkipFinalSnapshot: skip = false } = input
  if (record.source && final !== undefined)
    throw new WireError(
      'InvalidParameterCombination',
      'FinalDBSnapshotIdentifier can not be specified when deleting a replica instance',
    )
  if (skip && final !== undefined)
    throw new WireError(
      'InvalidParameterCombination',
      'FinalDBSnapshotIdentifier can not be specified when SkipFinalSnapshot is enabled.',
    )
  if (!skip && final === undefined && !record.source)
    throw new WireError(
      'InvalidParameterCombination',
      'FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.',
    )
}

/** Deletes an instance, its files and, unless told otherwise, its automated backups. */
export function deleteInstance(
  rds: Rds,
  input: rdsTypes.DeleteDBInstanceMessage,
  call: Call,
): InstanceRecord {
  const record = findInstance(rds, call.region, input.DBInstanceIdentifier ?? '')
  check(record, input)
  const final = input.FinalDBSnapshotIdentifier
  if (final !== undefined && record.status !== 'available' && record.status !== 'storage-optimization')
    throw new WireError(
      'InvalidDBInstanceState',
      `Instance ${record.id} is ${record.status}: no final snapshot can be taken.`,
    )
  const snapshot = final === undefined ? undefined : makeSnapshot(rds, record, final, record.tags)
  const deleting = setStatus(rds, record, 'deleting')
  const keepBackups = input.DeleteAutomatedBackups === false
  const remove = async () => {
    await snapshot?.()
    await finishDeletion(rds, record, keepBackups)
  }
  // What is still being made ends when its maker sees that its record is on the way out.
  void rds.hosts.enqueue(record.resourceId, remove, () => {
    update(rds, record.resourceId, () => ({ status: 'failed' }))
  })
  return deleting
}

/** The last part of a deletion; it can be run again after the twin died in the middle. */
export async function finishDeletion(rds: Rds, record: InstanceRecord, keepBackups: boolean): Promise<void> {
  await releaseReplicas(rds, record)
  await rds.hosts.remove(record.resourceId)
  await dropSlot(rds, record)
  await removeFiles(rds, record.resourceId)
  const backup = rds.backups.get(keyOf(record.region, record.resourceId))
  if (backup && keepBackups)
    rds.backups.set(keyOf(record.region, record.resourceId), {
      ...openBackup(rds, record),
      status: 'retained',
    })
  else if (backup) await removeBackup(rds, backup)
  for (const copy of rds.backups.values())
    if (copy.resourceId === record.resourceId && copy.region !== record.region)
      rds.backups.set(keyOf(copy.region, copy.resourceId), { ...copy, status: 'retained' })
  rds.instances.delete(keyOf(record.region, record.id))
  emitFor(rds, record, 'RDS-EVENT-0003', 'deletion', 'DB instance deleted')
}

/** Replicas in the region of a source that goes away are promoted; elsewhere their replication ends for good. */
async function releaseReplicas(rds: Rds, source: InstanceRecord): Promise<void> {
  for (const replica of rds.instances
    .values()
    .filter(each => each.source?.resourceId === source.resourceId)) {
    if (replica.region === source.region)
      await rds.hosts.enqueue(replica.resourceId, () => promoteNow(rds, replica.resourceId))
    else {
      update(rds, replica.resourceId, ({ source: link }) =>
        link ? { source: { ...link, isTerminated: true } } : {},
      )
      rds.hosts.reload(replica.resourceId)
      emitFor(
        rds,
        replica,
        'RDS-EVENT-0057',
        'read replica',
        'Replication on the read replica was terminated',
      )
    }
  }
}

/** The source need not keep anything for a replica that is gone. */
async function dropSlot(rds: Rds, replica: InstanceRecord): Promise<void> {
  if (!replica.source) return
  const cluster = rds.hosts.get(replica.source.resourceId)?.cluster
  if (!cluster?.isRunning()) return
  await cluster.query(
    'select pg_catalog.pg_drop_replication_slot(slot_name) from pg_catalog.pg_replication_slots where slot_name = $1 and not active',
    [slotOf(replica)],
  )
}
