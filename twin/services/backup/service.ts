import { setTimeout as sleep } from 'node:timers/promises'
import * as schemas from '@aws-sdk/client-backup'
import type { Service } from '../../wire/call.ts'
import type { ServiceDependencies } from '../dependencies.ts'
import { jobOperations } from './job-operations.ts'
import { failInterrupted } from './jobs.ts'
import { planOperations } from './plan-operations.ts'
import { type PlanRuns, planRuns } from './plan-runs.ts'
import { pointOperations } from './point-operations.ts'
import { vaultOperations } from './vault-operations.ts'
import type { Backups, Job, Plan, RecoveryPoint, Snapshots, Vault } from './vaults.ts'

export type BackupDependencies = ServiceDependencies & {
  readonly snapshots: Snapshots
  /** Told of a run that could not even begin. */
  readonly report: (text: string) => void
}

/** The twin's AWS Backup, with what the rest of the twin asks of it. */
export type BackupService = {
  readonly service: Service
  readonly plans: PlanRuns
  policyOf(arn: string): unknown
  /** Removes the recovery points whose retention is over; to be asked now and then. */
  expire(): Promise<void>
  /** Resolves when no job is under way. */
  settle(): Promise<void>
  /** Starts nothing any more and waits a moment for what is under way; what does not end then has failed. */
  close(): Promise<void>
}

const CLOSE_MS = 5_000

/** The AWS Backup of one twin, all regions. Its plans stand still until they are resumed. */
export function createBackup(dependencies: BackupDependencies): BackupService {
  const { account, clock, open, snapshots, report } = dependencies
  const backups: Backups = {
    account,
    clock,
    snapshots,
    vaults: open<Vault>('vaults'),
    points: open<RecoveryPoint>('points'),
    jobs: open<Job>('jobs'),
    plans: open<Plan>('plans'),
    underWay: new Set(),
  }
  failInterrupted(backups)
  const plans = planRuns(backups, report)
  let expiring: Promise<void> | undefined
  const settle = async () => {
    while (backups.underWay.size > 0) await Promise.all(backups.underWay)
  }
  return {
    service: {
      name: 'backup',
      schemas,
      protocol: 'rest-json',
      operations: {
        ...vaultOperations(backups),
        ...pointOperations(backups),
        ...jobOperations(backups),
        ...planOperations(backups, plans),
      },
    },
    plans,
    policyOf: arn => backups.vaults.values().find(vault => vault.arn === arn)?.policy,
    expire: () => {
      expiring ??= expire(backups, report).finally(() => {
        expiring = undefined
      })
      return expiring
    },
    settle,
    close: async () => {
      plans.stop()
      await Promise.race([Promise.all([expiring, settle()]), sleep(CLOSE_MS, undefined, { ref: false })])
    },
  }
}

async function expire(backups: Backups, report: (text: string) => void): Promise<void> {
  for (const { arn, deleteAt } of backups.points.values()) {
    if (deleteAt === undefined || Date.parse(deleteAt) > backups.clock()) continue
    try {
      await backups.snapshots.remove(arn)
      backups.points.delete(arn)
    } catch (error) {
      report(`recovery point ${arn} is past its retention and stays: ${(error as Error).message}`)
    }
  }
}
