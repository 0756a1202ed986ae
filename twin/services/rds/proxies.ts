import type * as rdsTypes from '@aws-sdk/client-rds'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { arnOf, findInstance, keyOf, type Rds } from './context.ts'
import { checkIdentifier, newResourceId } from './identifiers.ts'
import { filter, page } from './paging.ts'
import { DEFAULT_GROUP, poolConfig, proxyHost } from './proxy-config.ts'
import { onArn, tagContext } from './questions.ts'
import type { ProxyRecord } from './records.ts'
import { newTags } from './tags.ts'

const MAX_PROXIES = 20

function find(rds: Rds, call: Call, name: string | undefined): ProxyRecord {
  const id = (name ?? '').toLowerCase()
  const found = rds.proxies.get(keyOf(call.region, id))
  if (!found) throw new WireError('DBProxyNotFoundFault', `DB proxy ${id} doesn't exist.`, 404)
  return found
}

const arn = (rds: Rds, proxy: ProxyRecord) => arnOf(rds, proxy.region, 'db-proxy', proxy.id)

/**
 * Where clients go. RDS has no port to tell, since its proxies have but one; here it is part of the address. Without
 * a pooler the name says where RDS would put the proxy, and nothing answers there.
 */
const endpointOf = (rds: Rds, proxy: ProxyRecord) =>
  rds.fronts.serves(proxy) && proxy.hostPort ? `127.0.0.1:${proxy.hostPort}` : proxyHost(proxy)

function describe(rds: Rds, proxy: ProxyRecord): rdsTypes.DBProxy {
  return {
    ...(proxy.shown as rdsTypes.DBProxy),
    DBProxyName: proxy.name,
    DBProxyArn: arn(rds, proxy),
    Status: proxy.status as rdsTypes.DBProxyStatus,
    Endpoint: endpointOf(rds, proxy),
    CreatedDate: new Date(proxy.createdAt),
    UpdatedDate: new Date(proxy.updatedAt),
  }
}

function describeTargets(rds: Rds, proxy: ProxyRecord): rdsTypes.DBProxyTarget[] {
  return proxy.targets.map(id => {
    const instance = rds.instances.get(keyOf(proxy.region, id))
    const isUp = instance?.status === 'available'
    return {
      RdsResourceId: id,
      Endpoint: '127.0.0.1',
      Port: instance?.hostPort,
      Type: 'RDS_INSTANCE',
      Role: 'READ_WRITE',
      TargetHealth: isUp
        ? { State: 'AVAILABLE' }
        : {
            State: 'UNAVAILABLE',
            Reason: 'UNREACHABLE',
            Description: `The instance is ${instance?.status ?? 'gone'}.`,
          },
    }
  })
}

const describeGroup = (rds: Rds, proxy: ProxyRecord): rdsTypes.DBProxyTargetGroup => ({
  DBProxyName: proxy.name,
  TargetGroupName: DEFAULT_GROUP,
  TargetGroupArn: arnOf(rds, proxy.region, 'target-group', `prx-tg-${proxy.id.slice(4)}`),
  IsDefault: true,
  Status: 'available',
  ConnectionPoolConfig: poolConfig(proxy),
  CreatedDate: new Date(proxy.createdAt),
  UpdatedDate: new Date(proxy.updatedAt),
})

async function createProxy(rds: Rds, input: rdsTypes.CreateDBProxyRequest, call: Call) {
  const name = checkIdentifier('DBProxyName', input.DBProxyName)
  if (rds.proxies.has(keyOf(call.region, name)))
    throw new WireError('DBProxyAlreadyExistsFault', `DB proxy ${name} already exists.`)
  if (rds.proxies.values().filter(each => each.region === call.region).length >= MAX_PROXIES)
    throw new WireError('DBProxyQuotaExceededFault', `Cannot create more than ${MAX_PROXIES} proxies.`)
  if (input.EngineFamily !== 'POSTGRESQL')
    throw new WireError(
      'InvalidParameterValue',
      `Invalid EngineFamily ${input.EngineFamily}. The twin has POSTGRESQL.`,
    )
  const { DBProxyName: _, Tags, Auth = [], ...rest } = input
  const proxy: ProxyRecord = {
    region: call.region,
    name,
    id: newResourceId('prx-').toLowerCase(),
    createdAt: rds.now(),
    updatedAt: rds.now(),
    status: 'available',
    shown: {
      RequireTLS: false,
      IdleClientTimeout: 1800,
      DebugLogging: false,
      DefaultAuthScheme: 'NONE',
      ...rest,
      VpcSubnetIds: input.VpcSubnetIds ?? [],
      VpcSecurityGroupIds: input.VpcSecurityGroupIds ?? [],
      Auth: Auth.map(each => ({ AuthScheme: 'SECRETS', IAMAuth: 'DISABLED', ...each })),
    },
    targets: [],
    pool: {},
    tags: newTags(Tags),
  }
  return { DBProxy: describe(rds, await keep(rds, proxy)) }
}

/** Records a proxy and has what runs for it follow; returns the record as it is then. */
async function keep(rds: Rds, proxy: ProxyRecord): Promise<ProxyRecord> {
  const key = keyOf(proxy.region, proxy.name)
  rds.proxies.set(key, proxy)
  await rds.fronts.follow(key)
  return rds.proxies.get(key) ?? proxy
}

async function registerTargets(rds: Rds, input: rdsTypes.RegisterDBProxyTargetsRequest, call: Call) {
  const proxy = find(rds, call, input.DBProxyName)
  const [id, ...more] = input.DBInstanceIdentifiers ?? []
  if (id === undefined || more.length > 0 || (input.DBClusterIdentifiers ?? []).length > 0)
    throw new WireError('InvalidParameterCombination', 'Exactly one instance can be registered.')
  const instance = findInstance(rds, call.region, id)
  if (instance.source)
    throw new WireError(
      'InvalidDBInstanceState',
      `DB instance ${instance.id} is a read replica: a proxy serves the writer only.`,
    )
  if (proxy.targets.length > 0)
    throw new WireError('DBProxyTargetAlreadyRegisteredFault', `DB proxy ${proxy.name} already has a target.`)
  const next = { ...proxy, targets: [instance.id], updatedAt: rds.now() }
  return { DBProxyTargets: describeTargets(rds, await keep(rds, next)) }
}

/**
 * The proxy family. What is asked for is recorded, refused where RDS refuses it and described; on a machine with
 * PgBouncer each proxy with a target also serves.
 */
export function proxyOperations(rds: Rds): Record<string, Operation> {
  const on = (action: string) => (input: { DBProxyName?: string }, call: Call) => {
    const proxy = rds.proxies.get(keyOf(call.region, (input.DBProxyName ?? '').toLowerCase()))
    return onArn(rds, action, proxy ? arn(rds, proxy) : arnOf(rds, call.region, 'db-proxy', '*'))
  }
  return {
    CreateDBProxy: {
      questions: (input: rdsTypes.CreateDBProxyRequest, call) => [
        {
          action: 'rds:CreateDBProxy',
          resource: arnOf(rds, call.region, 'db-proxy', '*'),
          context: tagContext('aws:RequestTag', input.Tags, 'rds:req-tag'),
        },
        {
          action: 'iam:PassRole',
          resource: input.RoleArn ?? '*',
          context: { 'iam:PassedToService': 'rds.amazonaws.com' },
        },
      ],
      run: (input: rdsTypes.CreateDBProxyRequest, call) => createProxy(rds, input, call),
    },
    ModifyDBProxy: {
      questions: on('ModifyDBProxy'),
      run: async (input: rdsTypes.ModifyDBProxyRequest, call) => {
        const proxy = find(rds, call, input.DBProxyName)
        const { DBProxyName: _, NewDBProxyName, SecurityGroups, ...rest } = input
        if (NewDBProxyName !== undefined)
          throw new WireError('InvalidParameterCombination', 'The twin does not rename proxies.')
        const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
        const next = {
          ...proxy,
          updatedAt: rds.now(),
          shown: {
            ...proxy.shown,
            ...given,
            ...(SecurityGroups ? { VpcSecurityGroupIds: SecurityGroups } : {}),
          },
        }
        return { DBProxy: describe(rds, await keep(rds, next)) }
      },
    },
    DeleteDBProxy: {
      questions: on('DeleteDBProxy'),
      run: async (input: rdsTypes.DeleteDBProxyRequest, call) => {
        const proxy = find(rds, call, input.DBProxyName)
        const shown = describe(rds, proxy)
        rds.proxies.delete(keyOf(call.region, proxy.name))
        await rds.fronts.follow(keyOf(call.region, proxy.name))
        return { DBProxy: { ...shown, Status: 'deleting' as const } }
      },
    },
    DescribeDBProxies: {
      questions: on('DescribeDBProxies'),
      run: (input: rdsTypes.DescribeDBProxiesRequest, call) => {
        const all = input.DBProxyName
          ? [find(rds, call, input.DBProxyName)]
          : rds.proxies
              .values()
              .filter(each => each.region === call.region)
              .sort((a, b) => (a.name < b.name ? -1 : 1))
        const { items, Marker } = page(filter(all, input.Filters, {}), input, each => each.name)
        return { DBProxies: items.map(each => describe(rds, each)), Marker }
      },
    },
    RegisterDBProxyTargets: {
      questions: on('RegisterDBProxyTargets'),
      run: (input: rdsTypes.RegisterDBProxyTargetsRequest, call) => registerTargets(rds, input, call),
    },
    DeregisterDBProxyTargets: {
      questions: on('DeregisterDBProxyTargets'),
      run: async (input: rdsTypes.DeregisterDBProxyTargetsRequest, call) => {
        const proxy = find(rds, call, input.DBProxyName)
        const gone = new Set((input.DBInstanceIdentifiers ?? []).map(id => id.toLowerCase()))
        if (![...gone].every(id => proxy.targets.includes(id)))
          throw new WireError('DBProxyTargetNotFoundFault', `DB proxy ${proxy.name} has no such target.`, 404)
        await keep(rds, {
          ...proxy,
          targets: proxy.targets.filter(id => !gone.has(id)),
          updatedAt: rds.now(),
        })
        return {}
      },
    },
    DescribeDBProxyTargets: {
      questions: on('DescribeDBProxyTargets'),
      run: (input: rdsTypes.DescribeDBProxyTargetsRequest, call) => {
        const all = filter(describeTargets(rds, find(rds, call, input.DBProxyName)), input.Filters, {})
        const { items, Marker } = page(all, input, each => each.RdsResourceId ?? '')
        return { Targets: items, Marker }
      },
    },
    DescribeDBProxyTargetGroups: {
      questions: on('DescribeDBProxyTargetGroups'),
      run: (input: rdsTypes.DescribeDBProxyTargetGroupsRequest, call) => ({
        TargetGroups: [describeGroup(rds, find(rds, call, input.DBProxyName))],
      }),
    },
    ModifyDBProxyTargetGroup: {
      questions: on('ModifyDBProxyTargetGroup'),
      run: async (input: rdsTypes.ModifyDBProxyTargetGroupRequest, call) => {
        const proxy = find(rds, call, input.DBProxyName)
        if (input.TargetGroupName !== DEFAULT_GROUP)
          throw new WireError(
            'DBProxyTargetGroupNotFoundFault',
            `DB proxy target group ${input.TargetGroupName} doesn't exist.`,
            404,
          )
        const next = {
          ...proxy,
          pool: { ...proxy.pool, ...input.ConnectionPoolConfig },
          updatedAt: rds.now(),
        }
        return { DBProxyTargetGroup: describeGroup(rds, await keep(rds, next)) }
      },
    },
  }
}
