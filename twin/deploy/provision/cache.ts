import type { ElastiCacheService } from '../../services/elasticache/service.ts'
import type { Desired, Physical, Provisioner } from '../provisioner.ts'

/** Cache clusters: they are described as they would be, and nothing answers at their address. */
export function cacheProvisioner(elasticache: ElastiCacheService): Provisioner {
  const put = async (desired: Desired): Promise<Physical> => {
    const { properties, region, tags } = desired
    const id = String(properties.ReplicationGroupId ?? desired.generatedName).toLowerCase()
    const host = `${id}.twin.cache.amazonaws.com`
    const port = Number(properties.Port ?? 6379)
    elasticache.put({
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
      tags,
    })
    return {
      ref: id,
      attributes: {
        'PrimaryEndPoint.Address': `master.${host}`,
        'PrimaryEndPoint.Port': String(port),
        'ReaderEndPoint.Address': `replica.${host}`,
        'ReaderEndPoint.Port': String(port),
        'ConfigurationEndPoint.Address': `clustercfg.${host}`,
        'ConfigurationEndPoint.Port': String(port),
      },
    }
  }
  return {
    kind: 'recorded',
    create: put,
    update: put,
    remove: async before => elasticache.remove(before.region, String(before.ref)),
  }
}
