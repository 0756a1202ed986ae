import { randomUUID } from 'node:crypto'
import type { BackupPlanInput, BackupSelection } from '@aws-sdk/client-backup'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { anywhere } from '../dependencies.ts'
import { type PlanRuns, recurrenceOf, resourcesOf } from './plan-runs.ts'
import { type Backups, type Plan, requireVault } from './vaults.ts'

/** The operations on plans and selections; a plan that is there runs by itself. */
export function planOperations(backups: Backups, runs: PlanRuns): Record<string, Operation> {
  const planArn = (region: string, id: string) =>
    `arn:aws:backup:${region}:${backups.account}:backup-plan:${id}`
  const on = (action: string) => (input: { BackupPlanId?: string }, call: Call) => [
    { action, resource: planArn(call.region, input.BackupPlanId ?? '*') },
  ]
  const requirePlan = (id: string | undefined): Plan => {
    const plan = backups.plans.get(id ?? '')
    if (!plan) throw new WireError('ResourceNotFoundException', `There is no backup plan ${id}.`, 400)
    return plan
  }
  return {
    CreateBackupPlan: {
      questions: on('backup:CreateBackupPlan'),
      run: (input: { BackupPlan?: BackupPlanInput }, call) => {
        const id = randomUUID()
        const createdAt = new Date(backups.clock()).toISOString()
        const plan = input.BackupPlan as BackupPlanInput
        for (const rule of plan.Rules ?? []) {
          requireVault(backups, rule.TargetBackupVaultName, call.region)
          recurrenceOf(rule)
        }
        const made: Plan = {
          id,
          arn: planArn(call.region, id),
          region: call.region,
          plan,
          createdAt,
          selections: {},
        }
        backups.plans.set(id, made)
        runs.put(made)
        return {
          BackupPlanId: id,
          BackupPlanArn: planArn(call.region, id),
          CreationDate: new Date(createdAt),
          VersionId: id,
        }
      },
    },
    GetBackupPlan: {
      questions: on('backup:GetBackupPlan'),
      run: (input: { BackupPlanId?: string }) => {
        const { id, arn, plan, createdAt } = requirePlan(input.BackupPlanId)
        return {
          BackupPlan: plan,
          BackupPlanId: id,
          BackupPlanArn: arn,
          CreationDate: new Date(createdAt),
          VersionId: id,
        }
      },
    },
    ListBackupPlans: {
      questions: () => anywhere('backup:ListBackupPlans'),
      run: (_: unknown, call) => ({
        BackupPlansList: backups.plans
          .values()
          .filter(({ region }) => region === call.region)
          .map(({ id, arn, plan, createdAt }) => ({
            BackupPlanId: id,
            BackupPlanArn: arn,
            BackupPlanName: plan.BackupPlanName,
            CreationDate: new Date(createdAt),
          })),
      }),
    },
    DeleteBackupPlan: {
      questions: on('backup:DeleteBackupPlan'),
      run: (input: { BackupPlanId?: string }) => {
        const found = requirePlan(input.BackupPlanId)
        const { id, arn } = found
        backups.plans.delete(id)
        runs.remove(found)
        return { BackupPlanId: id, BackupPlanArn: arn, DeletionDate: new Date(backups.clock()) }
      },
    },
    CreateBackupSelection: {
      questions: on('backup:CreateBackupSelection'),
      run: (input: { BackupPlanId?: string; BackupSelection?: BackupSelection }) => {
        const plan = requirePlan(input.BackupPlanId)
        const id = randomUUID()
        const selection = input.BackupSelection as BackupSelection
        resourcesOf(selection)
        backups.plans.set(plan.id, { ...plan, selections: { ...plan.selections, [id]: selection } })
        return { SelectionId: id, BackupPlanId: plan.id, CreationDate: new Date(backups.clock()) }
      },
    },
    ListBackupSelections: {
      questions: on('backup:ListBackupSelections'),
      run: (input: { BackupPlanId?: string }) => ({
        BackupSelectionsList: Object.entries(requirePlan(input.BackupPlanId).selections).map(
          ([id, selection]) => ({
            SelectionId: id,
            SelectionName: selection.SelectionName,
            BackupPlanId: input.BackupPlanId,
            IamRoleArn: selection.IamRoleArn,
          }),
        ),
      }),
    },
  }
}
