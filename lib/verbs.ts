import { createHash } from 'node:crypto'
import { Duration } from 'aws-cdk-lib'
import type * as iam from 'aws-cdk-lib/aws-iam'
import type * as lambda from 'aws-cdk-lib/aws-lambda'
import type { EnvironmentConfig } from '../config/schema.ts'
import * as archiveVerification from '../lambdas/archive-verification/names.ts'
import * as archiver from '../lambdas/archiver/names.ts'
import * as backupVerification from '../lambdas/backup-verification/names.ts'
import * as examine from '../lambdas/examine/names.ts'
import * as freshness from '../lambdas/freshness/names.ts'
import * as heartbeat from '../lambdas/heartbeat/names.ts'
import * as migrate from '../lambdas/migrate/names.ts'
import * as reaper from '../lambdas/reaper/names.ts'
import * as restoreDrill from '../lambdas/restore-drill/names.ts'
import * as rollForward from '../lambdas/roll-forward/names.ts'
import * as workload from '../lambdas/workload/names.ts'
import type { DatabaseGroups } from './database-groups.ts'
import { expectations } from './expectations.ts'
import type { Keys } from './keys.ts'
import { bucketName } from './names.ts'
import * as permissions from './permissions.ts'

/** A living instance that functions of its region talk to. */
export type Instance = {
  readonly identifier: string
  readonly host: string
  /** Said by the instance, as its host is. */
  readonly port: string
}

/** Where functions run and what they find there. */
export type Surroundings = {
  readonly config: EnvironmentConfig
  readonly region: string
  readonly keys: Keys
  readonly groups: DatabaseGroups
  /** The primary at home, the standby replica in the other region. */
  readonly reference: Instance
  /** SHA-256 of the verb's own code. */
  readonly code: string
}

/** What makes one verb different from the others. */
export type VerbSettings = {
  readonly description: string
  readonly environment: Readonly<Record<string, string>>
  readonly may: readonly iam.PolicyStatement[]
  /** MiB */
  readonly memory: number
  /** Seconds */
  readonly timeout: number
  /** Whether it talks to a database, and so runs in the data subnets. */
  readonly inNetwork: boolean
  readonly durable?: lambda.DurableConfig
}

// Seconds between two looks at a restoring instance: it takes tens of minutes, and every look counts against 3,000.
const POLL_SECONDS = 30
// Seconds after which a standing archive is a fault: five times the fifteen minutes of its replication at worst.
const ARCHIVE_MAXIMUM_AGE = 900

export function heartbeatSettings({ config, region, reference, code }: Surroundings): VerbSettings {
  return {
    description: 'writes a heartbeat a second on the primary',
    environment: variables(heartbeat.ENV, {
      ...login(config, reference, heartbeat.USER),
      instance: reference.identifier,
      code,
    }),
    may: permissions.heartbeatMay({ config, region }),
    memory: 256,
    timeout: 90,
    inNetwork: true,
  }
}

export function archiverSettings({ config, region, reference, keys, code }: Surroundings): VerbSettings {
  return {
    description: 'appends the change stream to the archive',
    environment: variables(archiver.ENV, {
      ...login(config, reference, archiver.USER),
      instance: reference.identifier,
      bucket: bucketName(config, 'segments', region),
      retention: String(config.archive.retention),
      code,
    }),
    may: permissions.archiverMay({ config, region }, keys.data.keyArn),
    memory: 1_024,
    // One transaction may take longer than any run: it must fit into the longest that Lambda allows.
    timeout: 900,
    inNetwork: true,
  }
}

export function archiveVerificationSettings({ config, region, keys }: Surroundings): VerbSettings {
  return {
    description: 'reads the archive back and checks its chain',
    environment: variables(archiveVerification.ENV, {
      bucket: bucketName(config, 'segments', region),
      instance: config.name,
      maximumAge: String(ARCHIVE_MAXIMUM_AGE),
    }),
    may: permissions.archiveVerificationMay({ config, region }, keys.data.keyArn),
    memory: 1_024,
    timeout: 900,
    inNetwork: false,
  }
}

export function backupVerificationSettings({ config }: Surroundings): VerbSettings {
  return {
    description: 'checks that every backup exists, is recent and is locked',
    environment: variables(backupVerification.ENV, {
      name: config.name,
      expectations: JSON.stringify(expectations(config)),
    }),
    may: permissions.backupVerificationMay(config),
    memory: 512,
    timeout: 300,
    inNetwork: false,
  }
}

/** @param witnessed whom the witness reads: a replica where there is one */
export function examineSettings(
  { config, region, reference, keys, code }: Surroundings,
  witnessed: Instance,
): VerbSettings {
  // The witness and the archive belong to the primary, which lives at home.
  const archived = config.archive.enabled && region === config.region
  return {
    description: 'examines a copy and compares it with the living database',
    environment: variables(examine.ENV, {
      ...{ name: config.name, instance: reference.identifier, host: reference.host, port: reference.port },
      database: config.database.name,
      ...{
        witnessedInstance: witnessed.identifier,
        witnessedHost: witnessed.host,
        witnessedPort: witnessed.port,
      },
      bucket: archived ? bucketName(config, 'segments', region) : '',
      retention: String(config.archive.retention),
      code,
    }),
    may: permissions.examineMay({ config, region }, archived ? keys.data.keyArn : undefined),
    memory: 1_769,
    timeout: 900,
    inNetwork: true,
  }
}

export function restoreDrillSettings(
  surroundings: Surroundings,
  examineArn: string,
  rollForwardArn?: string,
): VerbSettings {
  const { config, region, keys, groups, reference, code } = surroundings
  return {
    description: 'restores the database, proves the copy and signs what it found',
    environment: variables(restoreDrill.ENV, {
      name: config.name,
      account: config.account,
      source: config.name,
      sourceRegion: config.region,
      reference: reference.identifier,
      subnetGroup: groups.subnets.ref,
      securityGroup: groups.drillSecurity.securityGroupId,
      parameterGroup: groups.drillParameters.ref,
      instanceClass: `db.${config.database.instance}`,
      database: config.database.name,
      examine: examineArn,
      rollForward: rollForwardArn ?? '',
      evidenceBucket: bucketName(config, 'evidence', region),
      evidenceKey: keys.evidence.keyArn,
      evidenceRetention: String(config.evidence.retention),
      pollSeconds: String(POLL_SECONDS),
      configDigest: configDigest(config),
      code,
    }),
    may: permissions.restoreDrillMay({
      config,
      region,
      dataKeyArn: keys.data.keyArn,
      evidenceKeyArn: keys.evidence.keyArn,
      invokeArns: rollForwardArn === undefined ? [examineArn] : [examineArn, rollForwardArn],
    }),
    memory: 512,
    timeout: 900,
    inNetwork: false,
    // A terabyte restores within hours; a day is the end of patience. The history outlives a quarter's audit.
    durable: { executionTimeout: Duration.hours(24), retentionPeriod: Duration.days(90) },
  }
}

export function rollForwardSettings({ config, region, reference, keys, code }: Surroundings): VerbSettings {
  return {
    description: 'applies the tail of the archive to a restored copy',
    environment: variables(rollForward.ENV, {
      bucket: bucketName(config, 'segments', region),
      instance: config.name,
      database: config.database.name,
      primaryHost: reference.host,
      primaryPort: reference.port,
      code,
    }),
    may: permissions.rollForwardMay({ config, region }, keys.data.keyArn),
    memory: 1_769,
    timeout: 900,
    inNetwork: true,
  }
}

export function freshnessSettings({ config, region }: Surroundings): VerbSettings {
  return {
    description: 'measures how old the newest proof of each kind is',
    environment: variables(freshness.ENV, {
      name: config.name,
      source: config.name,
      sourceRegion: config.region,
      evidenceBucket: bucketName(config, 'evidence', region),
      segmentsBucket: config.archive.enabled ? bucketName(config, 'segments', region) : '',
      drills: JSON.stringify(drilledModes(config)),
    }),
    may: permissions.freshnessMay({ config, region }),
    memory: 512,
    timeout: 240,
    inNetwork: false,
  }
}

export function workloadSettings({ config, region, reference }: Surroundings): VerbSettings {
  return {
    description: 'measures what the services feel: statements, locks, rollbacks, bloat',
    environment: variables(workload.ENV, {
      ...login(config, reference, workload.USER),
      instance: reference.identifier,
    }),
    may: permissions.workloadMay({ config, region }),
    memory: 256,
    timeout: 120,
    inNetwork: true,
  }
}

/** The modes that are drilled, each with the region whose chain holds its evidence. */
function drilledModes(config: EnvironmentConfig): { mode: string; region: string }[] {
  return Object.keys(config.drills).map(mode => ({
    mode,
    region: mode === 'region-loss' ? config.standbyRegion : config.region,
  }))
}

export function reaperSettings({ config, region }: Surroundings): VerbSettings {
  return {
    description: 'deletes drill copies that outlived their drill',
    environment: variables(reaper.ENV, { name: config.name, source: config.name }),
    may: permissions.reaperMay({ config, region }),
    memory: 256,
    timeout: 300,
    inNetwork: false,
  }
}

export function migrateSettings({ config, reference }: Surroundings, secretArn: string): VerbSettings {
  return {
    description: 'brings the schema of Holdfast up to date',
    environment: variables(migrate.ENV, {
      host: reference.host,
      port: reference.port,
      database: config.database.name,
      secret: secretArn,
      tables: JSON.stringify(config.archive.enabled ? config.archive.tables : []),
    }),
    may: permissions.migrateMay(secretArn),
    memory: 512,
    timeout: 900,
    inNetwork: true,
  }
}

function login(config: EnvironmentConfig, instance: Instance, user: string) {
  return { host: instance.host, port: instance.port, database: config.database.name, user }
}

/** The variables by the names that the verb's own `names.ts` gives them; one that was forgotten does not compile. */
function variables<Key extends string>(
  names: Readonly<Record<Key, string>>,
  values: Readonly<Record<Key, string>>,
): Record<string, string> {
  const keys = Object.keys(names) as Key[]
  return Object.fromEntries(keys.map(key => [names[key], values[key]]))
}

/** SHA-256 of the configuration, the same whatever the order of its keys. */
export function configDigest(config: EnvironmentConfig): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(config)))
    .digest('hex')
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
