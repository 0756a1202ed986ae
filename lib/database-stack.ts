import type * as kms from 'aws-cdk-lib/aws-kms'
import type * as rds from 'aws-cdk-lib/aws-rds'
import type { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { createBackupPlan } from './backup-plan.ts'
import { Credentials } from './credentials.ts'
import { DatabaseGroups } from './database-groups.ts'
import type { FoundationStack } from './foundation-stack.ts'
import { createInstance, type InstanceKind } from './instance.ts'
import { createMonitoringRole } from './monitoring-role.ts'
import { replicaIdentifier } from './names.ts'
import { Pool } from './pool.ts'
import { RegionStack } from './region-stack.ts'
import { ServiceNames } from './service-names.ts'
import type { StandbyFoundationStack } from './standby-foundation-stack.ts'

export type DatabaseStackProps = {
  readonly config: EnvironmentConfig
  readonly foundation: FoundationStack
  readonly standbyFoundation: StandbyFoundationStack
}

type Replica = EnvironmentConfig['database']['replicas'][number]

/** The primary, its replicas and everything that they need to be found, entered and restored. */
export class DatabaseStack extends RegionStack {
  readonly primary: rds.CfnDBInstance
  readonly replicas: ReadonlyMap<Replica, rds.CfnDBInstance>
  readonly groups: DatabaseGroups
  /** ARN of the secret that holds the master password. */
  readonly secretArn: string

  readonly #props: DatabaseStackProps

  constructor(scope: Construct, id: string, props: DatabaseStackProps) {
    const { config, foundation } = props
    super(scope, id, config, config.region)
    this.#props = props
    this.groups = new DatabaseGroups(this, 'Groups', { config, network: foundation.network })
    const monitoringRoleArn = createMonitoringRole(this).roleArn
    const { primary, secretArn } = this.#createPrimary(monitoringRoleArn)
    this.primary = primary
    this.secretArn = secretArn
    this.replicas = new Map(
      config.database.replicas.map(replica => [replica, this.#createReplica(replica, monitoringRoleArn)]),
    )
    new ServiceNames(this, 'Names', {
      config,
      network: foundation.network,
      standbyNetwork: props.standbyFoundation.network,
      writer: this.#createWriter(),
      primary,
      replicas: this.replicas,
    })
    if (config.vault.enabled) createBackupPlan(this, config)
  }

  #createWriter(): string {
    const { config, foundation } = this.#props
    if (!config.pool.enabled) return this.primary.attrEndpointAddress
    const { network, keys } = foundation
    return new Pool(this, 'Pool', {
      config,
      network,
      key: keys.data,
      groups: this.groups,
      primary: this.primary,
    }).endpoint
  }

  #createPrimary(monitoringRoleArn: string): { primary: rds.CfnDBInstance; secretArn: string } {
    const { config, foundation, standbyFoundation } = this.#props
    const { database } = config
    const key = foundation.keys.data
    const settings = {
      config,
      identifier: config.name,
      instance: database.instance,
      multiAz: database.multiAz,
      groups: this.groups,
      key,
      monitoringRoleArn,
    }
    const kind: InstanceKind = {
      engine: 'postgres',
      // Only said here: a replica is encrypted because its source is, and CloudFormation refuses to hear it twice.
      storageEncrypted: true,
      engineVersion: database.engineVersion,
      dbName: database.name,
      dbSubnetGroupName: this.groups.subnets.ref,
      allocatedStorage: String(database.storage.size),
      masterUsername: database.masterUsername,
      ...(database.backup.replicate ? replicatedBackups(config, standbyFoundation.keys.data) : {}),
    }
    if (database.password === 'rds-managed') {
      const primary = createInstance(this, 'Primary', settings, {
        ...kind,
        manageMasterUserPassword: true,
        masterUserSecret: { kmsKeyId: key.keyArn },
      })
      return { primary, secretArn: primary.attrMasterUserSecretSecretArn }
    }
    const credentials = new Credentials(this, 'Master', { config, key })
    const primary = createInstance(this, 'Primary', settings, {
      ...kind,
      masterUserPassword: credentials.password,
    })
    credentials.attach(primary, { config, key, network: foundation.network, groups: this.groups })
    return { primary, secretArn: credentials.secret.ref }
  }

  #createReplica(replica: Replica, monitoringRoleArn: string): rds.CfnDBInstance {
    const { config, foundation } = this.#props
    const id = `Replica${replica.name.replace(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase())}`
    const instance = createInstance(
      this,
      id,
      {
        config,
        identifier: replicaIdentifier(config, replica.name),
        instance: replica.instance ?? config.database.instance,
        multiAz: false,
        groups: this.groups,
        key: foundation.keys.data,
        monitoringRoleArn,
      },
      // Losing this line promotes the replica at the next deployment.
      { sourceDbInstanceIdentifier: config.name, dbSubnetGroupName: this.groups.subnets.ref },
    )
    instance.addResourceDependency(this.primary)
    return instance
  }
}

// RDS keeps a copy of the automated backups in the other region, under that region's own key.
function replicatedBackups(config: EnvironmentConfig, key: kms.IKey): InstanceKind {
  return {
    automaticBackupReplicationRegion: config.standbyRegion,
    automaticBackupReplicationKmsKeyId: key.keyArn,
    automaticBackupReplicationRetentionPeriod: Math.ceil(config.database.backup.retention / 86_400),
  }
}
