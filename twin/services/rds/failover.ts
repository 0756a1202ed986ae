import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster } from '../../postgres/cluster.ts'
import { emitFor, findByResourceId, type Rds, update } from './context.ts'
import type { Host } from './hosts.ts'
import type { InstanceRecord } from './records.ts'

const STARTS_TRIED = 3

/** After a crash: to the other zone with Multi-AZ, in place without. The volume is the same: nothing committed is lost. */
export async function bringBack(
  rds: Rds,
  host: Host,
  resourceId: string,
  start: (resourceId: string) => Promise<Cluster>,
): Promise<void> {
  const record = findByResourceId(rds, resourceId)
  if (!record || !host.isMeantToRun || host.cluster?.isRunning() || rds.faults.lostRegions.has(record.region))
    return
  const isMultiAz = record.shown.MultiAZ === true
  if (isMultiAz) failoverStarted(rds, record)
  else
    emitFor(
      rds,
      record,
      'RDS-EVENT-0020',
      'recovery',
      'Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered.',
    )
  for (let attempt = 1; ; attempt++) {
    try {
      await start(resourceId)
      break
    } catch (error) {
      if (attempt < STARTS_TRIED) {
        await sleep(200 * attempt)
        continue
      }
      host.isMeantToRun = false
      update(rds, resourceId, () => ({ status: 'failed' }))
      emitFor(
        rds,
        record,
        'RDS-EVENT-0031',
        'failure',
        `The DB instance has failed: ${(error as Error).message.split('\n')[0]}`,
      )
      throw error
    }
  }
  if (isMultiAz) failoverCompleted(rds, resourceId)
  else emitFor(rds, record, 'RDS-EVENT-0021', 'recovery', 'Recovery of the DB instance is complete.')
}

/** Tells that a failover began. */
export function failoverStarted(rds: Rds, record: InstanceRecord): void {
  emitFor(rds, record, 'RDS-EVENT-0013', 'failover', 'Multi-AZ instance failover started.')
}

/** The zones change places, the address does not. */
export function failoverCompleted(rds: Rds, resourceId: string): void {
  const record = update(rds, resourceId, ({ shown }) => ({
    shown: {
      ...shown,
      AvailabilityZone: shown.SecondaryAvailabilityZone,
      SecondaryAvailabilityZone: shown.AvailabilityZone,
    },
  }))
  if (!record) return
  emitFor(rds, record, 'RDS-EVENT-0049', 'failover', 'Multi-AZ instance failover completed')
}
