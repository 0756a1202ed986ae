import type * as rdsTypes from '@aws-sdk/client-rds'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { arnOf, findInstance, keyOf, type Rds } from './context.ts'
import { checkIdentifier, newResourceId } from './identifiers.ts'
import { filter, page } from './paging.ts'
import { onArn, tagContext } from './questions.ts'
import type { ProxyRecord } from './records.ts'
import { newTags } from './tags.ts'

const MAX_PROXIES = 20
const DEFAULT_GROUP = 'default'

function find(rds: Rds, call: Call, name: string | undefined): ProxyRecord {
  const id = (name ?? '').toLowerCase()
  const found = rds.proxies.get(keyOf(call.region, id))
  if (!found) throw new WireError('DBProxyNotFoundFault', `DB proxy ${id} doesn't exist.`, 404)
  return found
}

const arn = (rds: Rds, proxy: ProxyRecord) => arnOf(rds, proxy.region, 'db-proxy', proxy.id)

function describe(rds: Rds, proxy: ProxyRecord): rdsTypes.DBProxy {
  return {
    ...(proxy.shown as rdsTypes.DBProxy),
    DBProxyName: proxy.name,
    DBProxyArn: arn(rds, proxy),
    Status: proxy.status as rdsTypes.DBProxyStatus,
    // No pooler is behind it: the name says where RDS would put it, and nothing answers there.
    Endpoint: `${proxy.name}.proxy-twin.${proxy.region}.rds.amazonaws.com`,
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
  ConnectionPoolConfig: {
    MaxConnectionsPercent: 100,
    MaxIdleConnectionsPercent: 50,
    ConnectionBorrowTimeout: 120,
    SessionPinningFilters: [],
    ...proxy.pool,
  },
  CreatedDate: new Date(proxy.createdAt),
  UpdatedDate: new Date(proxy.updatedAt),
})

function createProxy(rds: Rds, input: rdsTypes.CreateDBProxyRequest, call: Call) {
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
  rds.proxies.set(keyOf(call.region, name), proxy)
  return { DBProxy: describe(rds, proxy) }
}

function registerTargets(rds: Rds, input: rdsTypes.RegisterDBProxyTargetsRequest, call: Call) {
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
  rds.proxies.set(keyOf(call.region, proxy.name), next)
  return { DBProxyTargets: describeTargets(rds, next) }
}

/**
 * The proxy family. Control plane only: what is asked for is recorded, refused where RDS refuses it and described;
 * clients of the twin connect to the instance.
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
      run: (input: rdsTypes.ModifyDBProxyRequest, call) => {
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
        rds.proxies.set(keyOf(call.region, proxy.name), next)
        return { DBProxy: describe(rds, next) }
      },
    },
    DeleteDBProxy: {
      questions: on('DeleteDBProxy'),
      run: (input: rdsTypes.DeleteDBProxyRequest, call) => {
        const proxy = find(rds, call, input.DBProxyName)
        rds.proxies.delete(keyOf(call.region, proxy.name))
        return { DBProxy: { ...describe(rds, proxy), Status: 'deleting' as const } }
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
      run: (input: rdsTypes.DeregisterDBProxyTargetsRequest, call) => {
        const proxy = find(rds, call, input.DBProxyName)
        const gone = new Set((input.DBInstanceIdentifiers ?? []).map(id => id.toLowerCase()))
        if (![...gone].every(id => proxy.targets.includes(id)))
          throw new WireError('DBProxyTargetNotFoundFault', `DB proxy ${proxy.name} has no such target.`, 404)
        rds.proxies.set(keyOf(call.region, proxy.name), {
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
      run: (input: rdsTypes.ModifyDBProxyTargetGroupRequest, call) => {
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
        rds.proxies.set(keyOf(call.region, proxy.name), next)
        return { DBProxyTargetGroup: describeGroup(rds, next) }
      },
    },
  }
}
