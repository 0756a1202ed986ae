import type * as rdsTypes from '@aws-sdk/client-rds'
import { type Call, WireError } from '../../wire/call.ts'
import { emitFor, findInstance, type Rds, update } from './context.ts'
import { failoverCompleted, failoverStarted } from './failover.ts'
import type { InstanceRecord } from './records.ts'
import { makeSnapshot } from './snapshots.ts'

/** Refuses unless the instance has one of these statuses. @throws InvalidDBInstanceState */
export function demandStatus(record: InstanceRecord, ...allowed: string[]): void {
  if (!allowed.includes(record.status))
    throw new WireError(
      'InvalidDBInstanceState',
      `Database instance is not in ${allowed.join(' or ')} state.`,
    )
}

/** Records a status and returns the record as it is now. */
export function setStatus(rds: Rds, record: InstanceRecord, status: string): InstanceRecord {
  return update(rds, record.resourceId, () => ({ status })) ?? record
}

const backTo = (rds: Rds, record: InstanceRecord, status: string) => () => {
  update(rds, record.resourceId, now => (now.status === 'deleting' ? {} : { status }))
}

/** Restarts PostgreSQL; with a failover as if its host were lost, on the volume that the standby mirrors. */
export function rebootInstance(
  rds: Rds,
  input: rdsTypes.RebootDBInstanceMessage,
  call: Call,
): InstanceRecord {
  const record = findInstance(rds, call.region, input.DBInstanceIdentifier ?? '')
  demandStatus(record, 'available', 'storage-optimization', 'incompatible-parameters')
  const withFailover = input.ForceFailover === true
  if (withFailover && record.shown.MultiAZ !== true)
    throw new WireError('InvalidParameterCombination', 'Cannot force failover on a non-Multi-AZ DB instance.')
  void rds.hosts.enqueue(
    record.resourceId,
    async () => {
      if (withFailover) failoverStarted(rds, record)
      else emitFor(rds, record, 'RDS-EVENT-0004', 'availability', 'DB instance shutdown')
      await rds.hosts.halt(record.resourceId, withFailover ? 'kill' : 'fast')
      await rds.hosts.start(record.resourceId)
      emitFor(rds, record, 'RDS-EVENT-0006', 'availability', 'DB instance restarted')
      if (withFailover) failoverCompleted(rds, record.resourceId)
      backTo(rds, record, 'available')()
    },
    error =>
      backTo(rds, record, /configuration file/.test(error.message) ? 'incompatible-parameters' : 'failed')(),
  )
  return setStatus(rds, record, 'rebooting')
}

/** Stops an instance. Its backups stay, and its address comes back with it. */
export function stopInstance(rds: Rds, input: rdsTypes.StopDBInstanceMessage, call: Call): InstanceRecord {
  const record = findInstance(rds, call.region, input.DBInstanceIdentifier ?? '')
  demandStatus(record, 'available')
  if (record.source) throw new WireError('InvalidDBInstanceState', 'Cannot stop a read replica.')
  if (rds.instances.values().some(each => each.source?.resourceId === record.resourceId))
    throw new WireError('InvalidDBInstanceState', 'Cannot stop an instance that has read replicas.')
  const snapshot =
    input.DBSnapshotIdentifier === undefined
      ? undefined
      : makeSnapshot(rds, record, input.DBSnapshotIdentifier, record.tags)
  const stopping = setStatus(rds, record, 'stopping')
  void rds.hosts.enqueue(
    record.resourceId,
    async () => {
      await snapshot?.()
      await rds.hosts.halt(record.resourceId)
      emitFor(rds, record, 'RDS-EVENT-0087', 'notification', 'DB instance stopped')
      backTo(rds, record, 'stopped')()
    },
    backTo(rds, record, 'failed'),
  )
  return stopping
}

/** Starts a stopped instance at its old address. */
export function startInstance(rds: Rds, input: rdsTypes.StartDBInstanceMessage, call: Call): InstanceRecord {
  const record = findInstance(rds, call.region, input.DBInstanceIdentifier ?? '')
  demandStatus(record, 'stopped')
  void rds.hosts.enqueue(
    record.resourceId,
    async () => {
      await rds.hosts.start(record.resourceId)
      emitFor(rds, record, 'RDS-EVENT-0088', 'notification', 'DB instance started')
      backTo(rds, record, 'available')()
    },
    backTo(rds, record, 'failed'),
  )
  return setStatus(rds, record, 'starting')
}
