import { partitionOf } from '../config/regions.ts'
import type { EnvironmentConfig } from '../config/schema.ts'

/** What a bucket holds: change segments, snapshot exports, drill evidence, or the access logs of the other three. */
export type BucketPurpose = 'segments' | 'exports' | 'evidence' | 'logs'

/** Tag on everything of an environment; its value is `config.name`. */
export { ENVIRONMENT_TAG } from '../lambdas/restore-drill/names.ts'

/** `<app>-<environment>-<part>`: a stack's name. */
export function stackName(config: EnvironmentConfig, part: string): string {
  return `${config.name}-${part}`
}

/** Identifier of the in-region replica that the configuration calls `replica`. */
export function replicaIdentifier(config: EnvironmentConfig, replica: string): string {
  return `${config.name}-${replica}`
}

/** Identifier of the standby in the other region. */
export function standbyIdentifier(config: EnvironmentConfig): string {
  return `${config.name}-standby`
}

/** Every database identifier that serves production, wherever it runs; a drill may touch none of them. */
export function productionIdentifiers(config: EnvironmentConfig): readonly string[] {
  return [
    config.name,
    ...config.database.replicas.map(replica => replicaIdentifier(config, replica.name)),
    standbyIdentifier(config),
  ]
}

/** A literal ARN: a name that crosses a region must not be a reference. */
export function rdsArn(config: EnvironmentConfig, region: string, kind: string, name: string): string {
  return `arn:${partitionOf(region)}:rds:${region}:${config.account}:${kind}:${name}`
}

/** A bucket's name, which is unique in the world by account and region. */
export function bucketName(config: EnvironmentConfig, purpose: BucketPurpose, region: string): string {
  return `${config.name}-${purpose}-${config.account}-${region}`
}

/** ARN of the bucket, without a reference. */
export function bucketArn(config: EnvironmentConfig, purpose: BucketPurpose, region: string): string {
  return `arn:${partitionOf(region)}:s3:::${bucketName(config, purpose, region)}`
}

/** Alias of the region's data key. */
export function keyAlias(config: EnvironmentConfig): string {
  return `alias/${config.name}`
}

/** Alias of the region's key that signs evidence. */
export function evidenceKeyAlias(config: EnvironmentConfig): string {
  return `alias/${config.name}-evidence`
}

/** ARN of the vault of that region, without a reference. */
export function vaultArn(config: EnvironmentConfig, region: string): string {
  return `arn:${partitionOf(region)}:backup:${region}:${config.account}:backup-vault:${config.name}`
}

/** Name of the drill's own security group. */
export function drillGroup(config: EnvironmentConfig): string {
  return `${config.name}-drill`
}

/** `postgres18` for engine version `18.3`. */
export function parameterFamily(engineVersion: string): string {
  return `postgres${engineVersion.split('.')[0]}`
}

/**
 * Name of the parameter group of production, or of the drill. A group belongs to one major version for ever, so the
 * name carries it: an upgrade makes a new group beside the old one, where one name would collide and fail.
 */
export function parameterGroup(config: EnvironmentConfig, whose: 'production' | 'drill'): string {
  const stem = whose === 'drill' ? drillGroup(config) : config.name
  return `${stem}-${parameterFamily(config.database.engineVersion)}`
}

/** The private zone through which services reach the databases. */
export function zoneName(config: EnvironmentConfig): string {
  return `${config.name}.internal`
}

/**
 * What `rds-db:connect` is allowed on: one database user, on whichever instance. Which one is a matter of its tags: a
 * resource id is born with the instance, and a restore or a failback gives production another.
 */
export function connectArn(config: EnvironmentConfig, region: string, user: string): string {
  return `arn:${partitionOf(region)}:rds-db:${region}:${config.account}:dbuser:*/${user}`
}
