import { takeBase } from './backups.ts'
import { emitFor, keyOf, type Rds, update } from './context.ts'
import { finishDeletion } from './deleting.ts'
import type { InstanceRecord } from './records.ts'

/** Statuses in which nothing runs. */
const AT_REST = ['stopped', 'failed', 'incompatible-restore', 'incompatible-parameters']

/** Brings every instance back to where it was, or finishes what was interrupted. All at once: none waits for another. */
export async function resume(rds: Rds): Promise<void> {
  await Promise.all(rds.instances.values().map(record => resumeOne(rds, record)))
  for (const snapshot of rds.snapshots.values())
    if (snapshot.status === 'creating' || snapshot.status === 'copying')
      rds.snapshots.set(keyOf(snapshot.region, snapshot.id), { ...snapshot, status: 'failed' })
  for (const task of rds.exports.values())
    if (/^(STARTING|IN_PROGRESS|CANCELING)$/.test(task.status))
      rds.exports.set(keyOf(task.region, task.id), {
        ...task,
        status: 'FAILED',
        failure: 'The twin was stopped during the export.',
        endedAt: rds.now(),
      })
}

async function resumeOne(rds: Rds, record: InstanceRecord): Promise<void> {
  const { resourceId } = record
  if (record.status === 'deleting') return finishDeletion(rds, record, false)
  if (!record.isMade) {
    if (record.status === 'creating') {
      update(rds, resourceId, () => ({ status: 'failed' }))
      emitFor(
        rds,
        record,
        'RDS-EVENT-0031',
        'failure',
        'The DB instance was not finished when the twin stopped.',
      )
    }
    return
  }
  if (AT_REST.includes(record.status) || rds.faults.lostRegions.has(record.region)) return
  if (record.status === 'stopping') {
    update(rds, resourceId, () => ({ status: 'stopped' }))
    return
  }
  try {
    await rds.hosts.start(resourceId)
    const backup = rds.backups.get(keyOf(record.region, resourceId))
    if (!record.source && (record.shown.BackupRetentionPeriod ?? 0) > 0 && !backup?.bases.length)
      await takeBase(rds, resourceId)
    update(rds, resourceId, () => ({ status: 'available' }))
  } catch (error) {
    rds.log(`${record.id} did not start: ${(error as Error).message}`)
    const isParameters = /configuration file/.test((error as Error).message)
    update(rds, resourceId, () => ({ status: isParameters ? 'incompatible-parameters' : 'failed' }))
  }
}
