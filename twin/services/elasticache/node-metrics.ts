import { NODE_BYTES } from './node.ts'

/** One sample of a node's metric, without the node. */
export type NodeSample = {
  readonly name: string
  readonly value: number
  readonly unit: 'Percent' | 'Count' | 'Seconds'
}

/** What `INFO` said, and when: milliseconds of the monotonic clock. */
export type Look = { readonly at: number; readonly pid: number; readonly info: ReadonlyMap<string, string> }

const MAIN_THREAD = ['used_cpu_sys_main_thread', 'used_cpu_user_main_thread'] as const

/**
 * What ElastiCache publishes of a node and `INFO` really tells. Counters and the processor's share are of the time
 * since the look before; at the first look at a process there is no such time, and they are left out.
 */
export function samplesOf(before: Look | undefined, now: Look, lag: number | undefined): NodeSample[] {
  const number = (look: Look, name: string) => Number(look.info.get(name) ?? 0)
  const samples: NodeSample[] = [
    {
      name: 'DatabaseMemoryUsagePercentage',
      value: (100 * number(now, 'used_memory')) / NODE_BYTES,
      unit: 'Percent',
    },
    // One of them is the connection that asks.
    {
      name: 'CurrConnections',
      value: Math.max(0, number(now, 'connected_clients') - 1),
      unit: 'Count',
    },
  ]
  if (before?.pid === now.pid) {
    const grown = (name: string) => Math.max(0, number(now, name) - number(before, name))
    const seconds = MAIN_THREAD.reduce((sum, name) => sum + grown(name), 0)
    const share = (100_000 * seconds) / Math.max(1, now.at - before.at)
    samples.push({ name: 'EngineCPUUtilization', value: Math.min(100, share), unit: 'Percent' })
    samples.push({ name: 'CacheHits', value: grown('keyspace_hits'), unit: 'Count' })
    samples.push({ name: 'CacheMisses', value: grown('keyspace_misses'), unit: 'Count' })
    samples.push({ name: 'Evictions', value: grown('evicted_keys'), unit: 'Count' })
  }
  if (now.info.get('role') === 'slave') {
    const isUp = now.info.get('master_link_status') === 'up'
    samples.push({ name: 'MasterLinkHealthStatus', value: isUp ? 1 : 0, unit: 'Count' })
    if (lag !== undefined) samples.push({ name: 'ReplicationLag', value: lag, unit: 'Seconds' })
  }
  return samples
}

/** Seconds since the replica at this port last told its primary how far it is; none while it is not in sync. */
export function lagOf(primary: ReadonlyMap<string, string>, port: number): number | undefined {
  for (const [name, value] of primary) {
    if (!/^slave\d+$/.test(name)) continue
    const fields = new Map(value.split(',').map(pair => pair.split('=') as [string, string]))
    if (fields.get('port') === String(port) && fields.get('state') === 'online')
      return Number(fields.get('lag') ?? 0)
  }
  return undefined
}
