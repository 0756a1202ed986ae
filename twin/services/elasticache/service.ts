import type { NodeGroup, ReplicationGroup } from '@aws-sdk/client-elasticache'
import * as schemas from '@aws-sdk/client-elasticache'
import { type Call, type Operation, type Service, WireError } from '../../wire/call.ts'
import { resourceTagContext, type ServiceDependencies } from '../dependencies.ts'
import { createFleet, type FleetOptions } from './fleet.ts'
import {
  accessLine,
  type CacheGroup,
  type CacheParameters,
  type CacheUser,
  type CacheUserGroup,
  nodeName,
} from './group.ts'

/** The twin's ElastiCache: it tells of the groups that were deployed and, with a server program, runs their nodes. */
export type ElastiCacheService = {
  readonly service: Service
  /** Writes a group down, or changes it, and returns it as it then is. @throws when a node does not start */
  put(group: CacheGroup): Promise<CacheGroup>
  remove(region: string, id: string): Promise<void>
  /** Writes a user, a group of users or parameters down; the nodes that have them follow. */
  putUser(user: CacheUser): Promise<void>
  putUserGroup(group: CacheUserGroup): Promise<void>
  putParameters(parameters: CacheParameters): Promise<void>
  /** Starts the nodes of an earlier life. */
  open(): Promise<void>
  close(): Promise<void>
}

const DEFAULT_POLICY = 'volatile-lru'

/** The ElastiCache of one twin, all regions. */
export function createElastiCache(dependencies: ServiceDependencies & FleetOptions): ElastiCacheService {
  const groups = dependencies.open<CacheGroup>('replication-groups')
  const users = dependencies.open<CacheUser>('users')
  const userGroups = dependencies.open<CacheUserGroup>('user-groups')
  const parameters = dependencies.open<CacheParameters>('parameter-groups')
  const fleet = createFleet(dependencies, {
    groups,
    usersOf: ({ region, userGroups: ids = [] }) =>
      ids
        .flatMap(id => userGroups.get(`${region}/${id}`)?.users ?? [])
        .flatMap(id => users.get(`${region}/${id}`) ?? [])
        .map(accessLine),
    evictionPolicyOf: ({ region, parameterGroup }) =>
      parameters.get(`${region}/${parameterGroup}`)?.values['maxmemory-policy'] ?? DEFAULT_POLICY,
  })
  const followRegion = async (region: string) => {
    for (const group of groups.values().filter(each => each.region === region))
      await fleet.follow(`${region}/${group.id}`)
  }
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
    put: async group => {
      const key = `${group.region}/${group.id}`
      const kept = groups.get(key)?.ports ?? []
      const ports = fleet.isAble ? await fleet.portsFor(group.replicas + 1, kept) : undefined
      const [port] = ports ?? []
      const next: CacheGroup = port
        ? { ...group, ports: ports ?? [], endpoint: { address: '127.0.0.1', port } }
        : group
      groups.set(key, next)
      await fleet.follow(key)
      return next
    },
    remove: async (region, id) => {
      groups.delete(`${region}/${id}`)
      await fleet.follow(`${region}/${id}`)
    },
    putUser: async user => {
      users.set(`${user.region}/${user.id}`, user)
      await followRegion(user.region)
    },
    putUserGroup: async group => {
      userGroups.set(`${group.region}/${group.id}`, group)
      await followRegion(group.region)
    },
    putParameters: async group => {
      parameters.set(`${group.region}/${group.name}`, group)
      await followRegion(group.region)
    },
    open: fleet.open,
    close: fleet.close,
  }
}

function show(group: CacheGroup, arn: string): ReplicationGroup {
  const Endpoint = { Address: group.endpoint.address, Port: group.endpoint.port }
  const at = (index: number) => {
    const port = group.ports?.[index]
    return port === undefined ? undefined : { Address: '127.0.0.1', Port: port }
  }
  const members = Array.from({ length: group.replicas + 1 }, (_, index) => ({
    CacheClusterId: nodeName(group, index),
    CacheNodeId: '0001',
    ReadEndpoint: at(index),
    CurrentRole: index === 0 ? 'primary' : 'replica',
    PreferredAvailabilityZone: `${group.region}${'abc'[index % 3]}`,
  }))
  const node: NodeGroup = {
    NodeGroupId: '0001',
    Status: group.status,
    PrimaryEndpoint: Endpoint,
    ReaderEndpoint: at(1) ?? Endpoint,
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
