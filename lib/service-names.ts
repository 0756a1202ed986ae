import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import type * as rds from 'aws-cdk-lib/aws-rds'
import * as route53 from 'aws-cdk-lib/aws-route53'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { KEPT } from './kept.ts'
import { replicaIdentifier, zoneName } from './names.ts'
import type { Network } from './network.ts'

// Seconds that a client may go on using an old answer after a failover or after a replica fell ill.
const TTL = '10'
// Seconds behind the primary at which a replica leaves the `read` name.
const STALE_AFTER = 30
// Minutes in a row before it does; one slow minute must not move the load to the others.
const STALE_MINUTES = 3

type Replica = EnvironmentConfig['database']['replicas'][number]

export type ServiceNamesProps = {
  readonly config: EnvironmentConfig
  readonly network: Network
  readonly standbyNetwork: Network
  /** Host that takes writes: the pool's, or the primary's own. */
  readonly writer: string
  readonly primary: rds.CfnDBInstance
  readonly replicas: ReadonlyMap<Replica, rds.CfnDBInstance>
}

/**
 * The names by which services reach the databases: `write`, `read` (spread over the replicas) and `analytics`.
 * A failover moves the names; no service is configured with a host.
 *
 * A private zone cannot be probed from outside, so health is an alarm: a replica leaves `read` while it is stale or
 * while its lag is unknown. When every replica is ill Route 53 answers with all of them.
 */
export class ServiceNames extends Construct {
  readonly zone: route53.CfnHostedZone
  readonly #props: ServiceNamesProps

  constructor(scope: Construct, id: string, props: ServiceNamesProps) {
    super(scope, id)
    this.#props = props
    const { config, network, standbyNetwork, writer, primary } = props
    this.zone = new route53.CfnHostedZone(this, 'Zone', {
      name: zoneName(config),
      hostedZoneConfig: { comment: `${config.name}: writer, readers, analytics` },
      vpcs: [
        { vpcId: network.vpc.vpcId, vpcRegion: config.region },
        { vpcId: standbyNetwork.vpc.vpcId, vpcRegion: config.standbyRegion },
      ],
    })
    this.zone.applyRemovalPolicy(KEPT)
    this.#record('Write', 'write', writer)
    this.#spread('read', 'read', primary.attrEndpointAddress)
    this.#spread('analytics', 'analytics', `read.${zoneName(config)}`)
  }

  #spread(name: string, role: Replica['role'], otherwise: string): void {
    const serving = [...this.#props.replicas].filter(([replica]) => replica.role === role)
    if (serving.length === 0) this.#record(capital(name), name, otherwise)
    for (const [replica, instance] of serving) this.#weighted(name, replica, instance)
  }

  #record(id: string, name: string, host: string): void {
    new route53.CfnRecordSet(this, id, {
      hostedZoneId: this.zone.ref,
      name: `${name}.${zoneName(this.#props.config)}`,
      type: 'CNAME',
      ttl: TTL,
      resourceRecords: [host],
    })
  }

  #weighted(name: string, replica: Replica, instance: rds.CfnDBInstance): void {
    const { config } = this.#props
    const identifier = replicaIdentifier(config, replica.name)
    const id = `${capital(name)}${identifier.slice(config.name.length)}`
    new route53.CfnRecordSet(this, id, {
      hostedZoneId: this.zone.ref,
      name: `${name}.${zoneName(config)}`,
      type: 'CNAME',
      ttl: TTL,
      setIdentifier: identifier,
      weight: 1,
      healthCheckId: this.#health(id, identifier),
      resourceRecords: [instance.attrEndpointAddress],
    })
  }

  #health(id: string, identifier: string): string {
    const { config } = this.#props
    const alarm = new cloudwatch.CfnAlarm(this, `${id}Stale`, {
      alarmName: `${identifier}-serves`,
      alarmDescription: `${identifier} is stale or silent; it leaves its service name until it has caught up`,
      namespace: 'AWS/RDS',
      metricName: 'ReplicaLag',
      dimensions: [{ name: 'DBInstanceIdentifier', value: identifier }],
      statistic: 'Maximum',
      period: 60,
      evaluationPeriods: STALE_MINUTES,
      threshold: STALE_AFTER,
      comparisonOperator: 'GreaterThanThreshold',
      treatMissingData: 'breaching',
    })
    return new route53.CfnHealthCheck(this, `${id}Health`, {
      healthCheckConfig: {
        type: 'CLOUDWATCH_METRIC',
        alarmIdentifier: { name: alarm.ref, region: config.region },
        insufficientDataHealthStatus: 'Unhealthy',
      },
      healthCheckTags: [{ key: 'Name', value: identifier }],
    }).attrHealthCheckId
  }
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
