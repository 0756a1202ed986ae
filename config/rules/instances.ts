import { INSTANCE_CLASSES, maxConnections } from '../classes.ts'
import type { EnvironmentConfig } from '../schema.ts'
import { VERSIONS } from '../versions.ts'
import { type Rule, when } from './rule.ts'

type Place = { readonly path: string; readonly name: string }

/** Every instance class that the config names, the primary first. */
function places(config: EnvironmentConfig): Place[] {
  const { database, standby } = config
  return [
    { path: 'database.instance', name: database.instance },
    ...database.replicas.flatMap((replica, index) =>
      replica.instance ? [{ path: `database.replicas[${index}].instance`, name: replica.instance }] : [],
    ),
    ...(standby.instance ? [{ path: 'standby.instance', name: standby.instance }] : []),
  ]
}

const mustBeClasses: Rule = config =>
  places(config).flatMap(({ path, name }) =>
    when(
      !INSTANCE_CLASSES.has(name),
      path,
      name,
      'this is no instance class that we know',
      hintForClass(name),
    ),
  )

function hintForClass(name: string): string {
  const bare = name.replace(/^db\./, '')
  if (INSTANCE_CLASSES.has(bare)) return `write it without "db.": "${bare}"`
  const [family] = bare.split('.')
  const sizes = [...INSTANCE_CLASSES.values()].filter(each => each.family === family).map(each => each.name)
  const families = [...new Set([...INSTANCE_CLASSES.values()].map(each => each.family))]
  return sizes.length > 0
    ? `choose one of: ${sizes.join(', ')}`
    : `choose a class of: ${families.join(', ')}, such as "r6g.xlarge"`
}

const mustFollowThePrimary: Rule = config => {
  const primary = config.database.instance
  if (!INSTANCE_CLASSES.has(primary)) return []
  return places(config)
    .slice(1)
    .filter(({ name }) => INSTANCE_CLASSES.has(name))
    .flatMap(({ path, name }) =>
      when(
        maxConnections(name) < maxConnections(primary),
        path,
        name,
        `it holds ${maxConnections(name)} connections and its source ${primary} holds ${maxConnections(primary)}: PostgreSQL stops replay on a standby whose max_connections is lower`,
        `choose a class with at least the memory of ${primary}`,
      ),
    )
}

/** RDS for PostgreSQL: replicas of one source, those in other regions included. */
const MOST_REPLICAS = 15

const mustNotHaveTooManyReplicas: Rule = ({ database, standby }) => {
  const count = database.replicas.length + (standby.enabled ? 1 : 0)
  return when(
    count > MOST_REPLICAS,
    'database.replicas',
    database.replicas.length,
    `a source has at most ${MOST_REPLICAS} replicas, these are ${count}${standby.enabled ? ' with the standby' : ''}`,
    `remove ${count - MOST_REPLICAS}`,
  )
}

const mustHaveNoManagedPassword: Rule = ({ database, standby }) =>
  when(
    database.password === 'rds-managed' && (database.replicas.length > 0 || standby.enabled),
    'database.password',
    database.password,
    'RDS for PostgreSQL cannot create a read replica of an instance whose master password it manages itself',
    'use "rotated-secret"',
  )

const mustBeAVersion: Rule = ({ database }) => {
  const [major = '', minor] = database.engineVersion.split('.')
  const newest = VERSIONS[major]
  if (newest === undefined)
    return when(
      true,
      'database.engineVersion',
      database.engineVersion,
      `PostgreSQL ${major} is not supported: want one of ${Object.keys(VERSIONS).join(', ')}`,
      'use "18"',
    )
  return when(
    minor !== undefined && (Number(minor) < 1 || Number(minor) > newest),
    'database.engineVersion',
    database.engineVersion,
    `RDS offers ${major}.1 to ${major}.${newest}`,
    `use "${major}" for the newest that RDS chooses, or "${major}.${newest}"`,
  )
}

/** Connections that stay outside the pool: RDS's own, three reserved ones, and our functions while they compare. */
const OUTSIDE_THE_POOL = 20

const poolMustLeaveRoom: Rule = ({ database, pool }) => {
  if (!pool.enabled || !INSTANCE_CLASSES.has(database.instance)) return []
  const all = maxConnections(database.instance)
  const left = Math.floor((all * (100 - pool.maxConnectionsPercent)) / 100)
  return when(
    left < OUTSIDE_THE_POOL,
    'pool.maxConnectionsPercent',
    pool.maxConnectionsPercent,
    `the pool would leave ${left} of ${all} connections: heartbeats, drills and a person in need would be refused`,
    `leave at least ${OUTSIDE_THE_POOL}: at most ${Math.floor((1 - OUTSIDE_THE_POOL / all) * 100)} on ${database.instance}`,
  )
}

const poolMustWaitWithinLimits: Rule = ({ pool }) => [
  // Both from RDS Proxy's API: an hour for a borrow, eight hours for an idle client.
  ...when(
    pool.enabled && (pool.borrowTimeout < 1 || pool.borrowTimeout > 3_600),
    'pool.borrowTimeout',
    pool.borrowTimeout,
    'RDS Proxy waits between 1 second and 1 hour for a connection',
    'use "10s"',
  ),
  ...when(
    pool.enabled && (pool.idleClientTimeout < 1 || pool.idleClientTimeout > 28_800),
    'pool.idleClientTimeout',
    pool.idleClientTimeout,
    'RDS Proxy keeps an idle client between 1 second and 8 hours',
    'use "30m"',
  ),
]

const BURSTABLE_NODE = /^(t3|t4g)\.(micro|small|medium)$/
const NODE = /^(m5|m6g|m7g|m8g|r5|r6g|r6gd|r7g|r8g|c7gn|c8gn)\.(large|xlarge|(2|4|8|12|16|24)xlarge)$/

/** Whether ElastiCache has a node type of that name for Valkey ("Supported node types" in its User Guide). */
export function isCacheNode(name: string): boolean {
  return BURSTABLE_NODE.test(name) || NODE.test(name)
}

const cacheMustBeANode: Rule = ({ cache }) =>
  when(
    cache.enabled && !isCacheNode(cache.node),
    'cache.node',
    cache.node,
    'this is no node type of ElastiCache for Valkey',
    cache.node.startsWith('cache.')
      ? `write it without "cache.": "${cache.node.slice('cache.'.length)}"`
      : 'choose one such as "t4g.small", "m7g.large" or "r7g.large"',
  )

/** Valkey versions of ElastiCache. */
const VALKEY = ['7.2', '8.0', '8.1']

const cacheMustBeAVersion: Rule = ({ cache }) =>
  when(
    cache.enabled && !VALKEY.includes(cache.engineVersion),
    'cache.engineVersion',
    cache.engineVersion,
    `ElastiCache offers Valkey ${VALKEY.join(', ')}`,
    'use "8.1"',
  )

const cacheMustFailOver: Rule = ({ cache, database }) =>
  when(
    cache.enabled && database.multiAz && cache.nodes < 2,
    'cache.nodes',
    cache.nodes,
    'the database is Multi-AZ and the cache has one node: with its zone all load falls on the database at once',
    'use at least 2 nodes',
  )

/** Classes, replicas, versions, the pool and the cache: what RDS or ElastiCache refuse, or do silently wrong. */
export const INSTANCES: readonly Rule[] = [
  mustBeClasses,
  mustFollowThePrimary,
  mustNotHaveTooManyReplicas,
  mustHaveNoManagedPassword,
  mustBeAVersion,
  poolMustLeaveRoom,
  poolMustWaitWithinLimits,
  cacheMustBeANode,
  cacheMustBeAVersion,
  cacheMustFailOver,
]
