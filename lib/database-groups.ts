import * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as rds from 'aws-cdk-lib/aws-rds'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { drillGroup, parameterFamily, parameterGroup } from './names.ts'
import type { Network } from './network.ts'
import { drillParameters, parameters } from './parameters.ts'

export type DatabaseGroupsProps = { readonly config: EnvironmentConfig; readonly network: Network }

/**
 * The subnet, security and parameter groups of one region, always named and always given: whatever RDS creates
 * without them gets the default groups. The drill's own ones let nothing in but the functions that examine it.
 */
export class DatabaseGroups extends Construct {
  readonly subnets: rds.CfnDBSubnetGroup
  readonly parameters: rds.CfnDBParameterGroup
  readonly drillParameters: rds.CfnDBParameterGroup
  readonly security: ec2.SecurityGroup
  readonly drillSecurity: ec2.SecurityGroup

  constructor(scope: Construct, id: string, { config, network }: DatabaseGroupsProps) {
    super(scope, id)
    const { vpc, functions, clients } = network
    const family = parameterFamily(config.database.engineVersion)
    this.subnets = new rds.CfnDBSubnetGroup(this, 'Subnets', {
      dbSubnetGroupName: config.name,
      dbSubnetGroupDescription: `${config.name}: subnets without a route out`,
      subnetIds: vpc.selectSubnets({ subnetGroupName: 'data' }).subnetIds,
    })
    this.parameters = new rds.CfnDBParameterGroup(this, 'Parameters', {
      dbParameterGroupName: parameterGroup(config, 'production'),
      description: `${config.name}: primary, replicas and standby`,
      family,
      parameters: parameters(config),
    })
    this.drillParameters = new rds.CfnDBParameterGroup(this, 'DrillParameters', {
      dbParameterGroupName: parameterGroup(config, 'drill'),
      description: `${config.name}: drill copies, in quarantine`,
      family,
      parameters: drillParameters(config),
    })
    const group = (groupId: string, name: string, description: string) =>
      new ec2.SecurityGroup(this, groupId, {
        vpc,
        securityGroupName: name,
        description,
        allowAllOutbound: false,
      })
    this.security = group('Security', config.name, `${config.name}: databases`)
    this.security.addIngressRule(functions, ec2.Port.tcp(5_432), 'Holdfast functions')
    this.security.addIngressRule(clients, ec2.Port.tcp(5_432), 'services')
    this.drillSecurity = group('DrillSecurity', drillGroup(config), `${config.name}: drill copies`)
    this.drillSecurity.addIngressRule(functions, ec2.Port.tcp(5_432), 'Holdfast functions')
  }
}
