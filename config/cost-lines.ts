import { instanceClass } from './classes.ts'
import { ASSUMED, type CostLine, disk, HOURS, instance, line, type Purpose } from './cost-line.ts'
import type { EnvironmentConfig } from './schema.ts'

const MINUTES = HOURS * 60

/** Everything that an environment pays for by the month, drills left out. Throws `UnknownPrice`. */
export function runningLines(config: EnvironmentConfig): CostLine[] {
  return [
    ...database(config),
    ...backups(config),
    ...replicas(config),
    ...standby(config),
    ...services(config),
    ...archive(config),
    ...watching(config),
  ]
}

/** A drill's copy, if it lived a month: its instance and its disk. */
export function copyLines(config: EnvironmentConfig, region: string): CostLine[] {
  return [
    instance(config, 'drill', config.database.instance, 'proof', region),
    ...disk(config, 'drill', 'proof', region),
  ]
}

function database(config: EnvironmentConfig): CostLine[] {
  const { name, database } = config
  const second = `${name} (second zone)`
  return [
    instance(config, name, database.instance, 'service'),
    ...disk(config, name, 'service'),
    ...(database.multiAz
      ? [
          instance(config, second, database.instance, 'instance-loss'),
          ...disk(config, second, 'instance-loss'),
        ]
      : []),
  ]
}

const dataGib = (config: EnvironmentConfig) => config.database.storage.size * ASSUMED.filled
const changedGib = (config: EnvironmentConfig) => dataGib(config) * ASSUMED.changedADay
const days = (seconds: number) => seconds / 86_400

/** Full copy once, then what changed each day. */
const kept = (config: EnvironmentConfig, seconds: number) =>
  dataGib(config) + changedGib(config) * days(seconds)

function backups(config: EnvironmentConfig): CostLine[] {
  const { name, database, standbyRegion, vault } = config
  const free = database.storage.size * (1 + database.replicas.length)
  const count = (resource: string, quantity: number, purpose: Purpose, region?: string) =>
    line(config, { resource, what: 'GiB of backups', key: 'backup.gib', quantity, purpose, region })
  const lines: CostLine[] = []
  // RDS keeps backups up to the provisioned storage of the region free of charge.
  const automated = Math.max(0, kept(config, database.backup.retention) - free)
  if (automated > 0) lines.push(count(`${name} backups`, automated, 'bad-write'))
  if (database.backup.replicate) {
    lines.push(
      count(`${name} backups, copied`, kept(config, database.backup.retention), 'region-loss', standbyRegion),
    )
    lines.push(moved(config, `${name} backups, copied`, 'region-loss'))
  }
  if (vault.enabled) {
    lines.push(count(`${name} vault`, kept(config, vault.retention), 'deletion'))
    lines.push(count(`${name} vault, copied`, kept(config, vault.retention), 'deletion', standbyRegion))
    lines.push(moved(config, `${name} vault, copied`, 'deletion'))
  }
  return lines
}

/** A month's changes sent to the other region. */
function moved(config: EnvironmentConfig, resource: string, purpose: Purpose, share = 1): CostLine {
  return line(config, {
    resource,
    what: 'GiB between regions',
    key: 'transfer.gib',
    quantity: changedGib(config) * (HOURS / 24) * share,
    purpose,
  })
}

function replicas(config: EnvironmentConfig): CostLine[] {
  return config.database.replicas.flatMap(replica => {
    const resource = `${config.name}-${replica.name}`
    return [
      instance(config, resource, replica.instance ?? config.database.instance, 'reads'),
      ...disk(config, resource, 'reads'),
      line(config, {
        resource,
        what: 'health checks',
        key: 'healthcheck.month',
        quantity: 1,
        purpose: 'reads',
      }),
    ]
  })
}

function standby(config: EnvironmentConfig): CostLine[] {
  if (!config.standby.enabled) return []
  const { name, standbyRegion, database, standby } = config
  const copies = standby.multiAz ? [`${name}-standby`, `${name}-standby (second zone)`] : [`${name}-standby`]
  return [
    ...copies.flatMap(resource => [
      instance(config, resource, standby.instance ?? database.instance, 'region-loss', standbyRegion),
      ...disk(config, resource, 'region-loss', standbyRegion),
    ]),
    moved(config, `${name}-standby`, 'region-loss'),
  ]
}

function services(config: EnvironmentConfig): CostLine[] {
  const { name, pool, cache, database, network } = config
  const lines = [
    line(config, {
      resource: `${name} secret`,
      what: 'secrets',
      key: 'secret.month',
      // The copy in the other region is charged as a secret of its own.
      quantity: config.standby.enabled ? 2 : 1,
      purpose: 'service',
    }),
    ...secretsEndpoints(config),
    line(config, {
      resource: `${name}.internal`,
      what: 'hosted zones',
      key: 'zone.month',
      quantity: 1,
      purpose: 'service',
    }),
    line(config, {
      resource: `${name} keys`,
      what: 'KMS keys',
      key: 'kms.key',
      quantity: 2,
      purpose: 'service',
    }),
    line(config, {
      resource: `${name} keys`,
      what: 'KMS keys',
      key: 'kms.key',
      quantity: 2,
      purpose: 'region-loss',
      region: config.standbyRegion,
    }),
  ]
  if (pool.enabled)
    lines.push(
      line(config, {
        resource: `${name} pool`,
        what: 'vCPU hours of RDS Proxy',
        key: 'proxy.vcpu',
        quantity: HOURS * Math.max(2, instanceClass(database.instance).vcpus),
        purpose: 'service',
      }),
    )
  if (cache.enabled)
    lines.push(
      line(config, {
        resource: `${name} cache`,
        what: `cache.${cache.node} hours`,
        key: `cache.${cache.node}`,
        quantity: HOURS * cache.nodes,
        purpose: 'service',
      }),
    )
  if (network.natGateways > 0)
    lines.push(
      line(config, {
        resource: `${name} NAT`,
        what: 'gateway hours',
        key: 'nat.hour',
        quantity: HOURS * network.natGateways,
        purpose: 'service',
      }),
    )
  return lines
}

/** The way to Secrets Manager from inside: an interface in each zone, in the other region only beside a standby. */
function secretsEndpoints(config: EnvironmentConfig): CostLine[] {
  const { name, network, standby, region, standbyRegion } = config
  const hours = (where: string, purpose: Purpose) =>
    line(config, {
      resource: `${name} endpoints`,
      what: 'interface hours',
      key: 'endpoint.hour',
      quantity: HOURS * network.zones,
      region: where,
      purpose,
    })
  return [hours(region, 'service'), ...(standby.enabled ? [hours(standbyRegion, 'region-loss')] : [])]
}

function archive(config: EnvironmentConfig): CostLine[] {
  if (!config.archive.enabled) return []
  const { name, standbyRegion } = config
  const resource = `${name} archive`
  const gib = changedGib(config) * ASSUMED.archived * days(config.archive.retention)
  const count = (what: string, key: string, quantity: number, region?: string) =>
    line(config, { resource, what, key, quantity, purpose: 'bad-write', region })
  return [
    count('GiB of S3', 's3.gib', gib),
    count('GiB of S3', 's3.gib', gib, standbyRegion),
    moved(config, resource, 'bad-write', ASSUMED.archived),
    // A segment a minute, written at home and once more by replication.
    count('S3 writes', 's3.put', MINUTES * 2),
    count('GiB-seconds of Lambda', 'lambda.gib-second', MINUTES * 5 * ASSUMED.functionGib),
  ]
}

function watching(config: EnvironmentConfig): CostLine[] {
  const { name, database, standby } = config
  const further = database.replicas.length + (standby.enabled ? 1 : 0)
  const regions = standby.enabled || database.backup.replicate ? 1 : 0
  const count = (what: string, key: string, quantity: number) =>
    line(config, { resource: `${name} watching`, what, key, quantity, purpose: 'proof' })
  return [
    count(
      'alarms',
      'alarm.month',
      ASSUMED.alarms + ASSUMED.alarmsARegion * regions + ASSUMED.alarmsAnInstance * further,
    ),
    count(
      'composite alarms',
      'composite-alarm.month',
      ASSUMED.compositeAlarms +
        ASSUMED.compositeAlarmsARegion * regions +
        ASSUMED.compositeAlarmsAnInstance * further,
    ),
    count('dashboards', 'dashboard.month', ASSUMED.dashboards),
    count('custom metrics', 'metric.month', ASSUMED.metrics),
    count('GiB of logs', 'logs.gib', ASSUMED.logGibAMonth),
    // The heartbeat writes a row a second: its function runs the whole minute, every minute.
    count('GiB-seconds of Lambda', 'lambda.gib-second', MINUTES * 60 * ASSUMED.functionGib),
  ]
}
