import { join } from 'node:path'
import { archiveTo } from '../../postgres/archive.ts'
import { SOCKET_PORT, socketFolder } from '../../postgres/cluster.ts'
import { followSettings } from '../../postgres/replica.ts'
import type { Settings } from '../../postgres/settings.ts'
import { keyOf, type Rds } from './context.ts'
import { parameterDefinitions, settingsOf } from './parameters.ts'
import type { InstanceRecord, ParameterValues } from './records.ts'

/** Where an instance's cluster is. */
export const clusterFolder = (rds: Rds, resourceId: string) =>
  join(rds.options.root, 'clusters', resourceId.toLowerCase())
/** A file of any size that takes the disk of an instance without being data. */
export const ballastFile = (rds: Rds, resourceId: string) => join(clusterFolder(rds, resourceId), 'ballast')
/** Where an instance's own segments are archived. */
export const archiveFolder = (rds: Rds, region: string, resourceId: string) =>
  join(rds.options.root, 'backups', region, resourceId.toLowerCase(), 'wal')
/** The physical slot of a replica on its source. */
export const slotOf = (replica: Pick<InstanceRecord, 'region' | 'resourceId'>) =>
  `rds_${replica.region}_${replica.resourceId}`.toLowerCase().replaceAll('-', '_')

/** The settings with which an instance starts now. */
export function startSettings(rds: Rds, record: InstanceRecord, values: ParameterValues): Settings {
  const { source } = record
  const socket = source && { socket: socketFolder(clusterFolder(rds, source.resourceId)), port: SOCKET_PORT }
  const follows = source && socket && !source.isTerminated && !record.isReplicationStopped
  return {
    ...settingsOf(values),
    ...archiveTo(archiveFolder(rds, record.region, record.resourceId)),
    cluster_name: record.id,
    ...(follows ? followSettings(socket, slotOf(record)) : {}),
  }
}

/** The values of the group that an instance has, as they are now. */
export const groupValues = (rds: Rds, record: InstanceRecord): ParameterValues =>
  rds.parameterGroups.get(keyOf(record.region, record.parameterGroup))?.values ?? {}

/** The values in effect: static ones as at the last start, dynamic ones of the group if it was the group then. */
export async function effectiveValues(rds: Rds, record: InstanceRecord): Promise<ParameterValues> {
  if (record.applied.group !== record.parameterGroup) return record.applied.values
  const known = await parameterDefinitions(record.version)
  const isHeld = (name: string, method: string | undefined) =>
    known.get(name)?.isStatic === true || method === 'pending-reboot'
  const now = Object.entries(groupValues(rds, record)).filter(([name, { method }]) => !isHeld(name, method))
  const before = Object.entries(record.applied.values).filter(([name]) =>
    isHeld(name, groupValues(rds, record)[name]?.method),
  )
  return Object.fromEntries([...before, ...now])
}

/** `in-sync`, or `pending-reboot` when a restart would change a parameter. */
export async function applyStatus(rds: Rds, record: InstanceRecord): Promise<'in-sync' | 'pending-reboot'> {
  if (record.applied.group !== record.parameterGroup) return 'pending-reboot'
  const text = (values: ParameterValues) =>
    JSON.stringify(
      Object.entries(values)
        .map(([name, { value }]) => [name, value])
        .sort(),
    )
  return text(await effectiveValues(rds, record)) === text(groupValues(rds, record))
    ? 'in-sync'
    : 'pending-reboot'
}
