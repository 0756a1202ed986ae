import { cacheServer, speaksTls } from '../../services/elasticache/fleet.ts'
import type { ElastiCacheService } from '../../services/elasticache/service.ts'
import type { Desired, Physical, Provisioner } from '../provisioner.ts'

/**
 * Cache clusters with their users and parameters. With Valkey or Redis on this machine the nodes run; without, they
 * are described as they would be, and nothing answers at their address.
 */
export function cacheProvisioners(elasticache: ElastiCacheService): Record<string, Provisioner> {
  const program = cacheServer()
  const isAble = program !== undefined
  const state = isAble
    ? ({ kind: 'real' } as const)
    : ({ kind: 'recorded', missing: 'valkey-server or redis-server' } as const)
  const provisioner = (
    put: (desired: Desired) => Promise<Physical>,
    more: Pick<Provisioner, 'remove' | 'limits'> = {},
  ): Provisioner => ({
    ...state,
    ...(isAble && more.limits ? { limits: more.limits } : {}),
    create: put,
    update: put,
    remove: more.remove ?? (async () => {}),
  })
  return {
    'AWS::ElastiCache::ParameterGroup': provisioner(desired => putParameters(elasticache, desired), {
      limits: 'of which only maxmemory-policy counts',
    }),
    'AWS::ElastiCache::User': provisioner(desired => putUser(elasticache, desired), {
      limits: 'whose IAM tokens are not checked',
    }),
    'AWS::ElastiCache::UserGroup': provisioner(desired => putUserGroup(elasticache, desired)),
    'AWS::ElastiCache::ReplicationGroup': provisioner(desired => putGroup(elasticache, desired, isAble), {
      limits: `64 MiB a node, no failover${program && !speaksTls(program) ? ', without TLS' : ''}`,
      remove: before => elasticache.remove(before.region, String(before.ref)),
    }),
  }
}

async function putParameters(elasticache: ElastiCacheService, desired: Desired): Promise<Physical> {
  const { properties, region, generatedName } = desired
  const name = String(properties.CacheParameterGroupName ?? generatedName).toLowerCase()
  await elasticache.putParameters({ name, region, values: properties.Properties ?? {} })
  return { ref: name, attributes: { CacheParameterGroupName: name } }
}

async function putUser(elasticache: ElastiCacheService, desired: Desired): Promise<Physical> {
  const { properties, region, account } = desired
  const id = String(properties.UserId)
  await elasticache.putUser({
    id,
    region,
    name: String(properties.UserName),
    access: String(properties.AccessString ?? 'off'),
    passwords: properties.Passwords ?? properties.AuthenticationMode?.Passwords ?? [],
  })
  return {
    ref: id,
    attributes: { Arn: `arn:aws:elasticache:${region}:${account}:user:${id}`, Status: 'active' },
  }
}

async function putUserGroup(elasticache: ElastiCacheService, desired: Desired): Promise<Physical> {
  const { properties, region, account } = desired
  const id = String(properties.UserGroupId)
  await elasticache.putUserGroup({ id, region, users: properties.UserIds ?? [] })
  return {
    ref: id,
    attributes: { Arn: `arn:aws:elasticache:${region}:${account}:usergroup:${id}`, Status: 'active' },
  }
}

async function putGroup(
  elasticache: ElastiCacheService,
  desired: Desired,
  isAble: boolean,
): Promise<Physical> {
  const { properties, region, tags } = desired
  const id = String(properties.ReplicationGroupId ?? desired.generatedName).toLowerCase()
  // It names folders.
  if (!/^[a-z](-?[a-z0-9])*$/.test(id) || id.length > 40)
    throw new Error(
      `ReplicationGroupId ${JSON.stringify(id)} is not 1 to 40 letters, digits and single hyphens`,
    )
  const host = `${id}.twin.cache.amazonaws.com`
  const port = Number(properties.Port ?? 6379)
  const group = await elasticache.put({
    id,
    region,
    description: String(properties.ReplicationGroupDescription),
    engine: String(properties.Engine ?? 'redis'),
    nodeType: String(properties.CacheNodeType),
    replicas: Number(properties.NumCacheClusters ?? 1) - 1,
    multiAz: properties.MultiAZEnabled === true,
    encryptedInTransit: properties.TransitEncryptionEnabled === true,
    encryptedAtRest: properties.AtRestEncryptionEnabled === true,
    ...(properties.KmsKeyId ? { keyArn: properties.KmsKeyId } : {}),
    status: 'available',
    endpoint: { address: `master.${host}`, port },
    userGroups: properties.UserGroupIds ?? [],
    ...(properties.CacheParameterGroupName
      ? { parameterGroup: String(properties.CacheParameterGroupName) }
      : {}),
    tags,
  })
  return {
    ref: id,
    attributes: {
      'PrimaryEndPoint.Address': group.endpoint.address,
      'PrimaryEndPoint.Port': String(group.endpoint.port),
      'ReaderEndPoint.Address': isAble ? group.endpoint.address : `replica.${host}`,
      'ReaderEndPoint.Port': String(group.ports?.[1] ?? group.endpoint.port),
      'ConfigurationEndPoint.Address': isAble ? group.endpoint.address : `clustercfg.${host}`,
      'ConfigurationEndPoint.Port': String(group.endpoint.port),
    },
  }
}
