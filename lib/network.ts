import * as ec2 from 'aws-cdk-lib/aws-ec2'
import type * as kms from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { SUBNET_BITS } from '../config/subnets.ts'
import { createLogGroup } from './logs.ts'

export type NetworkProps = {
  readonly config: EnvironmentConfig
  readonly cidr: string
  readonly key: kms.IKey
  /** Whether functions here must reach Secrets Manager: password rotation and `migrate` do. */
  readonly secretsEndpoint: boolean
}

/**
 * One region's network. `data` subnets have no route out at all; databases, caches and functions live there.
 * `services` subnets are for the applications and reach the internet only through NAT gateways that were asked for.
 */
export class Network extends Construct {
  readonly vpc: ec2.Vpc
  /** Attached to every function of ours. */
  readonly functions: ec2.SecurityGroup
  /** To be attached to whatever may talk to the database, the pool and the cache. */
  readonly clients: ec2.SecurityGroup

  constructor(scope: Construct, id: string, props: NetworkProps) {
    super(scope, id)
    const { config } = props
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      vpcName: config.name,
      ipAddresses: ec2.IpAddresses.cidr(props.cidr),
      maxAzs: config.network.zones,
      natGateways: config.network.natGateways,
      subnetConfiguration: subnets(config.network.natGateways, Number(props.cidr.split('/')[1])),
      restrictDefaultSecurityGroup: true,
    })
    this.functions = this.#group('Functions', `${config.name}-functions`, 'what Holdfast runs')
    this.functions.addEgressRule(ec2.Peer.ipv4(props.cidr), ec2.Port.tcp(5_432), 'databases')
    // S3 answers on public addresses through the gateway endpoint; these subnets have no other route out.
    this.functions.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), 'S3 and Secrets Manager by endpoint')
    this.clients = this.#group('Clients', `${config.name}-clients`, 'services that use the database')
    this.clients.addEgressRule(ec2.Peer.ipv4(props.cidr), ec2.Port.tcp(5_432), 'database and pool')
    this.clients.addEgressRule(ec2.Peer.ipv4(props.cidr), ec2.Port.tcpRange(6_379, 6_380), 'cache')
    this.#endpoints(props)
    this.#flowLogs(props)
  }

  #group(id: string, name: string, description: string): ec2.SecurityGroup {
    return new ec2.SecurityGroup(this, id, {
      vpc: this.vpc,
      securityGroupName: name,
      description,
      allowAllOutbound: false,
    })
  }

  #endpoints({ config, secretsEndpoint, cidr }: NetworkProps): void {
    const data = { subnetGroupName: 'data' }
    this.vpc.addGatewayEndpoint('S3', { service: ec2.GatewayVpcEndpointAwsService.S3, subnets: [data] })
    if (!secretsEndpoint) return
    const group = this.#group('Endpoints', `${config.name}-endpoints`, 'interface endpoints')
    group.addIngressRule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(443), 'calls from inside')
    this.vpc.addInterfaceEndpoint('SecretsManager', {
      service: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
      subnets: data,
      securityGroups: [group],
      open: false,
    })
  }

  #flowLogs({ config, key }: NetworkProps): void {
    const group = createLogGroup(this, 'FlowLogs', { config, key, name: `/holdfast/${config.name}/flow` })
    this.vpc.addFlowLog('Flow', { destination: ec2.FlowLogDestination.toCloudWatchLogs(group) })
  }
}

// The order fixes the addresses: a NAT gateway asked for later must not move the data subnets.
function subnets(natGateways: number, prefix: number): ec2.SubnetConfiguration[] {
  const data = {
    name: 'data',
    subnetType: ec2.SubnetType.PRIVATE_ISOLATED,
    cidrMask: prefix + SUBNET_BITS.data,
  }
  const services = { name: 'services', cidrMask: prefix + SUBNET_BITS.services }
  if (natGateways === 0) return [data, { ...services, subnetType: ec2.SubnetType.PRIVATE_ISOLATED }]
  return [
    data,
    { ...services, subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
    { name: 'public', subnetType: ec2.SubnetType.PUBLIC, cidrMask: prefix + SUBNET_BITS.public },
  ]
}
