import type { NodeGroup, ReplicationGroup } from '@aws-sdk/client-elasticache'
import * as schemas from '@aws-sdk/client-elasticache'
import { type Call, type Operation, type Service, WireError } from '../../wire/call.ts'
import { resourceTagContext, type ServiceDependencies } from '../dependencies.ts'

/** A replication group as the deployment wrote it down. It has a data plane only where `endpoint` is a live one. */
export type CacheGroup = {
  readonly id: string
  readonly region: string
  readonly description: string
  readonly engine: string
  readonly nodeType: string
  readonly replicas: number
  readonly multiAz: boolean
  readonly encryptedInTransit: boolean
  readonly encryptedAtRest: boolean
  readonly keyArn?: string
  readonly status: 'available' | 'creating' | 'modifying' | 'deleting'
  readonly endpoint: { readonly address: string; readonly port: number }
  readonly tags: Readonly<Record<string, string>>
}

/** The twin's ElastiCache: it tells of the groups that were deployed. */
export type ElastiCacheService = {
  readonly service: Service
  /** Writes a group down, or changes it. */
  put(group: CacheGroup): void
  remove(region: string, id: string): void
}

/** The ElastiCache of one twin, all regions. */
export function createElastiCache(dependencies: ServiceDependencies): ElastiCacheService {
  const groups = dependencies.open<CacheGroup>('replication-groups')
  const arnOf = (region: string, id: string) =>
    `arn:aws:elasticache:${region}:${dependencies.account}:replicationgroup:${id}`
  const find = (id: string, call: Call) => {
    const found = groups.get(`${call.region}/${id}`)
    if (!found) throw new WireError('ReplicationGroupNotFoundFault', `ReplicationGroup ${id} not found.`, 404)
    return found
  }
  const describe: Operation = {
    questions: (input: { ReplicationGroupId?: string }, call) => [
      {
        action: 'elasticache:DescribeReplicationGroups',
        resource: arnOf(call.region, input.ReplicationGroupId ?? '*'),
        context: resourceTagContext(groups.get(`${call.region}/${input.ReplicationGroupId}`)?.tags),
      },
    ],
    run: (input: { ReplicationGroupId?: string }, call) => ({
      ReplicationGroups: (input.ReplicationGroupId
        ? [find(input.ReplicationGroupId, call)]
        : groups.values().filter(({ region }) => region === call.region)
      ).map(group => show(group, arnOf(group.region, group.id))),
    }),
  }
  const tags: Operation = {
    questions: (input: { ResourceName?: string }) => [
      { action: 'elasticache:ListTagsForResource', resource: input.ResourceName ?? '' },
    ],
    run: (input: { ResourceName?: string }, call) => ({
      TagList: Object.entries(find(input.ResourceName?.split(':').at(-1) ?? '', call).tags).map(
        ([Key, Value]) => ({ Key, Value }),
      ),
    }),
  }
  return {
    service: {
      name: 'elasticache',
      schemas,
      protocol: 'query',
      operations: { DescribeReplicationGroups: describe, ListTagsForResource: tags },
    },
    put: group => groups.set(`${group.region}/${group.id}`, group),
    remove: (region, id) => groups.delete(`${region}/${id}`),
  }
}

function show(group: CacheGroup, arn: string): ReplicationGroup {
  const Endpoint = { Address: group.endpoint.address, Port: group.endpoint.port }
  const members = Array.from({ length: group.replicas + 1 }, (_, index) => ({
    CacheClusterId: `${group.id}-${String(index + 1).padStart(3, '0')}`,
    CacheNodeId: '0001',
    CurrentRole: index === 0 ? 'primary' : 'replica',
    PreferredAvailabilityZone: `${group.region}${'abc'[index % 3]}`,
  }))
  const node: NodeGroup = {
    NodeGroupId: '0001',
    Status: group.status,
    PrimaryEndpoint: Endpoint,
    ReaderEndpoint: Endpoint,
    NodeGroupMembers: members,
  }
  return {
    ReplicationGroupId: group.id,
    ARN: arn,
    Description: group.description,
    Status: group.status,
    Engine: group.engine,
    CacheNodeType: group.nodeType,
    MemberClusters: members.map(({ CacheClusterId }) => CacheClusterId),
    NodeGroups: [node],
    AutomaticFailover: group.replicas > 0 ? 'enabled' : 'disabled',
    MultiAZ: group.multiAz ? 'enabled' : 'disabled',
    ClusterEnabled: false,
    TransitEncryptionEnabled: group.encryptedInTransit,
    AtRestEncryptionEnabled: group.encryptedAtRest,
    KmsKeyId: group.keyArn,
  }
}
