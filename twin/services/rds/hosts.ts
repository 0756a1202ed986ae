import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { type Cluster, socketFolder, startCluster } from '../../postgres/cluster.ts'
import type { Endpoint } from '../../postgres/endpoint.ts'
import { childrenOf, isAlive, killTree } from '../../postgres/processes.ts'
import type { Usage } from '../../postgres/usage.ts'
import { WireError } from '../../wire/call.ts'
import { openAddress } from './address.ts'
import { clusterFolder, effectiveValues, groupValues, startSettings } from './configuration.ts'
import { findByResourceId, type Rds, update } from './context.ts'
import { bringBack } from './failover.ts'
import { pulse } from './pulse.ts'

/** What runs for one instance. */
export type Host = {
  cluster?: Cluster
  endpoint?: Endpoint
  /** An end of the process is a crash unless it was meant. */
  isMeantToRun: boolean
  /** Connection of the pulse, to the database `rdsadmin`. */
  client?: pg.Client
  isBusy: boolean
  timer?: NodeJS.Timeout
  /** Commits whose segments are not in the archive yet. */
  moments: { committed: number; segment: string }[]
  lastSwitch: number
  lastMetrics: number
  /** What the processes had used when metrics were last emitted; `at` is of the monotonic clock. */
  lastUsage?: { readonly at: number; readonly usage: Usage; readonly pid: number }
  /** What the replica's receiver was doing when last looked at. */
  replication?: 'replicating' | 'connecting' | 'stopped'
  /** Seconds. */
  lag?: number
  jobs: Promise<void>
}

export type Hosts = {
  readonly get: (resourceId: string) => Host | undefined
  /** The running cluster. @throws InvalidDBInstanceState when there is none */
  readonly cluster: (resourceId: string) => Cluster
  /** Starts what an instance needs: its endpoint, its PostgreSQL, its pulse. */
  readonly start: (resourceId: string) => Promise<Cluster>
  /** Takes over a cluster that a restore or a replica's making has already started. */
  readonly adopt: (resourceId: string, cluster: Cluster) => Promise<void>
  /** Ends the PostgreSQL; the address stays and turns clients away. */
  readonly halt: (resourceId: string, how?: 'fast' | 'kill') => Promise<void>
  /** Gives up the address, too. */
  readonly remove: (resourceId: string) => Promise<void>
  /** Has the running server read its settings again, as far as they may change without a restart. */
  readonly reload: (resourceId: string) => void
  /** Runs work on an instance after what is already waiting for it. Failures go to the log and to `onFailure`. */
  readonly enqueue: (
    resourceId: string,
    work: () => Promise<void>,
    onFailure?: (error: Error) => void,
  ) => Promise<void>
  readonly closeAll: () => Promise<void>
}

const PULSE_MS = 1000

/** The processes and addresses of all instances. */
export function createHosts(getRds: () => Rds): Hosts {
  const hosts = new Map<string, Host>()
  const hostOf = (resourceId: string): Host => {
    const found = hosts.get(resourceId)
    if (found) return found
    const made: Host = {
      isMeantToRun: false,
      isBusy: false,
      moments: [],
      lastSwitch: 0,
      lastMetrics: 0,
      jobs: Promise.resolve(),
    }
    hosts.set(resourceId, made)
    return made
  }

  const settle = async (resourceId: string, cluster: Cluster) => {
    const rds = getRds()
    const host = hostOf(resourceId)
    host.cluster = cluster
    host.isMeantToRun = true
    host.moments = []
    host.client = undefined
    void cluster.exited.then(() => crashed(resourceId, cluster))
    await openAddress(rds, host, resourceId)
    host.timer ??= setInterval(() => void beatOnce(rds, host, resourceId), PULSE_MS)
  }

  const start = async (resourceId: string): Promise<Cluster> => {
    const rds = getRds()
    const record = findByResourceId(rds, resourceId)
    if (!record) throw new Error(`no instance has the resource id ${resourceId}`)
    const host = hostOf(resourceId)
    if (host.cluster?.isRunning()) return host.cluster
    const dir = clusterFolder(rds, resourceId)
    await endStray(dir)
    const values = groupValues(rds, record)
    const cluster = await startCluster({ dir, settings: startSettings(rds, record, values) })
    update(rds, resourceId, () => ({ applied: { group: record.parameterGroup, values } }))
    await settle(resourceId, cluster)
    return cluster
  }

  const halt = async (resourceId: string, how: 'fast' | 'kill' = 'fast') => {
    const host = hosts.get(resourceId)
    if (!host) return
    host.isMeantToRun = false
    await host.client?.end().catch(() => {})
    host.client = undefined
    await (how === 'kill' ? host.cluster?.kill() : host.cluster?.stop('fast'))
    host.cluster = undefined
    host.endpoint?.cut()
  }

  const enqueue: Hosts['enqueue'] = (resourceId, work, onFailure) => {
    const host = hostOf(resourceId)
    host.jobs = host.jobs.then(work).catch((error: Error) => {
      getRds().log(`${resourceId}: ${error.stack ?? error.message}`)
      onFailure?.(error)
    })
    return host.jobs
  }

  const crashed = (resourceId: string, cluster: Cluster) => {
    const host = hostOf(resourceId)
    if (host.cluster !== cluster || !host.isMeantToRun) return
    host.cluster = undefined
    host.client = undefined
    host.endpoint?.cut()
    void enqueue(resourceId, () => bringBack(getRds(), hostOf(resourceId), resourceId, start))
  }

  return {
    get: resourceId => hosts.get(resourceId),
    cluster: resourceId => {
      const cluster = hosts.get(resourceId)?.cluster
      if (!cluster?.isRunning())
        throw new WireError('InvalidDBInstanceState', 'Database instance is not in available state.')
      return cluster
    },
    start,
    adopt: settle,
    halt,
    remove: async resourceId => {
      await halt(resourceId, 'kill')
      const host = hosts.get(resourceId)
      clearInterval(host?.timer)
      await host?.endpoint?.close()
      hosts.delete(resourceId)
    },
    reload: resourceId => {
      const rds = getRds()
      const record = findByResourceId(rds, resourceId)
      const cluster = hosts.get(resourceId)?.cluster
      if (!record || !cluster?.isRunning()) return
      void effectiveValues(rds, record).then(values => cluster.reload(startSettings(rds, record, values)))
    },
    enqueue,
    closeAll: async () => {
      for (const host of hosts.values()) {
        clearInterval(host.timer)
        host.isMeantToRun = false
      }
      await Promise.all([...hosts.values()].map(host => host.jobs))
      await Promise.all(
        [...hosts].map(async ([resourceId, host]) => {
          await host.endpoint?.close()
          await halt(resourceId)
        }),
      )
      hosts.clear()
    },
  }
}

async function beatOnce(rds: Rds, host: Host, resourceId: string): Promise<void> {
  if (host.isBusy || !host.cluster?.isRunning()) return
  host.isBusy = true
  try {
    await pulse(rds, host, resourceId)
  } catch (error) {
    // A server that is going down or coming up: the next pulse opens a new connection.
    rds.log(`${resourceId}: no pulse: ${(error as Error).message}`)
    await host.client?.end().catch(() => {})
    host.client = undefined
  } finally {
    host.isBusy = false
  }
}

/** A postmaster that outlived the twin that started it would keep the files: it ends first. */
async function endStray(dir: string): Promise<void> {
  const file = join(dir, 'data', 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  if (Number.isInteger(pid) && pid > 1 && isAlive(pid) && isPostgres(pid, dir)) {
    const children = childrenOf(pid)
    await killTree(pid)
    while ([pid, ...children].some(isAlive)) await sleep(10)
  }
  rmSync(file, { force: true })
  // The socket's lock file names a process, too, and its number may belong to another program by now.
  rmSync(socketFolder(dir), { recursive: true, force: true })
}

/** The number may have gone to another program since. */
function isPostgres(pid: number, dir: string): boolean {
  if (process.platform !== 'linux') return true
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir)
  } catch {
    return false
  }
}
