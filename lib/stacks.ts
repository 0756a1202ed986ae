import { type App, Tags } from 'aws-cdk-lib'
import type { EnvironmentConfig } from '../config/schema.ts'
import { DatabaseStack } from './database-stack.ts'
import { FoundationStack } from './foundation-stack.ts'
import { stackName } from './names.ts'
import { StandbyFoundationStack } from './standby-foundation-stack.ts'

/** Every stack of one environment, each needing only those above it: there is no order in which a cycle could arise. */
export function createStacks(app: App, config: EnvironmentConfig): void {
  const standbyFoundation = new StandbyFoundationStack(app, stackName(config, 'standby-foundation'), config)
  const foundation = new FoundationStack(app, stackName(config, 'foundation'), config)
  // The home archives copy into the standby's: literal names do not tell CDK, so the order is said here.
  foundation.addStackDependency(standbyFoundation)
  new DatabaseStack(app, stackName(config, 'database'), { config, foundation, standbyFoundation })
  tagEverything(app, config)
}

function tagEverything(app: App, config: EnvironmentConfig): void {
  const tags = Tags.of(app)
  tags.add('holdfast:environment', config.name)
  tags.add('holdfast:owner', config.owner)
  tags.add('holdfast:cost-centre', config.costCentre)
}
