import type { EnvironmentConfig } from '../config/schema.ts'
import { ROTATION_DAYS } from './keys.ts'
import {
  type BucketPurpose,
  bucketName,
  evidenceKeyAlias,
  keyAlias,
  replicaIdentifier,
  standbyIdentifier,
} from './names.ts'

const DAY = 86_400
/** Hours between two recovery points, and as many again for a copy to arrive. */
const VAULT_WITHIN = 14 * 3_600

/** What `backup-verification` must find in each region, as its request.ts reads it. */
export function expectations(config: EnvironmentConfig): { regions: readonly unknown[] } {
  return { regions: [home(config), standby(config)] }
}

function home(config: EnvironmentConfig): unknown {
  const retentionDays = Math.ceil(config.database.backup.retention / DAY)
  return {
    region: config.region,
    key: keyAlias(config),
    instances: [
      { identifier: config.name, retentionDays },
      // A replica cannot be restored to a moment; its own backups exist for the day of its promotion.
      ...config.database.replicas.map(replica => ({
        identifier: replicaIdentifier(config, replica.name),
        retentionDays: 0,
      })),
    ],
    vaults: vaults(config),
    buckets: buckets(config, config.region, config.standbyRegion),
    keys: keys(config),
  }
}

function standby(config: EnvironmentConfig): unknown {
  const retentionDays = Math.ceil(config.database.backup.retention / DAY)
  return {
    region: config.standbyRegion,
    key: keyAlias(config),
    instances: config.standby.enabled ? [{ identifier: standbyIdentifier(config), retentionDays: 0 }] : [],
    replicated: config.database.backup.replicate
      ? [{ source: config.name, sourceRegion: config.region, retentionDays }]
      : [],
    vaults: vaults(config),
    buckets: buckets(config, config.standbyRegion),
    keys: keys(config),
  }
}

function vaults(config: EnvironmentConfig): unknown[] {
  return config.vault.enabled ? [{ name: config.name, source: config.name, withinSeconds: VAULT_WITHIN }] : []
}

/** Both keys of a region; KMS does not rotate the one that signs. */
function keys(config: EnvironmentConfig): unknown[] {
  return [{ key: keyAlias(config), rotatesWithinDays: ROTATION_DAYS }, { key: evidenceKeyAlias(config) }]
}

function buckets(config: EnvironmentConfig, region: string, to?: string): unknown[] {
  const expected = (purpose: BucketPurpose, lockDays: number) => ({
    name: bucketName(config, purpose, region),
    lockDays,
    ...(to === undefined ? {} : { replicatesTo: bucketName(config, purpose, to) }),
  })
  return [
    expected('segments', 0),
    expected('exports', 0),
    expected('evidence', Math.ceil(config.evidence.retention / DAY)),
  ]
}
