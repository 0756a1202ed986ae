import type { BackupPlanInput, BackupSelection, Lifecycle } from '@aws-sdk/client-backup'
import type { Collection } from '../../state/collection.ts'
import { WireError } from '../../wire/call.ts'

/** A vault of one region, with its lock. */
export type Vault = {
  readonly name: string
  readonly arn: string
  readonly region: string
  readonly keyArn: string
  readonly createdAt: string
  readonly policy?: string
  readonly tags: Readonly<Record<string, string>>
  readonly lock?: { readonly minDays?: number; readonly maxDays?: number; readonly from?: string }
}

/** A recovery point; for RDS its ARN is that of a snapshot. */
export type RecoveryPoint = {
  readonly arn: string
  readonly vault: string
  readonly region: string
  readonly resourceArn: string
  readonly createdAt: string
  readonly completedAt: string
  readonly deleteAt?: string
  readonly deleteAfterDays?: number
  readonly roleArn: string
  readonly keyArn: string
  readonly sourceVaultArn?: string
  readonly bytes: number
}

/** A job, of backup or copy. */
export type Job = {
  readonly id: string
  readonly kind: 'backup' | 'copy'
  readonly region: string
  readonly vault: string
  readonly resourceArn: string
  readonly state: 'CREATED' | 'RUNNING' | 'COMPLETED' | 'FAILED'
  readonly message?: string
  readonly recoveryPointArn?: string
  readonly createdAt: string
  readonly completedAt?: string
  readonly roleArn: string
  readonly sourceVaultArn?: string
  readonly destinationVaultArn?: string
}

export type Plan = {
  readonly id: string
  readonly arn: string
  readonly region: string
  readonly plan: BackupPlanInput
  readonly createdAt: string
  readonly selections: Readonly<Record<string, BackupSelection>>
}

/** What a snapshot is to AWS Backup. */
export type Snapshots = {
  /** Takes one and resolves when it is available: its ARN and size. */
  take(resourceArn: string, name: string): Promise<{ readonly arn: string; readonly bytes: number }>
  /** Copies one into another region under a key of that region; resolves when it is available. */
  copy(
    snapshotArn: string,
    region: string,
    keyArn: string,
    name: string,
  ): Promise<{ readonly arn: string; readonly bytes: number }>
  remove(snapshotArn: string): Promise<void>
}

export type Backups = {
  readonly account: string
  readonly clock: () => number
  readonly vaults: Collection<Vault>
  readonly points: Collection<RecoveryPoint>
  readonly jobs: Collection<Job>
  readonly plans: Collection<Plan>
  readonly snapshots: Snapshots
  readonly underWay: Set<Promise<void>>
}

const DAY_MS = 86_400_000

export const vaultArn = (account: string, region: string, name: string) =>
  `arn:aws:backup:${region}:${account}:backup-vault:${name}`

/** The vault that a name means in a region. */
export function requireVault(backups: Backups, name: string | undefined, region: string): Vault {
  const vault = backups.vaults.get(`${region}/${name}`)
  if (!vault) {
    const message = `Backup vault ${name} does not exist.`
    throw new WireError('ResourceNotFoundException', message, 400)
  }
  return vault
}

/** The vault of an ARN, in any region. */
export function requireVaultByArn(backups: Backups, arn: string | undefined): Vault {
  return requireVault(backups, arn?.split(':').at(-1), arn?.split(':')[3] ?? '')
}

/** When a recovery point with this lifecycle ends; one that the vault's lock does not take is refused. */
export function retentionFor(vault: Vault, lifecycle: Lifecycle | undefined): number | undefined {
  const days = lifecycle?.DeleteAfterDays
  const { minDays, maxDays } = vault.lock ?? {}
  const tooShort = minDays !== undefined && days !== undefined && days < minDays
  const tooLong = maxDays !== undefined && (days === undefined || days > maxDays)
  if (tooShort || tooLong) {
    const message = `Retention of ${days ?? 'unlimited'} days is not within the vault lock's ${minDays ?? 0} to ${maxDays ?? 'unlimited'} days.`
    throw new WireError('InvalidParameterValueException', message, 400)
  }
  return days
}

/** Refuses to delete what the vault's lock holds. */
export function assertDeletable(vault: Vault, point: RecoveryPoint, now: number): void {
  if (!vault.lock || (point.deleteAt !== undefined && Date.parse(point.deleteAt) <= now)) return
  const message = `Recovery point ${point.arn} cannot be deleted: the vault ${vault.name} is locked.`
  throw new WireError('InvalidRequestException', message, 400)
}

/** Keeps a recovery point. */
export function keepPoint(
  backups: Backups,
  vault: Vault,
  point: Pick<RecoveryPoint, 'arn' | 'resourceArn' | 'roleArn' | 'bytes'> & {
    readonly sourceVaultArn?: string
    readonly createdAt: string
  },
  days: number | undefined,
): void {
  backups.points.set(point.arn, {
    ...point,
    vault: vault.name,
    region: vault.region,
    keyArn: vault.keyArn,
    completedAt: new Date(backups.clock()).toISOString(),
    ...(days !== undefined && {
      deleteAfterDays: days,
      deleteAt: new Date(Date.parse(point.createdAt) + days * DAY_MS).toISOString(),
    }),
  })
}
