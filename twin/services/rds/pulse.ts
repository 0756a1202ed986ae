import { beat, emptyArchive, endSegment, isArchived, packIdleSegments } from '../../postgres/archive.ts'
import type { Cluster } from '../../postgres/cluster.ts'
import { reachMoment, replicateBackups } from './backups.ts'
import { archiveFolder } from './configuration.ts'
import { findByResourceId, keyOf, type Rds } from './context.ts'
import type { Host } from './hosts.ts'
import { emitMetrics, readLag } from './metrics.ts'
import type { InstanceRecord } from './records.ts'

const DEFAULT_LAG_MS = 2000
const DEFAULT_METRICS_MS = 10_000

/**
 * What an instance does each second: a primary commits a heartbeat and, as often as the restorable lag says, ends a
 * segment so that the archive gets a newer moment; a replica looks at its lag. Now and then it emits metrics.
 */
export async function pulse(rds: Rds, host: Host, resourceId: string): Promise<void> {
  const record = findByResourceId(rds, resourceId)
  const { cluster } = host
  if (!record || !cluster) return
  host.client ??= await cluster.connect('rdsadmin')
  if (record.source) await follow(host, record)
  else await lead(rds, host, record, cluster)
  // The twin's clock can be skewed by a fault; how often something is done must not follow it.
  const now = Date.now()
  if (now - host.lastMetrics >= (rds.options.metricInterval ?? DEFAULT_METRICS_MS)) {
    host.lastMetrics = now
    if (!rds.backups.has(keyOf(record.region, record.resourceId)))
      await emptyArchive(archiveFolder(rds, record.region, record.resourceId))
    await emitMetrics(rds, host, record)
  }
}

async function lead(rds: Rds, host: Host, record: InstanceRecord, cluster: Cluster): Promise<void> {
  const { client } = host
  if (!client || !cluster.isRunning()) return
  const backup = rds.backups.get(keyOf(record.region, record.resourceId))
  if (!backup || (record.shown.BackupRetentionPeriod ?? 0) === 0) {
    await beat(client)
    return
  }
  if (Date.now() - host.lastSwitch >= (rds.options.restorableLag ?? DEFAULT_LAG_MS)) {
    host.lastSwitch = Date.now()
    host.moments.push(await endSegment(client))
  } else await beat(client)
  const arrived = host.moments.filter(({ segment }) => isArchived(backup.archive, segment))
  host.moments = host.moments.filter(moment => !arrived.includes(moment))
  const newest = arrived.at(-1)
  if (!newest) return
  reachMoment(rds, record.region, record.resourceId, newest.committed)
  await packIdleSegments(
    backup.archive,
    arrived.map(({ segment }) => segment),
  )
  await replicateBackups(rds, record)
}

async function follow(host: Host, record: InstanceRecord): Promise<void> {
  if (!host.client) return
  const { lag, isStreaming } = await readLag(host.client)
  host.lag = lag
  host.replication = record.isReplicationStopped ? 'stopped' : isStreaming ? 'replicating' : 'connecting'
}
