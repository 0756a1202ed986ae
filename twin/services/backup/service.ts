import { randomUUID } from 'node:crypto'
import type {
  BackupPlanInput,
  BackupSelection,
  ListRecoveryPointsByBackupVaultCommandInput,
  PutBackupVaultLockConfigurationCommandInput,
  StartBackupJobCommandInput,
  StartCopyJobCommandInput,
} from '@aws-sdk/client-backup'
import * as schemas from '@aws-sdk/client-backup'
import { type Call, type Operation, type Service, WireError } from '../../wire/call.ts'
import { anywhere, resourceTagContext, type ServiceDependencies } from '../dependencies.ts'
import { startBackup, startCopy } from './jobs.ts'
import {
  assertDeletable,
  type Backups,
  type Job,
  type Plan,
  type RecoveryPoint,
  requireVault,
  requireVaultByArn,
  type Snapshots,
  type Vault,
  vaultArn,
} from './vaults.ts'

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

type Named = { readonly BackupVaultName?: string; readonly RecoveryPointArn?: string }

const onVault = (backups: Backups, action: string) => (input: Named, call: Call) => [
  {
    action,
    resource: vaultArn(backups.account, call.region, input.BackupVaultName ?? '*'),
    context: resourceTagContext(backups.vaults.get(`${call.region}/${input.BackupVaultName}`)?.tags),
  },
]

function describeVault(backups: Backups, vault: Vault) {
  const count = backups.points
    .values()
    .filter(point => point.vault === vault.name && point.region === vault.region).length
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    EncryptionKeyArn: vault.keyArn,
    CreationDate: new Date(vault.createdAt),
    NumberOfRecoveryPoints: count,
    Locked: vault.lock !== undefined,
    ...(vault.lock && {
      MinRetentionDays: vault.lock.minDays,
      MaxRetentionDays: vault.lock.maxDays,
      ...(vault.lock.from && { LockDate: new Date(vault.lock.from) }),
    }),
  }
}

const DAY_MS = 86_400_000

function lock(backups: Backups, input: PutBackupVaultLockConfigurationCommandInput, call: Call) {
  const vault = requireVault(backups, input.BackupVaultName, call.region)
  if (vault.lock?.from && Date.parse(vault.lock.from) <= backups.clock()) {
    throw new WireError(
      'InvalidRequestException',
      `The lock of vault ${vault.name} can no longer be changed.`,
      400,
    )
  }
  const days = input.ChangeableForDays
  if (days !== undefined && days < 3) {
    throw new WireError('InvalidParameterValueException', 'ChangeableForDays must be at least 3.', 400)
  }
  backups.vaults.set(`${vault.region}/${vault.name}`, {
    ...vault,
    lock: {
      ...(input.MinRetentionDays !== undefined && { minDays: input.MinRetentionDays }),
      ...(input.MaxRetentionDays !== undefined && { maxDays: input.MaxRetentionDays }),
      ...(days !== undefined && { from: new Date(backups.clock() + days * DAY_MS).toISOString() }),
    },
  })
  return {}
}

function vaultOperations(backups: Backups): Record<string, Operation> {
  return {
    CreateBackupVault: {
      questions: onVault(backups, 'backup:CreateBackupVault'),
      run: (input: Named & { EncryptionKeyArn?: string; BackupVaultTags?: Record<string, string> }, call) => {
        const name = input.BackupVaultName ?? ''
        if (backups.vaults.has(`${call.region}/${name}`)) {
          throw new WireError('AlreadyExistsException', `Backup vault ${name} already exists.`, 400)
        }
        const vault: Vault = {
          name,
          arn: vaultArn(backups.account, call.region, name),
          region: call.region,
          keyArn: input.EncryptionKeyArn ?? 'alias/aws/backup',
          createdAt: new Date(backups.clock()).toISOString(),
          tags: input.BackupVaultTags ?? {},
        }
        backups.vaults.set(`${call.region}/${name}`, vault)
        return { BackupVaultName: name, BackupVaultArn: vault.arn, CreationDate: new Date(vault.createdAt) }
      },
    },
    DescribeBackupVault: {
      questions: onVault(backups, 'backup:DescribeBackupVault'),
      run: (input: Named, call) =>
        describeVault(backups, requireVault(backups, input.BackupVaultName, call.region)),
    },
    ListBackupVaults: {
      questions: () => anywhere('backup:ListBackupVaults'),
      run: (_: unknown, call) => ({
        BackupVaultList: backups.vaults
          .values()
          .filter(({ region }) => region === call.region)
          .map(vault => describeVault(backups, vault)),
      }),
    },
    DeleteBackupVault: {
      questions: onVault(backups, 'backup:DeleteBackupVault'),
      run: (input: Named, call) => {
        const vault = requireVault(backups, input.BackupVaultName, call.region)
        if (describeVault(backups, vault).NumberOfRecoveryPoints > 0) {
          throw new WireError('InvalidRequestException', `Backup vault ${vault.name} is not empty.`, 400)
        }
        backups.vaults.delete(`${vault.region}/${vault.name}`)
        return {}
      },
    },
    PutBackupVaultLockConfiguration: {
      questions: onVault(backups, 'backup:PutBackupVaultLockConfiguration'),
      run: (input: PutBackupVaultLockConfigurationCommandInput, call) => lock(backups, input, call),
    },
    DeleteBackupVaultLockConfiguration: {
      questions: onVault(backups, 'backup:DeleteBackupVaultLockConfiguration'),
      run: (input: Named, call) => {
        const { lock: held, ...vault } = requireVault(backups, input.BackupVaultName, call.region)
        if (held?.from && Date.parse(held.from) <= backups.clock()) {
          throw new WireError(
            'InvalidRequestException',
            `The lock of vault ${vault.name} can no longer be removed.`,
            400,
          )
        }
        backups.vaults.set(`${vault.region}/${vault.name}`, vault)
        return {}
      },
    },
    PutBackupVaultAccessPolicy: {
      questions: onVault(backups, 'backup:PutBackupVaultAccessPolicy'),
      run: (input: Named & { Policy?: string }, call) => {
        const vault = requireVault(backups, input.BackupVaultName, call.region)
        backups.vaults.set(`${vault.region}/${vault.name}`, {
          ...vault,
          ...(input.Policy && { policy: input.Policy }),
        })
        return {}
      },
    },
    GetBackupVaultAccessPolicy: {
      questions: onVault(backups, 'backup:GetBackupVaultAccessPolicy'),
      run: (input: Named, call) => {
        const vault = requireVault(backups, input.BackupVaultName, call.region)
        if (!vault.policy)
          throw new WireError('ResourceNotFoundException', `Vault ${vault.name} has no policy.`, 400)
        return { BackupVaultName: vault.name, BackupVaultArn: vault.arn, Policy: vault.policy }
      },
    },
  }
}

function show(backups: Backups, point: RecoveryPoint) {
  const name = point.vault
  return {
    RecoveryPointArn: point.arn,
    BackupVaultName: name,
    BackupVaultArn: vaultArn(backups.account, point.region, name),
    ResourceArn: point.resourceArn,
    ResourceType: 'RDS',
    IamRoleArn: point.roleArn,
    Status: 'COMPLETED',
    CreationDate: new Date(point.createdAt),
    CompletionDate: new Date(point.completedAt),
    BackupSizeInBytes: point.bytes,
    EncryptionKeyArn: point.keyArn,
    IsEncrypted: true,
    ...(point.sourceVaultArn && { SourceBackupVaultArn: point.sourceVaultArn }),
    ...(point.deleteAfterDays !== undefined && {
      Lifecycle: { DeleteAfterDays: point.deleteAfterDays },
      CalculatedLifecycle: { DeleteAt: new Date(point.deleteAt ?? 0) },
    }),
  }
}

function requirePoint(backups: Backups, input: Named, call: Call): RecoveryPoint {
  const vault = requireVault(backups, input.BackupVaultName, call.region)
  const point = backups.points.get(input.RecoveryPointArn ?? '')
  if (point?.vault === vault.name && point.region === vault.region) return point
  throw new WireError(
    'ResourceNotFoundException',
    `Recovery point ${input.RecoveryPointArn} does not exist.`,
    400,
  )
}

function list(backups: Backups, input: ListRecoveryPointsByBackupVaultCommandInput, call: Call) {
  const vault = requireVault(backups, input.BackupVaultName, call.region)
  const [after, before] = [
    input.ByCreatedAfter?.getTime() ?? 0,
    input.ByCreatedBefore?.getTime() ?? Number.POSITIVE_INFINITY,
  ]
  const found = backups.points
    .values()
    .filter(point => point.vault === vault.name && point.region === vault.region)
    .filter(point => input.ByResourceArn === undefined || point.resourceArn === input.ByResourceArn)
    .filter(point => Date.parse(point.createdAt) >= after && Date.parse(point.createdAt) <= before)
    .sort((left, right) => (left.createdAt < right.createdAt ? 1 : -1))
  const from = Number(input.NextToken ?? 0)
  const end = from + Math.min(input.MaxResults ?? 1000, 1000)
  return {
    RecoveryPoints: found.slice(from, end).map(point => show(backups, point)),
    ...(end < found.length && { NextToken: String(end) }),
  }
}

function pointOperations(backups: Backups): Record<string, Operation> {
  const onPoint = (action: string) => (input: Named) => [{ action, resource: input.RecoveryPointArn ?? '' }]
  return {
    ListRecoveryPointsByBackupVault: {
      questions: onVault(backups, 'backup:ListRecoveryPointsByBackupVault'),
      run: (input: ListRecoveryPointsByBackupVaultCommandInput, call) => list(backups, input, call),
    },
    ListRecoveryPointsByResource: {
      questions: () => anywhere('backup:ListRecoveryPointsByResource'),
      run: (input: { ResourceArn?: string }, call) => ({
        RecoveryPoints: backups.points
          .values()
          .filter(point => point.resourceArn === input.ResourceArn && point.region === call.region)
          .map(point => ({
            RecoveryPointArn: point.arn,
            BackupVaultName: point.vault,
            Status: 'COMPLETED',
            CreationDate: new Date(point.createdAt),
            BackupSizeBytes: point.bytes,
            EncryptionKeyArn: point.keyArn,
          })),
      }),
    },
    DescribeRecoveryPoint: {
      questions: onPoint('backup:DescribeRecoveryPoint'),
      run: (input: Named, call) => show(backups, requirePoint(backups, input, call)),
    },
    DeleteRecoveryPoint: {
      questions: onPoint('backup:DeleteRecoveryPoint'),
      run: async (input: Named, call) => {
        const point = requirePoint(backups, input, call)
        assertDeletable(requireVault(backups, point.vault, point.region), point, backups.clock())
        await backups.snapshots.remove(point.arn)
        backups.points.delete(point.arn)
        return {}
      },
    },
  }
}

function showJob(backups: Backups, job: Job) {
  const common = {
    ResourceArn: job.resourceArn,
    ResourceType: 'RDS',
    IamRoleArn: job.roleArn,
    State: job.state,
    StatusMessage: job.message,
    CreationDate: new Date(job.createdAt),
    ...(job.completedAt && { CompletionDate: new Date(job.completedAt) }),
  }
  if (job.kind === 'copy') {
    return {
      ...common,
      CopyJobId: job.id,
      SourceBackupVaultArn: job.sourceVaultArn,
      DestinationBackupVaultArn: job.destinationVaultArn,
      DestinationRecoveryPointArn: job.recoveryPointArn,
    }
  }
  return {
    ...common,
    BackupJobId: job.id,
    BackupVaultName: job.vault,
    BackupVaultArn: vaultArn(backups.account, job.region, job.vault),
    RecoveryPointArn: job.recoveryPointArn,
  }
}

function jobOperations(backups: Backups): Record<string, Operation> {
  const requireJob = (id: string | undefined, kind: Job['kind']) => {
    const job = backups.jobs.get(id ?? '')
    if (job?.kind !== kind)
      throw new WireError('ResourceNotFoundException', `There is no ${kind} job ${id}.`, 400)
    return job
  }
  return {
    StartBackupJob: {
      questions: onVault(backups, 'backup:StartBackupJob'),
      run: (input: StartBackupJobCommandInput, call) => startBackup(backups, input, call),
    },
    StartCopyJob: {
      questions: (input: StartCopyJobCommandInput) => [
        { action: 'backup:StartCopyJob', resource: input.RecoveryPointArn ?? '' },
        {
          action: 'backup:CopyIntoBackupVault',
          resource: requireVaultByArn(backups, input.DestinationBackupVaultArn).arn,
        },
      ],
      run: (input: StartCopyJobCommandInput, call) => startCopy(backups, input, call),
    },
    DescribeBackupJob: {
      questions: () => anywhere('backup:DescribeBackupJob'),
      run: (input: { BackupJobId?: string }) => showJob(backups, requireJob(input.BackupJobId, 'backup')),
    },
    DescribeCopyJob: {
      questions: () => anywhere('backup:DescribeCopyJob'),
      run: (input: { CopyJobId?: string }) => ({
        CopyJob: showJob(backups, requireJob(input.CopyJobId, 'copy')),
      }),
    },
  }
}

function planOperations(backups: Backups): Record<string, Operation> {
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
        for (const rule of plan.Rules ?? []) requireVault(backups, rule.TargetBackupVaultName, call.region)
        backups.plans.set(id, {
          id,
          arn: planArn(call.region, id),
          region: call.region,
          plan,
          createdAt,
          selections: {},
        })
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
        const { id, arn } = requirePlan(input.BackupPlanId)
        backups.plans.delete(id)
        return { BackupPlanId: id, BackupPlanArn: arn, DeletionDate: new Date(backups.clock()) }
      },
    },
    CreateBackupSelection: {
      questions: on('backup:CreateBackupSelection'),
      run: (input: { BackupPlanId?: string; BackupSelection?: BackupSelection }) => {
        const plan = requirePlan(input.BackupPlanId)
        const id = randomUUID()
        backups.plans.set(plan.id, {
          ...plan,
          selections: { ...plan.selections, [id]: input.BackupSelection as BackupSelection },
        })
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
