import type { EnvironmentConfig } from '../../config/schema.ts'
import { type AlarmRow, type Metric, metric, row } from './row.ts'

const NAMESPACE = 'AWS/ElastiCache'
const AWS = 'AWS, "Recommended alarms", Amazon ElastiCache'
/** Clients a node accepts ("Quotas for ElastiCache"). */
const MOST_CLIENTS = 65_000

/** The cache: each node, and the hit ratio of all together. Nothing here pages but a cache that is gone: the database carries on. */
export function cacheRows(config: EnvironmentConfig): AlarmRow[] {
  if (!config.cache.enabled) return []
  const nodes = Array.from(
    { length: config.cache.nodes },
    (_, index) => `${config.name}-${String(index + 1).padStart(3, '0')}`,
  )
  return [
    ...nodes.flatMap(node => nodeRows(node, node.slice(config.name.length), nodes.length)),
    ...hitRows(nodes),
  ]
}

function nodeRows(node: string, suffix: string, nodes: number): AlarmRow[] {
  const of = (name: string, statistic: string) => metric(NAMESPACE, name, { CacheClusterId: node }, statistic)
  const rows = [
    row(`cache-engine-cpu${suffix}`, of('EngineCPUUtilization', 'Average'), {
      article: 'cache-load',
      severity: 'page',
      bad: 'above',
      threshold: 90,
      unit: 'percent',
      when: [5, 5],
      summary: `cache node ${node} is saturated or silent`,
      derivation: AWS,
      awsRecommends: 'average above 90 %, 5 of 5 minutes',
    }),
    row(`cache-memory${suffix}`, of('DatabaseMemoryUsagePercentage', 'Maximum'), {
      article: 'cache-memory',
      severity: 'warn',
      bad: 'above',
      threshold: 90,
      unit: 'percent',
      when: [5, 5],
      missing: 'missing',
      summary: `cache node ${node} is full and evicts what is still wanted`,
      derivation: 'a tenth is left for replication buffers and fork copies; the bound is ours',
      awsRecommends: '5 of 5 minutes, the bound left to the owner',
    }),
    row(`cache-swap${suffix}`, of('SwapUsage', 'Maximum'), {
      article: 'cache-memory',
      severity: 'warn',
      bad: 'above',
      threshold: 50 * 1024 ** 2,
      unit: 'bytes',
      when: [5, 5],
      missing: 'missing',
      summary: `cache node ${node} swaps`,
      derivation: 'AWS, "Which metrics should I monitor": not above 50 MB',
    }),
    row(`cache-clients${suffix}`, of('CurrConnections', 'Maximum'), {
      article: 'cache-load',
      severity: 'warn',
      bad: 'above',
      threshold: MOST_CLIENTS * 0.8,
      unit: 'count',
      when: [10, 10],
      missing: 'missing',
      summary: `cache node ${node} holds four fifths of the clients it can`,
      derivation: `80 % of the ${MOST_CLIENTS} clients of a node`,
      awsRecommends: '10 of 10 minutes, the bound left to the owner',
    }),
  ]
  if (nodes === 1) return rows
  return [
    ...rows,
    row(`cache-lag${suffix}`, of('ReplicationLag', 'Maximum'), {
      article: 'cache-lag',
      severity: 'warn',
      bad: 'above',
      threshold: 10,
      unit: 'seconds',
      when: [15, 15],
      missing: 'notBreaching',
      summary: `cache node ${node} is behind its primary: a failover would lose that much`,
      derivation: 'the bound of the database replicas; only replicas report it',
      awsRecommends: '15 of 15 minutes, the bound left to the owner',
    }),
    row(`cache-link${suffix}`, of('MasterLinkHealthStatus', 'Minimum'), {
      article: 'cache-lag',
      severity: 'warn',
      bad: 'below',
      threshold: 1,
      unit: 'healthy',
      when: [3, 3],
      missing: 'notBreaching',
      summary: `cache node ${node} lost its primary`,
      derivation: 'the metric is 1 while the link stands',
      causes: [`cache-engine-cpu${suffix}`],
    }),
  ]
}

/** The ratio is made of hits and misses: CacheHitRate of one node says nothing of the group. */
function hitRows(nodes: readonly string[]): AlarmRow[] {
  const metrics: Record<string, Metric> = {}
  nodes.forEach((node, index) => {
    metrics[`h${index}`] = {
      namespace: NAMESPACE,
      name: 'CacheHits',
      dimensions: { CacheClusterId: node },
      statistic: 'Sum',
    }
    metrics[`m${index}`] = {
      namespace: NAMESPACE,
      name: 'CacheMisses',
      dimensions: { CacheClusterId: node },
      statistic: 'Sum',
    }
  })
  const sum = (letter: string) => nodes.map((_, index) => `FILL(${letter}${index}, 0)`).join(' + ')
  const signal = {
    kind: 'math' as const,
    expression: `100 * (${sum('h')}) / (${sum('h')} + ${sum('m')})`,
    metrics,
  }
  return [
    row('cache-misses', signal, {
      article: 'cache-hits',
      severity: 'warn',
      bad: 'below',
      threshold: 70,
      unit: 'percent',
      when: [15, 15],
      missing: 'missing',
      summary: 'three of ten reads miss the cache and fall on the database',
      derivation: 'warning of the availability plan: more than 30 % misses',
    }),
    row('cache-hits-low', signal, {
      article: 'cache-hits',
      severity: 'warn',
      bad: 'below',
      threshold: 90,
      unit: 'percent',
      when: [60, 60],
      missing: 'missing',
      summary: 'the cache serves less than nine of ten reads',
      derivation: 'goal of the capacity plan: 90 % hits',
      causes: ['cache-misses'],
      awsRecommends: 'a hit rate of about 0.8 ("Which metrics should I monitor")',
    }),
  ]
}
