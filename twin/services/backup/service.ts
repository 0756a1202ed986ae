import type {
  BackupSelection,
  StartBackupJobCommandInput,
  StartCopyJobCommandInput,
} from '@aws-sdk/client-backup'
import * as schemas from '@aws-sdk/client-backup'
import type { Service } from '../../wire/call.ts'
import type { ServiceDependencies } from '../dependencies.ts'
import { jobOperations } from './job-operations.ts'
import { startBackup, startCopy } from './jobs.ts'
import { planOperations } from './plan-operations.ts'
import { pointOperations } from './point-operations.ts'
import { vaultOperations } from './vault-operations.ts'
import type { Backups, Job, Plan, RecoveryPoint, Snapshots, Vault } from './vaults.ts'

export type BackupDependencies = ServiceDependencies & { readonly snapshots: Snapshots }

/** The twin's AWS Backup, with what the rest of the twin asks of it. */
export type BackupService = {
  readonly service: Service
  policyOf(arn: string): unknown
  /** Does now what each rule of a plan would do by its schedule: a backup of every selected resource, then its copies. */
  runPlan(planId: string, resourcesOf: (selection: BackupSelection) => readonly string[]): Promise<void>
  /** Deletes what is past its retention. */
  expire(): Promise<void>
  /** Resolves when no job is under way. */
  settle(): Promise<void>
}

/** The AWS Backup of one twin, all regions. */
export function createBackup(dependencies: BackupDependencies): BackupService {
  const { account, clock, open, snapshots } = dependencies
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
        ...planOperations(backups),
      },
    },
    policyOf: arn => backups.vaults.values().find(vault => vault.arn === arn)?.policy,
    runPlan: (planId, resourcesOf) => runPlan(backups, planId, resourcesOf, settle),
    expire: async () => {
      for (const point of backups.points.values()) {
        if (point.deleteAt === undefined || Date.parse(point.deleteAt) > clock()) continue
        await snapshots.remove(point.arn)
        backups.points.delete(point.arn)
      }
    },
    settle,
  }
}

async function runPlan(
  backups: Backups,
  planId: string,
  resourcesOf: (selection: BackupSelection) => readonly string[],
  settle: () => Promise<void>,
): Promise<void> {
  const found = backups.plans.get(planId)
  if (!found) throw new Error(`there is no backup plan ${planId}. HINT: list the plans`)
  for (const rule of found.plan.Rules ?? []) {
    for (const selection of Object.values(found.selections)) {
      for (const ResourceArn of resourcesOf(selection)) {
        const roles = { IamRoleArn: selection.IamRoleArn }
        const lifecycle = rule.Lifecycle && { Lifecycle: rule.Lifecycle }
        const { BackupJobId } = startBackup(
          backups,
          {
            BackupVaultName: rule.TargetBackupVaultName,
            ResourceArn,
            ...roles,
            ...lifecycle,
          } as StartBackupJobCommandInput,
          found,
        )
        await settle()
        const RecoveryPointArn = backups.jobs.get(BackupJobId)?.recoveryPointArn
        for (const copy of RecoveryPointArn ? (rule.CopyActions ?? []) : []) {
          startCopy(
            backups,
            {
              RecoveryPointArn,
              SourceBackupVaultName: rule.TargetBackupVaultName,
              DestinationBackupVaultArn: copy.DestinationBackupVaultArn,
              ...roles,
              ...(copy.Lifecycle && { Lifecycle: copy.Lifecycle }),
            } as StartCopyJobCommandInput,
            found,
          )
        }
        await settle()
      }
    }
  }
}
