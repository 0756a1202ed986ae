import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { Bundles } from './bundles.ts'
import { standbyIdentifier } from './names.ts'
import { outputArchives } from './recovery-stack.ts'
import { RegionFunctions } from './region-functions.ts'
import { RegionStack } from './region-stack.ts'
import type { StandbyDatabaseStack } from './standby-database-stack.ts'
import type { StandbyFoundationStack } from './standby-foundation-stack.ts'

export type StandbyRecoveryStackProps = {
  readonly config: EnvironmentConfig
  readonly foundation: StandbyFoundationStack
  readonly database: StandbyDatabaseStack
  readonly bundles: Bundles
}

/** The same proof in the other region: what must work when the home region is gone cannot run there. */
export class StandbyRecoveryStack extends RegionStack {
  constructor(scope: Construct, id: string, props: StandbyRecoveryStackProps) {
    const { config, foundation, database, bundles } = props
    super(scope, id, config, config.standbyRegion)
    const { standby } = database
    const functions = new RegionFunctions(this, 'Functions', {
      config,
      region: config.standbyRegion,
      keys: foundation.keys,
      network: foundation.network,
      groups: database.groups,
      reference: {
        identifier: standbyIdentifier(config),
        host: standby?.attrEndpointAddress ?? '',
        port: standby?.attrEndpointPort ?? '',
      },
      bundles,
    })
    if (config.archive.enabled) functions.addArchiveVerification()
    // Without a living instance in this region there is nothing that a copy could be compared with.
    if (standby) functions.addDrill('standby')
    functions.addReaper()
    functions.addFreshness()
    outputArchives(this, config, foundation.keys)
  }
}
