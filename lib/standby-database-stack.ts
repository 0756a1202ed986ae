import type * as rds from 'aws-cdk-lib/aws-rds'
import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { DatabaseGroups } from './database-groups.ts'
import { createInstance } from './instance.ts'
import { createMonitoringRole } from './monitoring-role.ts'
import { rdsArn, standbyIdentifier } from './names.ts'
import { RegionStack } from './region-stack.ts'
import type { StandbyFoundationStack } from './standby-foundation-stack.ts'

export type StandbyDatabaseStackProps = {
  readonly config: EnvironmentConfig
  readonly foundation: StandbyFoundationStack
}

/** The other region's database: groups to restore into, and, when the environment asks for it, a standby to promote. */
export class StandbyDatabaseStack extends RegionStack {
  readonly groups: DatabaseGroups
  readonly standby: rds.CfnDBInstance | undefined

  constructor(scope: Construct, id: string, { config, foundation }: StandbyDatabaseStackProps) {
    super(scope, id, config, config.standbyRegion)
    this.groups = new DatabaseGroups(this, 'Groups', { config, network: foundation.network })
    if (!config.standby.enabled) return
    this.standby = createInstance(
      this,
      'Standby',
      {
        config,
        identifier: standbyIdentifier(config),
        instance: config.standby.instance ?? config.database.instance,
        multiAz: config.standby.multiAz,
        groups: this.groups,
        key: foundation.keys.data,
        monitoringRoleArn: createMonitoringRole(this).roleArn,
      },
      {
        // A literal ARN: a reference would name the primary in this region. Losing this line promotes the standby.
        sourceDbInstanceIdentifier: rdsArn(config, config.region, 'db', config.name),
        dbSubnetGroupName: this.groups.subnets.ref,
      },
    )
  }
}
