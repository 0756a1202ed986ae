import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { own } from './account.ts'
import { baseBackup } from './base-backup.ts'
import { type Cluster, StartFailure, startCluster } from './cluster.ts'
import type { Settings } from './settings.ts'

export type ReplicaOptions = {
  /** A running primary, or a replica to cascade from. */
  readonly source: Cluster
  readonly to: string
  /** Physical slot on the source, made when missing. */
  readonly slot: string
  readonly settings?: Settings
  readonly trustedPort?: number
}

/** The settings by which a standby follows its source through the source's socket. */
export function followSettings(source: { socket: string; port: number }, slot: string): Settings {
  return {
    primary_conninfo: `host=${source.socket} port=${source.port} user=rdsadmin application_name=${slot}`,
    primary_slot_name: slot,
  }
}

/** Makes the physical slot that keeps what a replica still needs; harmless when it exists. */
async function ensureSlot(source: Cluster, slot: string): Promise<void> {
  await source.query(
    `select pg_catalog.pg_create_physical_replication_slot($1, true)
     where not exists (select from pg_catalog.pg_replication_slots where slot_name = $1)`,
    [slot],
  )
}

/** Copies the source and starts the copy as a streaming hot standby. Returns when it answers queries. */
export async function createReplica(options: ReplicaOptions): Promise<Cluster> {
  const { source, to, slot } = options
  await ensureSlot(source, slot)
  await baseBackup(source, to)
  const signal = join(to, 'data', 'standby.signal')
  await writeFile(signal, '', { mode: 0o600 })
  own(signal)
  return startReplica(options)
}

/** Starts a cluster that createReplica made, following its source again. */
async function startReplica(
  options: Omit<ReplicaOptions, 'source'> & { source: { socket: string; port: number } },
) {
  return startCluster({
    dir: options.to,
    trustedPort: options.trustedPort,
    settings: { ...options.settings, ...followSettings(options.source, options.slot) },
  })
}

/**
 * Ends the recovery of a standby and returns when it takes writes: a primary on a new timeline, with all that it
 * received. The server's own wait is asked for, since its lock file says `ready` of a hot standby, too.
 * @throws StartFailure when it is no primary after `timeout` milliseconds
 */
export async function promote(cluster: Cluster, timeout = 60_000): Promise<void> {
  const seconds = Math.ceil(timeout / 1_000)
  const [row] = await cluster.query('select pg_catalog.pg_promote(true, $1) as done', [seconds])
  if (row?.done !== true) throw new StartFailure(`the standby was no primary after ${seconds} s`)
}
