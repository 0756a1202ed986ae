import { type Desired, hashOf, type Physical, type Provisioner } from './provisioner.ts'

type Shape = (desired: Desired, id: string) => Physical

const identified =
  (prefix: string, more: (desired: Desired, id: string) => Record<string, unknown> = () => ({})): Shape =>
  (desired, id) => {
    const ref = `${prefix}-${id.slice(0, 17)}`
    return { ref, attributes: { Id: ref, ...more(desired, ref) } }
  }

const named =
  (property: string, arn?: (desired: Desired, name: string) => string): Shape =>
  desired => {
    const name = String(desired.properties[property] ?? desired.generatedName)
    return {
      ref: name,
      attributes: arn ? { Arn: arn(desired, name), [property]: name } : { [property]: name },
    }
  }

/** Cost Explorer is global: its ARNs name no region, and they are what `Ref` answers. */
const costExplorer =
  (kind: string, attribute: string): Shape =>
  ({ account, generatedName }) => {
    const arn = `arn:aws:ce::${account}:${kind}/${hashOf(account, generatedName).slice(0, 32)}`
    return { ref: arn, attributes: { [attribute]: arn } }
  }

const NETWORK_ASSOCIATION = identified('assoc')

/**
 * Types without a data plane on one machine: written down with the names and numbers that others refer to, and
 * shown as such. A type that is neither here nor has a provisioner stops the deployment.
 */
const SHAPES: Readonly<Record<string, Shape>> = {
  'AWS::EC2::VPC': identified('vpc', ({ properties }, id) => ({
    VpcId: id,
    CidrBlock: properties.CidrBlock,
    CidrBlockAssociations: [],
    DefaultSecurityGroup: `sg-${hashOf(id, 'default').slice(0, 17)}`,
    DefaultNetworkAcl: `acl-${hashOf(id, 'default').slice(0, 17)}`,
  })),
  'AWS::EC2::Subnet': identified('subnet', ({ properties }, id) => ({
    SubnetId: id,
    AvailabilityZone: properties.AvailabilityZone,
    CidrBlock: properties.CidrBlock,
    VpcId: properties.VpcId,
  })),
  'AWS::EC2::SecurityGroup': identified('sg', ({ properties }, id) => ({
    GroupId: id,
    VpcId: properties.VpcId,
  })),
  'AWS::EC2::RouteTable': identified('rtb', (_, id) => ({ RouteTableId: id })),
  'AWS::EC2::Route': identified('r'),
  'AWS::EC2::InternetGateway': identified('igw', (_, id) => ({ InternetGatewayId: id })),
  'AWS::EC2::VPCGatewayAttachment': identified('attach'),
  'AWS::EC2::NatGateway': identified('nat', (_, id) => ({ NatGatewayId: id })),
  'AWS::EC2::EIP': (desired, id) => ({
    ref: `192.0.2.${(Number.parseInt(id.slice(0, 4), 16) % 254) + 1}`,
    attributes: { AllocationId: `eipalloc-${id.slice(0, 17)}`, stack: desired.stack.name },
  }),
  'AWS::EC2::SecurityGroupIngress': identified('sgr'),
  'AWS::EC2::SecurityGroupEgress': identified('sgr'),
  'AWS::EC2::SubnetRouteTableAssociation': NETWORK_ASSOCIATION,
  'AWS::EC2::VPCEndpoint': identified('vpce', () => ({ DnsEntries: [], NetworkInterfaceIds: [] })),
  'AWS::EC2::FlowLog': identified('fl'),
  'AWS::EC2::NetworkAcl': identified('acl'),
  'AWS::EC2::NetworkAclEntry': identified('acle'),
  'AWS::EC2::SubnetNetworkAclAssociation': NETWORK_ASSOCIATION,
  // The function behind it empties the default security group through EC2, of which the twin has nothing.
  'Custom::VpcRestrictDefaultSG': identified('restrict'),
  'AWS::Logs::MetricFilter': named('FilterName'),
  'AWS::Logs::SubscriptionFilter': named('FilterName'),
  'AWS::Logs::ResourcePolicy': named('PolicyName'),
  'AWS::SecretsManager::RotationSchedule': identified('rotation'),
  'AWS::ElastiCache::SubnetGroup': named('CacheSubnetGroupName'),
  'AWS::Budgets::Budget': identified('budget'),
  'AWS::CE::AnomalyMonitor': costExplorer('anomalymonitor', 'MonitorArn'),
  'AWS::CE::AnomalySubscription': costExplorer('anomalysubscription', 'SubscriptionArn'),
  'AWS::Chatbot::SlackChannelConfiguration': identified('slack', (_, id) => ({ Arn: id })),
  'AWS::CDK::Metadata': identified('metadata'),
  'AWS::CloudTrail::Trail': named('TrailName'),
  'AWS::SSMIncidents::ResponsePlan': identified('plan', (_, id) => ({ Arn: id })),
}

/** The types that are written down only. */
export function recordedProvisioners(): Record<string, Provisioner> {
  return Object.fromEntries(
    Object.entries(SHAPES).map(([type, shape]) => {
      const write = async (desired: Desired) =>
        shape(desired, hashOf(desired.account, desired.region, desired.stack.name, desired.logicalId))
      return [type, { kind: 'recorded' as const, create: write, update: write, remove: async () => {} }]
    }),
  )
}
