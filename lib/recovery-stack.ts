import { CfnOutput, Duration } from 'aws-cdk-lib'
import { Trigger } from 'aws-cdk-lib/triggers'
import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import type { Bundles } from './bundles.ts'
import type { DatabaseStack } from './database-stack.ts'
import type { FoundationStack } from './foundation-stack.ts'
import type { Keys } from './keys.ts'
import { bucketName, replicaIdentifier } from './names.ts'
import { RegionFunctions } from './region-functions.ts'
import { RegionStack } from './region-stack.ts'
import {
  archiverSettings,
  backupVerificationSettings,
  heartbeatSettings,
  type Instance,
  migrateSettings,
  workloadSettings,
} from './verbs.ts'

export type RecoveryStackProps = {
  readonly config: EnvironmentConfig
  readonly foundation: FoundationStack
  readonly database: DatabaseStack
  readonly bundles: Bundles
}

/** What proves, in the home region, that the database comes back. */
export class RecoveryStack extends RegionStack {
  constructor(scope: Construct, id: string, { config, foundation, database, bundles }: RecoveryStackProps) {
    super(scope, id, config, config.region)
    const { keys, network } = foundation
    const { primary, groups, secretArn } = database
    const functions = new RegionFunctions(this, 'Functions', {
      config,
      region: config.region,
      keys,
      network,
      groups,
      reference: {
        identifier: config.name,
        host: primary.attrEndpointAddress,
        port: primary.attrEndpointPort,
      },
      bundles,
    })
    this.#migrate(functions, secretArn)
    this.#everyMinute(functions, config)
    this.#verify(functions, config)
    functions.addDrill('home', replicaOf(database, config))
    functions.addReaper()
    functions.addFreshness()
    this.#workload(functions)
    outputArchives(this, config, keys)
  }

  // The schema must be there before anything is scheduled that writes into it.
  #migrate(functions: RegionFunctions, secretArn: string): void {
    const migrate = functions.add('migrate', migrateSettings(functions.surroundings('migrate'), secretArn))
    new Trigger(this, 'Migration', {
      handler: migrate.function,
      timeout: Duration.minutes(14),
      executeBefore: [functions.schedules],
    })
  }

  #everyMinute(functions: RegionFunctions, config: EnvironmentConfig): void {
    const heartbeat = functions.add('heartbeat', heartbeatSettings(functions.surroundings('heartbeat')))
    functions.schedules.add('Heartbeat', {
      expression: 'rate(1 minute)',
      description: 'a heartbeat a second',
      target: heartbeat.alias.functionArn,
    })
    if (!config.archive.enabled) return
    const archiver = functions.add('archiver', archiverSettings(functions.surroundings('archiver')))
    functions.schedules.add('Archiver', {
      expression: 'rate(1 minute)',
      description: 'the change stream into the archive',
      target: archiver.alias.functionArn,
    })
    functions.addArchiveVerification()
  }

  #workload(functions: RegionFunctions): void {
    const workload = functions.add('workload', workloadSettings(functions.surroundings('workload')))
    functions.schedules.add('Workload', {
      expression: 'rate(5 minutes)',
      description: 'what the services feel',
      target: workload.alias.functionArn,
    })
  }

  #verify(functions: RegionFunctions, config: EnvironmentConfig): void {
    const verb = 'backup-verification'
    const verification = functions.add(verb, backupVerificationSettings(functions.surroundings(verb)))
    functions.schedules.add('BackupVerification', {
      // An hour after the daily recovery point and the automated backup of any environment have been begun.
      expression: afterBackupWindow(config.database.backup.window),
      description: 'every backup is there, recent and locked',
      target: verification.alias.functionArn,
      retries: 2,
    })
  }
}

/** The last replica, undefined where there is none. Any shows the same rows; the first ones are the readers'. */
function replicaOf({ replicas }: DatabaseStack, config: EnvironmentConfig): Instance | undefined {
  const last = [...replicas].at(-1)
  if (last === undefined) return undefined
  const [{ name }, instance] = last
  return {
    identifier: replicaIdentifier(config, name),
    host: instance.attrEndpointAddress,
    port: instance.attrEndpointPort,
  }
}

function afterBackupWindow(window: string): string {
  const [hours, minutes] = window.split('-')[1]?.split(':').map(Number) ?? []
  return `cron(${minutes ?? 0} ${((hours ?? 0) + 2) % 24} * * ? *)`
}

/** The region's archives and the key that signs evidence, for people and for what deploys this. */
export function outputArchives(stack: RegionStack, config: EnvironmentConfig, keys: Keys): void {
  new CfnOutput(stack, 'SegmentsBucket', { value: bucketName(config, 'segments', stack.region) })
  new CfnOutput(stack, 'ExportsBucket', { value: bucketName(config, 'exports', stack.region) })
  new CfnOutput(stack, 'EvidenceBucket', { value: bucketName(config, 'evidence', stack.region) })
  new CfnOutput(stack, 'EvidenceKeyArn', { value: keys.evidence.keyArn })
}
