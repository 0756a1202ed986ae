import { pgbouncer } from '../../services/rds/proxy-fronts.ts'
import { type Desired, keep, type Physical, type Provisioner, type Stored, tagList } from '../provisioner.ts'
import { type Api, amount, createOrAdopt, flag, given, removeIfThere } from './api.ts'

const FIXED = ['DBProxyName', 'EngineFamily', 'VpcSubnetIds', 'DefaultAuthScheme']

/**
 * Connection pools. Each is made through the API; something answers for it where the machine has PgBouncer and both
 * its sides are entered by IAM token.
 */
export function poolProvisioners(api: Api): Record<string, Provisioner> {
  const state =
    pgbouncer() === undefined
      ? ({ kind: 'recorded', missing: 'pgbouncer' } as const)
      : ({ kind: 'real', limits: 'for IAM logins only' } as const)
  return {
    'AWS::RDS::DBProxy': { ...state, ...proxies(api) },
    'AWS::RDS::DBProxyTargetGroup': { ...state, ...targetGroups(api) },
  }
}

function proxies(api: Api): Omit<Provisioner, 'kind'> {
  const nameOf = ({ properties }: Desired) => String(properties.DBProxyName)
  const changeable = ({ properties }: Desired) =>
    given({
      Auth: properties.Auth,
      RequireTLS: flag(properties.RequireTLS),
      DebugLogging: flag(properties.DebugLogging),
      IdleClientTimeout: amount(properties.IdleClientTimeout),
      RoleArn: properties.RoleArn,
    })
  const describe = async ({ region }: Desired, name: string): Promise<Physical> => {
    const { DBProxies } = await api('rds', region, 'DescribeDBProxies', { DBProxyName: name })
    const [proxy] = DBProxies
    return {
      ref: proxy.DBProxyName,
      attributes: { DBProxyArn: proxy.DBProxyArn, Endpoint: proxy.Endpoint, VpcId: proxy.VpcId ?? '' },
    }
  }
  const put = async (desired: Desired): Promise<Physical> => {
    const { region, properties, tags } = desired
    const name = nameOf(desired)
    const { VpcSecurityGroupIds } = properties
    await createOrAdopt(
      'DBProxyAlreadyExistsFault',
      () =>
        api('rds', region, 'CreateDBProxy', {
          ...changeable(desired),
          ...given({
            EngineFamily: properties.EngineFamily,
            DefaultAuthScheme: properties.DefaultAuthScheme,
            VpcSubnetIds: properties.VpcSubnetIds,
            VpcSecurityGroupIds,
          }),
          DBProxyName: name,
          Tags: tagList(tags),
        }),
      () =>
        api('rds', region, 'ModifyDBProxy', {
          ...changeable(desired),
          ...given({ SecurityGroups: VpcSecurityGroupIds }),
          DBProxyName: name,
        }),
    )
    return describe(desired, name)
  }
  return {
    create: put,
    update: async (desired, before) => {
      keep(desired, before, FIXED)
      return put(desired)
    },
    remove: before =>
      removeIfThere(() => api('rds', before.region, 'DeleteDBProxy', { DBProxyName: String(before.ref) })),
  }
}

function targetGroups(api: Api): Omit<Provisioner, 'kind'> {
  const put = async ({ region, properties }: Desired): Promise<Physical> => {
    const name = String(properties.DBProxyName)
    const config = properties.ConnectionPoolConfigurationInfo ?? {}
    const { DBProxyTargetGroup } = await api('rds', region, 'ModifyDBProxyTargetGroup', {
      DBProxyName: name,
      TargetGroupName: properties.TargetGroupName,
      ConnectionPoolConfig: given({
        MaxConnectionsPercent: amount(config.MaxConnectionsPercent),
        MaxIdleConnectionsPercent: amount(config.MaxIdleConnectionsPercent),
        ConnectionBorrowTimeout: amount(config.ConnectionBorrowTimeout),
        SessionPinningFilters: config.SessionPinningFilters,
        InitQuery: config.InitQuery,
      }),
    })
    await retarget(region, name, properties.DBInstanceIdentifiers ?? [])
    const arn = DBProxyTargetGroup.TargetGroupArn
    return { ref: arn, attributes: { TargetGroupArn: arn } }
  }
  const retarget = async (region: string, DBProxyName: string, wanted: readonly string[]) => {
    const { Targets } = await api('rds', region, 'DescribeDBProxyTargets', { DBProxyName })
    const there = (Targets as { RdsResourceId: string }[]).map(target => target.RdsResourceId)
    const gone = there.filter(id => !wanted.includes(id))
    const missing = wanted.filter(id => !there.includes(id))
    if (gone.length > 0)
      await api('rds', region, 'DeregisterDBProxyTargets', { DBProxyName, DBInstanceIdentifiers: gone })
    if (missing.length > 0)
      await api('rds', region, 'RegisterDBProxyTargets', { DBProxyName, DBInstanceIdentifiers: missing })
  }
  return {
    create: put,
    update: async (desired, before) => {
      keep(desired, before, ['DBProxyName', 'TargetGroupName'])
      return put(desired)
    },
    remove: (before: Stored) => {
      const DBProxyName = String(before.properties.DBProxyName)
      return removeIfThere(() => retarget(before.region, DBProxyName, []))
    },
  }
}
