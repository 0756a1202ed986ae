import { type App, Tags } from 'aws-cdk-lib'
import type { EnvironmentConfig } from '../config/schema.ts'
import { spendRow } from './alarms/spend.ts'
import type { Bundles } from './bundles.ts'
import { CacheStack } from './cache-stack.ts'
import { DatabaseStack } from './database-stack.ts'
import { FoundationStack } from './foundation-stack.ts'
import { MonitoringStack } from './monitoring-stack.ts'
import { ENVIRONMENT_TAG, stackName } from './names.ts'
import { RecoveryStack } from './recovery-stack.ts'
import { SpendStack } from './spend-stack.ts'
import { StandbyDatabaseStack } from './standby-database-stack.ts'
import { StandbyFoundationStack } from './standby-foundation-stack.ts'
import { StandbyRecoveryStack } from './standby-recovery-stack.ts'

/** Every stack of one environment, each needing only those above it: there is no order in which a cycle could arise. */
export function createStacks(app: App, config: EnvironmentConfig, bundles: Bundles): void {
  const standbyFoundation = new StandbyFoundationStack(app, stackName(config, 'standby-foundation'), config)
  const foundation = new FoundationStack(app, stackName(config, 'foundation'), config)
  // The home archives copy into the standby's: literal names do not tell CDK, so the order is said here.
  foundation.addStackDependency(standbyFoundation)
  const database = new DatabaseStack(app, stackName(config, 'database'), {
    config,
    foundation,
    standbyFoundation,
  })
  const standbyDatabase = needsStandbyRegion(config)
    ? new StandbyDatabaseStack(app, stackName(config, 'standby-database'), {
        config,
        foundation: standbyFoundation,
      })
    : undefined
  // The standby names its source by a literal ARN, so CDK does not see that the primary comes first.
  standbyDatabase?.addStackDependency(database)
  if (config.cache.enabled) new CacheStack(app, stackName(config, 'cache'), { config, foundation })
  new RecoveryStack(app, stackName(config, 'recovery'), {
    config,
    foundation,
    database,
    bundles,
  })
  if (standbyDatabase)
    new StandbyRecoveryStack(app, stackName(config, 'standby-recovery'), {
      config,
      foundation: standbyFoundation,
      database: standbyDatabase,
      bundles,
    })
  const monitoring = new MonitoringStack(app, stackName(config, 'monitoring'), {
    config,
    region: config.region,
    keys: foundation.keys,
  })
  // RDS refuses to tell of instances that are not there yet; they are named, not referred to.
  monitoring.addStackDependency(database)
  if (standbyDatabase)
    new MonitoringStack(app, stackName(config, 'standby-monitoring'), {
      config,
      region: config.standbyRegion,
      keys: standbyFoundation.keys,
    }).addStackDependency(standbyDatabase)
  const row = spendRow(config)
  // It speaks to the monitoring's topic, which it names by a literal ARN.
  if (row) new SpendStack(app, stackName(config, 'spend'), { config, row }).addStackDependency(monitoring)
  tagEverything(app, config)
}

/** Whether anything of the database is kept in the other region, so that something must be able to bring it back there. */
function needsStandbyRegion(config: EnvironmentConfig): boolean {
  return config.standby.enabled || config.database.backup.replicate
}

function tagEverything(app: App, config: EnvironmentConfig): void {
  const tags = Tags.of(app)
  tags.add(ENVIRONMENT_TAG, config.name)
  tags.add('holdfast:owner', config.owner)
  tags.add('holdfast:cost-centre', config.costCentre)
}
