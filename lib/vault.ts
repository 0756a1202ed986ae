import * as backup from 'aws-cdk-lib/aws-backup'
import type * as kms from 'aws-cdk-lib/aws-kms'
import { Construct } from 'constructs'
import type { EnvironmentConfig } from '../config/schema.ts'
import { KEPT } from './kept.ts'

// Days in which a lock that was a mistake can still be taken back; AWS wants three at least.
const COOLING_OFF_DAYS = 3

export type VaultProps = {
  readonly config: EnvironmentConfig
  readonly key: kms.IKey
  /** `compliance`: after the cooling-off nobody, not even the account's root, can shorten or delete anything. */
  readonly lock: 'governance' | 'compliance'
}

/** A vault whose recovery points nobody can delete before their time. */
export class Vault extends Construct {
  constructor(scope: Construct, id: string, { config, key, lock }: VaultProps) {
    super(scope, id)
    const days = Math.ceil(config.vault.retention / 86_400)
    const vault = new backup.CfnBackupVault(this, 'Vault', {
      backupVaultName: config.name,
      encryptionKeyArn: key.keyArn,
      lockConfiguration: {
        minRetentionDays: Math.min(7, days),
        ...(lock === 'compliance' ? { changeableForDays: COOLING_OFF_DAYS } : {}),
      },
    })
    vault.applyRemovalPolicy(KEPT)
  }
}
