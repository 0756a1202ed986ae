import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type pg from 'pg'
import { secondsBetween, usageOf } from '../../postgres/usage.ts'
import { classMemory } from './class-memory.ts'
import { ballastFile } from './configuration.ts'
import type { Rds } from './context.ts'
import type { Host } from './hosts.ts'
import type { RdsMetric } from './options.ts'
import type { InstanceRecord } from './records.ts'

const GIB = 1024 ** 3

/** A replica's lag in seconds: 0 when it has replayed all that its source sent, as long as it is connected. */
export async function readLag(client: pg.Client): Promise<{ lag: number; isStreaming: boolean }> {
  const { rows } = await client.query(`
    select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) as behind,
      exists (select from pg_catalog.pg_stat_wal_receiver where status = 'streaming') as streaming,
      pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() as caught_up`)
  const row = rows[0] as { behind: string | null; streaming: boolean; caught_up: boolean | null }
  return { lag: Math.max(0, Number(row.behind ?? 0)), isStreaming: row.streaming }
}

const ON_ANY = `
select (select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend')::float8 as connections,
  (select count(*) from pg_catalog.pg_stat_activity
    where backend_type in ('client backend', 'parallel worker') and state = 'active'
      and pid <> pg_catalog.pg_backend_pid())::float8 as active,
  (select coalesce(sum(pg_catalog.pg_database_size(oid)), 0) from pg_catalog.pg_database)::float8 as bytes,
  (select coalesce(sum(size), 0) from pg_catalog.pg_ls_waldir())::float8 as wal,
  (select max(pg_catalog.age(datfrozenxid)) from pg_catalog.pg_database)::float8 as xids`

const ON_PRIMARY = `
select coalesce(max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)), -1)::float8 as slot_lag,
  coalesce(max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)), 0)::float8 as slot_disk
from pg_catalog.pg_replication_slots where not temporary`

type Send = (name: string, value: number, unit: RdsMetric['unit']) => void

/**
 * The processors are those of this machine, which the class's are not; the memory is that of the class, of which the
 * processes of this instance have used so much.
 */
function sendCompute(host: Host, record: InstanceRecord, send: Send): void {
  if (!host.cluster) return
  const usage = usageOf(host.cluster.pid)
  const at = performance.now()
  const { lastUsage } = host
  if (lastUsage && lastUsage.pid === host.cluster.pid) {
    const available = ((at - lastUsage.at) / 1000) * availableParallelism()
    const share = (100 * secondsBetween(lastUsage.usage, usage)) / available
    send('CPUUtilization', Math.min(100, share), 'Percent')
  }
  host.lastUsage = { at, usage, pid: host.cluster.pid }
  const memory = classMemory(record.shown.DBInstanceClass ?? '')
  if (memory !== undefined) send('FreeableMemory', Math.max(0, memory - usage.memory), 'Bytes')
}

function ballast(rds: Rds, { resourceId }: InstanceRecord): number {
  return statSync(ballastFile(rds, resourceId), { throwIfNoEntry: false })?.size ?? 0
}

/** Emits what RDS publishes and the twin can really measure; what it cannot is not made up. */
export async function emitMetrics(rds: Rds, host: Host, record: InstanceRecord): Promise<void> {
  const { emitMetric } = rds.options
  if (!emitMetric || !host.client) return
  const send: Send = (name, value, unit) =>
    emitMetric({
      region: record.region,
      namespace: 'AWS/RDS',
      name,
      dimensions: { DBInstanceIdentifier: record.id },
      value,
      unit,
    })
  const any = (await host.client.query(ON_ANY)).rows[0] as Record<
    'connections' | 'active' | 'bytes' | 'wal' | 'xids',
    number
  >
  send('DatabaseConnections', any.connections, 'Count')
  send('DBLoad', any.active, 'Count')
  sendCompute(host, record, send)
  send(
    'FreeStorageSpace',
    Math.max(0, (record.shown.AllocatedStorage ?? 20) * GIB - any.bytes - any.wal - ballast(rds, record)),
    'Bytes',
  )
  send('TransactionLogsDiskUsage', any.wal, 'Bytes')
  send('MaximumUsedTransactionIDs', any.xids, 'Count')
  if (record.source) {
    if (host.lag !== undefined) send('ReplicaLag', host.lag, 'Seconds')
    return
  }
  const primary = (await host.client.query(ON_PRIMARY)).rows[0] as Record<'slot_lag' | 'slot_disk', number>
  if (primary.slot_lag >= 0) send('OldestReplicationSlotLag', primary.slot_lag, 'Bytes')
  send('ReplicationSlotDiskUsage', primary.slot_disk, 'Bytes')
}
