import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { unprivileged } from '../../postgres/account.ts'
import type { ProcessWatch } from '../../postgres/daemon.ts'
import { findProgram } from '../../state/program.ts'
import { type CacheGroup, nodeName } from './group.ts'
import { type CacheNode, type NodeSettings, startNode } from './node.ts'
import { type Look, lagOf, type NodeSample, samplesOf } from './node-metrics.ts'

/** The cache server of this machine, and undefined when it has none. */
export const cacheServer = () => findProgram('HOLDFAST_CACHE_SERVER', 'valkey-server', 'redis-server')

/**
 * Whether a cache server was built with TLS. It reads its settings in order and ends at the first that it does not
 * understand: one without TLS never comes to the second.
 */
export function speaksTls(program: string): boolean {
  const { stdout, stderr } = spawnSync(program, ['--tls-port', '0', '--maxmemory', 'none'], {
    ...unprivileged(),
    cwd: '/',
    encoding: 'utf8',
    timeout: 5_000,
  })
  return `${stdout}${stderr}`.includes("'maxmemory")
}

/** What the fleet needs of the rest of the twin. */
export type FleetOptions = {
  /** The nodes' files go to `<root>/caches/<region>/<node>`. */
  readonly root: string
  readonly certificate: NonNullable<NodeSettings['certificate']>
  readonly watch?: ProcessWatch
  readonly emitMetric?: (
    sample: NodeSample & {
      readonly region: string
      readonly namespace: string
      readonly dimensions: Readonly<Record<string, string>>
    },
  ) => void
  /** Milliseconds between two rounds of metrics. ElastiCache: a minute. @default 10000 */
  readonly metricInterval?: number
  readonly log?: (line: string) => void
}

/** What the groups say at the moment: a change counts from the next `follow` on. */
export type FleetSources = {
  readonly groups: { values(): CacheGroup[]; get(key: string): CacheGroup | undefined }
  readonly usersOf: (group: CacheGroup) => readonly string[]
  readonly evictionPolicyOf: (group: CacheGroup) => string
}

/** The nodes of all groups. */
export type Fleet = {
  /** Whether this machine has a server for them. */
  readonly isAble: boolean
  /** Ports for the nodes of a group: those given that it has already, and free ones for the others. */
  readonly portsFor: (count: number, kept: readonly number[]) => Promise<readonly number[]>
  /** Brings a group's nodes in line with its record, which may be gone. @throws when a node does not start */
  readonly follow: (key: string) => Promise<void>
  readonly open: () => Promise<void>
  readonly close: () => Promise<void>
}

type Running = { nodes: CacheNode[]; looks: Map<number, Look>; jobs: Promise<void> }

const DEFAULT_METRICS_MS = 10_000

/** Keeps a server process for each node of each group. A node that dies is started again; none takes over for another. */
export function createFleet(options: FleetOptions, sources: FleetSources): Fleet {
  const program = cacheServer()
  let isSecure: boolean | undefined
  const running = new Map<string, Running>()
  let timer: NodeJS.Timeout | undefined
  let isBusy = false

  const settingsOf = (group: CacheGroup, keeperPassword: string): NodeSettings[] =>
    (group.ports ?? []).map((port, index) => ({
      dir: join(options.root, 'caches', group.region, nodeName(group, index)),
      port,
      ...(index > 0 && group.ports?.[0] !== undefined ? { follows: group.ports[0] } : {}),
      ...(group.encryptedInTransit && isSecure ? { certificate: options.certificate } : {}),
      users: sources.usersOf(group),
      keeperPassword,
      evictionPolicy: sources.evictionPolicyOf(group),
    }))
  const followNow = async (key: string, entry: Running) => {
    const group = sources.groups.get(key)
    if (program) isSecure ??= speaksTls(program)
    const password = entry.nodes[0]?.settings.keeperPassword ?? randomBytes(24).toString('hex')
    const wanted = group && program ? settingsOf(group, password) : []
    const isSame =
      entry.nodes.every(node => node.isRunning()) &&
      JSON.stringify(entry.nodes.map(node => node.settings)) === JSON.stringify(wanted)
    if (isSame) return
    await stopAll(entry)
    for (const settings of program ? wanted : [])
      entry.nodes.push(await startNode(program ?? '', settings, options.watch))
  }
  const follow = async (key: string) => {
    if (!program) return
    const entry = running.get(key) ?? { nodes: [], looks: new Map(), jobs: Promise.resolve() }
    running.set(key, entry)
    const job = entry.jobs.then(() => followNow(key, entry))
    // The next job runs whatever becomes of this one, whose failure is its caller's.
    entry.jobs = job.catch(() => {})
    await job
    const isGone = !sources.groups.get(key)
    if (isGone) running.delete(key)
  }
  const beat = async () => {
    for (const [key, entry] of running) {
      const group = sources.groups.get(key)
      if (!group) continue
      if (!entry.nodes.every(node => node.isRunning()))
        await follow(key).catch((error: Error) => options.log?.(`cache ${group.id}: ${error.message}`))
      await emitNodes(options, group, entry).catch((error: Error) =>
        options.log?.(`cache ${group.id}: no metrics: ${error.message}`),
      )
    }
  }
  return {
    isAble: program !== undefined,
    portsFor,
    follow,
    open: async () => {
      if (!program) return
      const keys = sources.groups.values().map(({ region, id }) => `${region}/${id}`)
      await Promise.all(
        keys.map(key => follow(key).catch((error: Error) => options.log?.(`cache ${key}: ${error.message}`))),
      )
      timer = setInterval(() => {
        if (isBusy) return
        isBusy = true
        void beat().finally(() => {
          isBusy = false
        })
      }, options.metricInterval ?? DEFAULT_METRICS_MS)
    },
    close: async () => {
      clearInterval(timer)
      await Promise.all(
        [...running.values()].map(async entry => {
          await entry.jobs
          await stopAll(entry)
        }),
      )
      running.clear()
    },
  }
}

async function stopAll(entry: Running): Promise<void> {
  const { nodes } = entry
  entry.nodes = []
  entry.looks.clear()
  await Promise.all(nodes.map(node => node.stop()))
  // It is a cache: what it held does not outlive its process.
  for (const { settings } of nodes) rmSync(settings.dir, { recursive: true, force: true })
}

async function emitNodes(options: FleetOptions, group: CacheGroup, entry: Running): Promise<void> {
  const { emitMetric } = options
  if (!emitMetric) return
  const at = performance.now()
  const looks = await Promise.all(
    entry.nodes.map(async node => ({ at, pid: node.pid, info: await node.info() })),
  )
  looks.forEach((look, index) => {
    const primary = looks[0]
    const port = entry.nodes[index]?.settings.port
    const lag = primary && port !== undefined && index > 0 ? lagOf(primary.info, port) : undefined
    for (const sample of samplesOf(entry.looks.get(index), look, lag))
      emitMetric({
        ...sample,
        region: group.region,
        namespace: 'AWS/ElastiCache',
        dimensions: { CacheClusterId: nodeName(group, index) },
      })
    entry.looks.set(index, look)
  })
}

async function portsFor(count: number, kept: readonly number[]): Promise<readonly number[]> {
  const servers = Array.from({ length: Math.max(0, count - kept.length) }, () => createServer())
  const fresh: number[] = []
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    fresh.push((server.address() as AddressInfo).port)
  }
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return [...kept.slice(0, count), ...fresh]
}
