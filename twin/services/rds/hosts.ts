import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { archiveTo } from '../../postgres/archive.ts'
import { type Cluster, SOCKET_PORT, socketFolder, startCluster } from '../../postgres/cluster.ts'
import { type Endpoint, openEndpoint } from '../../postgres/endpoint.ts'
import { childrenOf, isAlive, killTree } from '../../postgres/processes.ts'
import { followSettings } from '../../postgres/replica.ts'
import { allowReplication } from '../../postgres/rights.ts'
import type { Settings } from '../../postgres/settings.ts'
import { WireError } from '../../wire/call.ts'
import { emitFor, findByResourceId, keyOf, type Rds, update } from './context.ts'
import { parameterDefinitions, settingsOf } from './parameters.ts'
import { pulse } from './pulse.ts'
import type { InstanceRecord, ParameterValues } from './records.ts'

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

export const clusterFolder = (rds: Rds, resourceId: string) =>
  join(rds.options.root, 'clusters', resourceId.toLowerCase())
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

const groupValues = (rds: Rds, record: InstanceRecord): ParameterValues =>
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

async function openAddress(rds: Rds, host: Host, resourceId: string): Promise<void> {
  if (host.endpoint) return
  const record = findByResourceId(rds, resourceId)
  if (!record) return
  const current = () => findByResourceId(rds, resourceId)
  const rules = {
    region: record.region,
    certificate: rds.options.certificate,
    names: [addressName(record)],
    backend: () => (host.cluster?.isRunning() ? host.cluster : undefined),
    forceSsl: () => isSslForced(rds, current()),
    iamEnabled: () => current()?.shown.IAMDatabaseAuthenticationEnabled ?? false,
    findKey: rds.options.findKey,
    mayConnect: (principal: Parameters<Rds['options']['mayConnect']>[0], user: string) =>
      rds.options.mayConnect(
        principal,
        `arn:aws:rds-db:${record.region}:${rds.options.account}:dbuser:${resourceId}/${user}`,
      ),
    prepareReplication: async (user: string) => (host.cluster ? allowReplication(host.cluster, user) : false),
    log: (line: string) => rds.log(`${record.id}: ${line}`),
  }
  // Clients keep the address over restarts of the twin; only when another program took the port is there a new one.
  host.endpoint = await openEndpoint(rules, record.hostPort).catch(error => {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return openEndpoint(rules)
  })
  if (rds.faults.lostRegions.has(record.region)) host.endpoint.setReachable(false)
  update(rds, resourceId, () => ({ hostPort: host.endpoint?.port ?? 0 }))
}

/** Dynamic: the group's value counts at once, unless the instance waits for a reboot to take the group on. */
function isSslForced(rds: Rds, record: InstanceRecord | undefined): boolean {
  if (!record) return true
  const isCurrent = record.applied.group === record.parameterGroup
  const values = isCurrent ? groupValues(rds, record) : record.applied.values
  return /^(1|on|true)$/i.test(values['rds.force_ssl']?.value ?? '1')
}

/** The name that RDS would give the instance; certificates are valid for it, and no DNS knows it. */
export const addressName = (record: Pick<InstanceRecord, 'id' | 'region'>) =>
  `${record.id}.twin.${record.region}.rds.amazonaws.com`

const STARTS_TRIED = 3

/** After a crash: to the other zone with Multi-AZ, in place without. The volume is the same: nothing committed is lost. */
async function bringBack(
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
