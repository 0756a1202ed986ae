import type { Fault } from './fault.ts'
import type { EnvironmentConfig } from './schema.ts'

/** What AWS gives an account in one region until somebody asks for more. */
const QUOTAS = {
  'DB instances': 40,
  VPCs: 5,
  'Elastic IP addresses': 5,
  'RDS proxies': 20,
  'replicated automated backups': 20,
} as const
type Quota = keyof typeof QUOTAS

/** A drill's copy and one that is restored in earnest: any environment may have both beside its own instances. */
const COPIES = 2

/** What one environment has in a region when all of it is deployed. */
function needs(config: EnvironmentConfig, region: string): Readonly<Record<Quota, number>> {
  const { database, standby, pool, network } = config
  const isHome = region === config.region
  return {
    'DB instances': isHome ? 1 + database.replicas.length : Number(standby.enabled),
    VPCs: 1,
    'Elastic IP addresses': network.natGateways,
    'RDS proxies': Number(isHome && pool.enabled),
    'replicated automated backups': Number(!isHome && database.backup.replicate),
  }
}

const regionsOf = (config: EnvironmentConfig) => [config.region, config.standbyRegion]

/**
 * Quotas of the environment's account that it and the others there exceed together, a sentence each. No fault: an
 * account may have been given more, and only AWS knows.
 */
export function exceededQuotas(config: EnvironmentConfig, others: readonly EnvironmentConfig[]): string[] {
  const neighbours = others.filter(each => each.account === config.account)
  return regionsOf(config).flatMap(region =>
    (Object.keys(QUOTAS) as Quota[]).flatMap(quota => {
      const takes = (each: EnvironmentConfig) =>
        regionsOf(each).includes(region) ? needs(each, region)[quota] : 0
      const takers = [config, ...neighbours].filter(each => takes(each) > 0)
      const sum = takers.reduce((all, each) => all + takes(each), quota === 'DB instances' ? COPIES : 0)
      return takes(config) > 0 && sum > QUOTAS[quota]
        ? [
            `${takers.map(each => each.name).join(', ')} need ${sum} ${quota} in ${region}, and AWS allows an account ${QUOTAS[quota]} until it asks for more`,
          ]
        : []
    }),
  )
}

/** Names that the environment would take from another one of its account: the second deploy would change the first's. */
export function takenNames(config: EnvironmentConfig, others: readonly EnvironmentConfig[]): Fault[] {
  const own = new Set(names(config))
  return others
    .filter(each => each.account === config.account)
    .flatMap(other => {
      const taken = names(other).find(name => own.has(name))
      return taken === undefined
        ? []
        : [
            {
              path: 'environment',
              value: config.environment,
              sentence: `"${taken}" would belong to the environment "${other.environment}" of ${other.app} as well`,
              hint: 'give one of them another environment or app, or an account of its own',
            },
          ]
    })
}

/** Identifiers of an environment in its regions; its stacks and keys have the first one's name in both. */
function names({ name, region, standbyRegion, database, standby }: EnvironmentConfig): string[] {
  return [
    `${name} in ${region}`,
    `${name} in ${standbyRegion}`,
    ...database.replicas.map(replica => `${name}-${replica.name} in ${region}`),
    ...(standby.enabled ? [`${name}-standby in ${standbyRegion}`] : []),
  ]
}
