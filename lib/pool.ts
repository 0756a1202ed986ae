import * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as iam from 'aws-cdk-lib/aws-iam'
import type * as kms from 'aws-cdk-lib/aws-kms'
import * as rds from 'aws-cdk-lib/aws-rds'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { DatabaseGroups } from './database-groups.ts'
import { createLogGroup } from './logs.ts'
import type { Network } from './network.ts'
import { enterProduction } from './permissions.ts'

export type PoolProps = {
  readonly config: EnvironmentConfig
  readonly network: Network
  readonly groups: DatabaseGroups
  readonly key: kms.IKey
  readonly primary: rds.CfnDBInstance
}

/**
 * RDS Proxy in front of the writer: a thousand clients on a hundred connections. It cannot serve a read replica.
 * Client and database are both entered by IAM token, so there is no secret per role.
 */
export class Pool extends Construct {
  readonly endpoint: string

  constructor(scope: Construct, id: string, props: PoolProps) {
    super(scope, id)
    const { config, network, groups, key, primary } = props
    const security = new ec2.SecurityGroup(this, 'Security', {
      vpc: network.vpc,
      securityGroupName: `${config.name}-pool`,
      description: `${config.name}: connection pool`,
      allowAllOutbound: false,
    })
    security.addIngressRule(network.clients, ec2.Port.tcp(5_432), 'services')
    security.addEgressRule(groups.security, ec2.Port.tcp(5_432), 'primary')
    groups.security.addIngressRule(security, ec2.Port.tcp(5_432), 'connection pool')
    const role = createRole(this, config)
    const proxy = new rds.CfnDBProxy(this, 'Proxy', {
      dbProxyName: config.name,
      engineFamily: 'POSTGRESQL',
      defaultAuthScheme: 'IAM_AUTH',
      requireTls: true,
      debugLogging: false,
      idleClientTimeout: config.pool.idleClientTimeout,
      roleArn: role.roleArn,
      vpcSubnetIds: network.vpc.selectSubnets({ subnetGroupName: 'data' }).subnetIds,
      vpcSecurityGroupIds: [security.securityGroupId],
    })
    proxy.node.addDependency(
      createLogGroup(this, 'Logs', { config, key, name: `/aws/rds/proxy/${config.name}` }),
    )
    const targets = new rds.CfnDBProxyTargetGroup(this, 'Targets', {
      dbProxyName: proxy.ref,
      targetGroupName: 'default',
      dbInstanceIdentifiers: [primary.ref],
      connectionPoolConfigurationInfo: {
        maxConnectionsPercent: config.pool.maxConnectionsPercent,
        // Half is kept warm: opening a connection costs the client more than keeping it costs the database.
        maxIdleConnectionsPercent: Math.floor(config.pool.maxConnectionsPercent / 2),
        connectionBorrowTimeout: config.pool.borrowTimeout,
      },
    })
    // CloudFormation waits until the proxy has reached its target: by then it must be let out, let in and allowed to.
    targets.node.addDependency(role, security, groups.security)
    this.endpoint = proxy.attrEndpoint
  }
}

function createRole(scope: Construct, config: EnvironmentConfig): iam.Role {
  const role = new iam.Role(scope, 'Role', { assumedBy: new iam.ServicePrincipal('rds.amazonaws.com') })
  // The pool enters as whoever entered it; what each user may do is the database's own matter.
  role.addToPolicy(enterProduction({ config, region: config.region }, '*'))
  return role
}
