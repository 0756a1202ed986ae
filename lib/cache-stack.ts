import * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as elasticache from 'aws-cdk-lib/aws-elasticache'
import type { Construct } from 'constructs'
import { CACHE_SNAPSHOTS } from '../config/rules/time.ts'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { FoundationStack } from './foundation-stack.ts'
import { KEPT } from './kept.ts'
import { createLogGroup } from './logs.ts'
import { RegionStack } from './region-stack.ts'

export type CacheStackProps = { readonly config: EnvironmentConfig; readonly foundation: FoundationStack }

// Everything a cache client needs, and nothing that empties, reconfigures or spies on the whole cache.
const ACCESS = 'on ~* &* +@all -@dangerous -@admin +info'

/** Valkey with TLS, encryption at rest and one user who enters by IAM token. Loses nothing that is not elsewhere. */
export class CacheStack extends RegionStack {
  readonly group: elasticache.CfnReplicationGroup

  constructor(scope: Construct, id: string, { config, foundation }: CacheStackProps) {
    super(scope, id, config, config.region)
    const { name, cache } = config
    const { network, keys } = foundation
    const log = (kind: string) =>
      createLogGroup(this, capital(kind), {
        config,
        key: keys.data,
        name: `/aws/elasticache/${name}/${kind}`,
      }).logGroupName
    const redundant = cache.nodes > 1
    this.group = new elasticache.CfnReplicationGroup(this, 'Cache', {
      replicationGroupId: name,
      replicationGroupDescription: `${name}: cache of the services`,
      engine: 'valkey',
      engineVersion: cache.engineVersion,
      cacheNodeType: `cache.${cache.node}`,
      numCacheClusters: cache.nodes,
      automaticFailoverEnabled: redundant,
      multiAzEnabled: redundant,
      port: 6_379,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'required',
      atRestEncryptionEnabled: true,
      kmsKeyId: keys.data.keyArn,
      userGroupIds: [this.#users(name)],
      cacheSubnetGroupName: this.#subnets(name, network.vpc),
      cacheParameterGroupName: this.#parameters(name, cache.engineVersion),
      securityGroupIds: [this.#security(name, network.vpc, network.clients)],
      // Days; the least that HIPAA and NIST 800-53 count as a backup.
      snapshotRetentionLimit: 15,
      snapshotWindow: CACHE_SNAPSHOTS,
      preferredMaintenanceWindow: config.database.maintenanceWindow,
      autoMinorVersionUpgrade: true,
      logDeliveryConfigurations: (['slow-log', 'engine-log'] as const).map(logType => ({
        logType,
        logFormat: 'json',
        destinationType: 'cloudwatch-logs',
        destinationDetails: { cloudWatchLogsDetails: { logGroup: log(logType) } },
      })),
    })
    this.group.applyRemovalPolicy(KEPT)
  }

  #users(name: string): string {
    // An IAM user's name must equal its id.
    const user = new elasticache.CfnUser(this, 'User', {
      userId: `${name}-app`,
      userName: `${name}-app`,
      engine: 'valkey',
      accessString: ACCESS,
      authenticationMode: { Type: 'iam' },
    })
    return new elasticache.CfnUserGroup(this, 'Users', {
      userGroupId: name,
      engine: 'valkey',
      userIds: [user.ref],
    }).ref
  }

  #subnets(name: string, vpc: ec2.Vpc): string {
    return new elasticache.CfnSubnetGroup(this, 'Subnets', {
      cacheSubnetGroupName: name,
      description: `${name}: subnets without a route out`,
      subnetIds: vpc.selectSubnets({ subnetGroupName: 'data' }).subnetIds,
    }).ref
  }

  #parameters(name: string, engineVersion: string): string {
    return new elasticache.CfnParameterGroup(this, 'Parameters', {
      cacheParameterGroupFamily: `valkey${engineVersion.split('.')[0]}`,
      description: `${name}: evicts the least used key when memory ends, whether or not it has a lifetime`,
      properties: { 'maxmemory-policy': 'allkeys-lfu' },
    }).ref
  }

  #security(name: string, vpc: ec2.Vpc, clients: ec2.SecurityGroup): string {
    const group = new ec2.SecurityGroup(this, 'Security', {
      vpc,
      securityGroupName: `${name}-cache`,
      description: `${name}: cache`,
      allowAllOutbound: false,
    })
    group.addIngressRule(clients, ec2.Port.tcpRange(6_379, 6_380), 'services')
    return group.securityGroupId
  }
}

function capital(kind: string): string {
  return kind.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())
}
