import { join } from 'node:path'
import { socketFolder } from '../../postgres/cluster.ts'
import { type Endpoint, openEndpoint } from '../../postgres/endpoint.ts'
import { findProgram } from '../../state/program.ts'
import { clusterFolder } from './configuration.ts'
import { keyOf, type Rds } from './context.ts'
import { isIamProxy, poolConfig, poolSize, proxyHost } from './proxy-config.ts'
import { emitProxyMetrics, newProxyCounts, type ProxyCounts } from './proxy-metrics.ts'
import { type Pooler, type PoolSettings, startPooler } from './proxy-pooler.ts'
import { tagContext } from './questions.ts'
import type { InstanceRecord, ProxyRecord } from './records.ts'

/** The PgBouncer of this machine, and undefined when it has none. */
export const pgbouncer = () => findProgram('HOLDFAST_PGBOUNCER', 'pgbouncer')

/**
 * Who may enter a pool: members of rds_iam. A user with a password is refused, as by a proxy that authenticates by IAM
 * end to end.
 */
const USERS = `
select coalesce(json_agg(rolname order by rolname), '[]') as users
from pg_catalog.pg_roles
where rolcanlogin and not rolsuper and pg_catalog.pg_has_role(oid, 'rds_iam', 'member')`

/** What runs for one proxy. */
export type Front = {
  endpoint?: Endpoint
  pooler?: Pooler
  settings?: PoolSettings
  /** The process of the instance whose `max_connections` the settings are made of. */
  clusterPid?: number
  readonly counts: ProxyCounts
  jobs: Promise<void>
}

/** The data planes of all proxies. On a machine without PgBouncer there are none. */
export type ProxyFronts = {
  /** Whether clients can enter by this proxy. */
  readonly serves: (proxy: ProxyRecord) => boolean
  /** Brings what runs in line with the record of this key, which may be gone. Failures go to the log. */
  readonly follow: (key: string) => Promise<void>
  readonly open: () => Promise<void>
  readonly close: () => Promise<void>
}

const TICK_MS = 1000
const DEFAULT_METRICS_MS = 10_000

/** Keeps an endpoint and a PgBouncer for each proxy that authenticates by IAM end to end. */
export function createProxyFronts(getRds: () => Rds): ProxyFronts {
  const program = pgbouncer()
  const fronts = new Map<string, Front>()
  let timer: NodeJS.Timeout | undefined
  let isClosing = false

  const followNow = async (key: string) => {
    const rds = getRds()
    const proxy = rds.proxies.get(key)
    const front = fronts.get(key)
    if (!front || !program) return
    if (!proxy || isClosing) {
      await front.endpoint?.close()
      front.endpoint = undefined
      await rest(front)
      fronts.delete(key)
      return
    }
    await openFront(rds, front, key)
    await fill(rds, program, proxy, front)
  }
  const follow = async (key: string) => {
    const proxy = getRds().proxies.get(key)
    if (!program || (proxy && !isIamProxy(proxy))) return
    let front = fronts.get(key)
    if (!front) {
      if (!proxy) return
      front = { counts: newProxyCounts(), jobs: Promise.resolve() }
      fronts.set(key, front)
    }
    front.jobs = front.jobs
      .then(() => followNow(key))
      .catch((error: Error) => getRds().log(`proxy ${key}: ${error.stack ?? error.message}`))
    await front.jobs
  }
  const tick = () => {
    const rds = getRds()
    for (const [key, front] of fronts) {
      const proxy = rds.proxies.get(key)
      if (!proxy || front.counts.isBusy) continue
      front.counts.isBusy = true
      void beat(rds, proxy, front, () => follow(key)).finally(() => {
        front.counts.isBusy = false
      })
    }
  }
  return {
    serves: proxy => program !== undefined && isIamProxy(proxy),
    follow,
    open: async () => {
      const rds = getRds()
      if (!program) return
      await Promise.all(rds.proxies.values().map(({ region, name }) => follow(keyOf(region, name))))
      timer = setInterval(tick, TICK_MS)
    },
    close: async () => {
      clearInterval(timer)
      isClosing = true
      await Promise.all([...fronts.keys()].map(follow))
    },
  }
}

/** The instance behind a proxy, if it is there. */
export const targetOf = (rds: Rds, proxy: ProxyRecord): InstanceRecord | undefined =>
  proxy.targets[0] === undefined ? undefined : rds.instances.get(keyOf(proxy.region, proxy.targets[0]))

async function rest(front: Front): Promise<void> {
  const { pooler } = front
  front.pooler = undefined
  front.settings = undefined
  front.clusterPid = undefined
  await pooler?.stop()
}

async function openFront(rds: Rds, front: Front, key: string): Promise<void> {
  const proxy = rds.proxies.get(key)
  if (!proxy || front.endpoint) return
  const current = () => rds.proxies.get(key) ?? proxy
  const rules = {
    region: proxy.region,
    certificate: rds.options.certificate,
    names: [proxyHost(proxy)],
    backend: () => (front.pooler?.isRunning() ? front.pooler : undefined),
    forceSsl: () => current().shown.RequireTLS === true,
    iamEnabled: () => true,
    findKey: rds.options.findKey,
    mayConnect: (principal: Parameters<Rds['options']['mayConnect']>[0], user: string) =>
      front.settings?.users.includes(user) === true && mayEnter(rds, current(), principal, user),
    // A proxy carries no replication.
    prepareReplication: async () => false,
    onRefused: (sqlState: string) => {
      // 28: the endpoint's and PostgreSQL's refusals of a login; 08P01: PgBouncer's, for a user it may not let in.
      if (sqlState.startsWith('28') || sqlState === '08P01') front.counts.refusedLogins += 1
    },
    log: (line: string) => rds.log(`proxy ${proxy.name}: ${line}`),
  }
  // Clients keep the address over restarts of the twin; only when another program took the port is there a new one.
  const endpoint = await openEndpoint(rules, proxy.hostPort).catch(error => {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return openEndpoint(rules)
  })
  front.endpoint = endpoint
  rds.proxies.set(key, { ...current(), hostPort: endpoint.port })
}

/**
 * The caller must be allowed to connect to the proxy as this user, and the proxy's role to the instance, which must
 * take IAM logins. PgBouncer's own user would be let into its console by some systems: it never enters.
 */
async function mayEnter(
  rds: Rds,
  proxy: ProxyRecord,
  principal: Parameters<Rds['options']['mayConnect']>[0],
  user: string,
): Promise<boolean> {
  const target = targetOf(rds, proxy)
  if (user === 'pgbouncer' || !target?.shown.IAMDatabaseAuthenticationEnabled) return false
  const resource = (id: string) =>
    `arn:aws:rds-db:${proxy.region}:${rds.options.account}:dbuser:${id}/${user}`
  const role = String(proxy.shown.RoleArn ?? '')
  const mayRole =
    rds.options.mayRoleConnect?.(
      role,
      resource(target.resourceId),
      proxy.region,
      tagContext('aws:ResourceTag', target.tags),
    ) ?? true
  if (!mayRole)
    rds.log(`proxy ${proxy.name}: ${role} is not allowed rds-db:connect on ${target.id} as ${user}`)
  return (
    mayRole &&
    (await rds.options.mayConnect(principal, resource(proxy.id), tagContext('aws:ResourceTag', proxy.tags)))
  )
}

/** Starts, changes or ends the PgBouncer, after what the proxy's target and its pool's settings are now. */
async function fill(rds: Rds, program: string, proxy: ProxyRecord, front: Front): Promise<void> {
  const target = targetOf(rds, proxy)
  if (!target) {
    front.endpoint?.cut()
    return rest(front)
  }
  const cluster = rds.hosts.get(target.resourceId)?.cluster
  // While the instance is down the pool stays as it is and its clients wait.
  if (!cluster?.isRunning()) return
  const [row] = await cluster.query("select pg_catalog.current_setting('max_connections')::int as allowed")
  const [roles] = await cluster.query(USERS)
  const { ConnectionBorrowTimeout, InitQuery } = poolConfig(proxy)
  const settings: PoolSettings = {
    users: roles?.users as string[],
    backend: socketFolder(clusterFolder(rds, target.resourceId)),
    size: poolSize(proxy, Number(row?.allowed)),
    borrowTimeout: ConnectionBorrowTimeout,
    idleClientTimeout: Number(proxy.shown.IdleClientTimeout),
    ...(InitQuery ? { initQuery: InitQuery } : {}),
  }
  if (!front.pooler?.isRunning()) {
    await rest(front)
    const dir = join(rds.options.root, 'pools', proxy.id)
    front.pooler = await startPooler(program, dir, settings, rds.options.watch)
  } else if (JSON.stringify(settings) !== JSON.stringify(front.settings)) front.pooler.reload(settings)
  front.settings = settings
  front.clusterPid = cluster.pid
}

/** Each second: follows the instance to its new process, comes back after a crash of its own, counts and emits. */
async function beat(rds: Rds, proxy: ProxyRecord, front: Front, follow: () => Promise<void>): Promise<void> {
  const { counts } = front
  const isLost = rds.faults.lostRegions.has(proxy.region)
  if (isLost !== counts.isLost) front.endpoint?.setReachable(!isLost)
  counts.isLost = isLost
  const target = targetOf(rds, proxy)
  if (!target) return
  const cluster = rds.hosts.get(target.resourceId)?.cluster
  const isUp = cluster?.isRunning() === true && !isLost
  if (isUp && (await isBehind(rds, target, front, cluster.pid))) await follow()
  counts.looks += 1
  if (isUp && front.pooler?.isRunning()) counts.up += 1
  const now = Date.now()
  if (now - counts.lastEmitted < (rds.options.metricInterval ?? DEFAULT_METRICS_MS)) return
  counts.lastEmitted = now
  try {
    await emitProxyMetrics(rds, proxy, target, front)
  } catch (error) {
    // A pooler that is going down or coming up: the next round asks again.
    rds.log(`proxy ${proxy.name}: no metrics: ${(error as Error).message}`)
  }
}

/** Whether the pool is not what the instance asks for now: another process, other users, or no pooler. */
async function isBehind(
  rds: Rds,
  target: InstanceRecord,
  front: Front,
  clusterPid: number,
): Promise<boolean> {
  if (!front.pooler?.isRunning() || front.clusterPid !== clusterPid) return true
  try {
    // Over the connection of the instance's pulse: a new one each second would be much for a look.
    const found = await rds.hosts.get(target.resourceId)?.client?.query(USERS)
    return (
      found !== undefined && JSON.stringify(found.rows[0]?.users) !== JSON.stringify(front.settings?.users)
    )
  } catch (error) {
    rds.log(`${target.id}: cannot read who may enter the pool: ${(error as Error).message}`)
    return false
  }
}
