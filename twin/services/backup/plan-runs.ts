import type { BackupRuleInput, BackupSelection } from '@aws-sdk/client-backup'
import { WireError } from '../../wire/call.ts'
import { parseExpression, type Recurrence } from '../scheduler/expression.ts'
import { createTimetable } from '../scheduler/timetable.ts'
import { type Begun, startBackup, startCopy } from './jobs.ts'
import type { Backups, Plan } from './vaults.ts'

/** A rule of a plan with its next run, for people. */
export type PlannedRule = {
  readonly arn: string
  readonly name: string
  readonly region: string
  readonly expression: string
  /** ARN of the vault. */
  readonly target: string
  /** Milliseconds; undefined when it never runs again. */
  readonly next: number | undefined
}

/** What the plans do by themselves. */
export type PlanRuns = {
  /** Plans the rules of a plan that was made, by its expressions. */
  put(plan: Plan): void
  remove(plan: Plan): void
  rules(): PlannedRule[]
  /** Does now what a rule does by its schedule: a backup of every selected database, then its copies. */
  run(arn: string): Promise<void>
  pause(): void
  /** Goes on with what is due from now on: a run that was missed is not made up for, as in AWS Backup. */
  resume(): void
  /** The clock was moved: what is overdue by it runs. */
  rearm(): void
  stop(): void
}

// What AWS Backup takes for a rule without an expression.
const DEFAULT_EXPRESSION = 'cron(0 5 ? * * *)'

/** When a rule runs. @throws WireError InvalidParameterValueException */
export function recurrenceOf(rule: BackupRuleInput): Recurrence {
  const expression = rule.ScheduleExpression ?? DEFAULT_EXPRESSION
  if (expression.startsWith('cron('))
    try {
      return parseExpression(expression, rule.ScheduleExpressionTimezone ?? 'UTC')
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      throw new WireError('InvalidParameterValueException', error.message)
    }
  throw new WireError('InvalidParameterValueException', `Invalid Schedule Expression ${expression}.`)
}

/** The databases of a selection. @throws WireError for what the twin does not select by. */
export function resourcesOf(selection: BackupSelection): readonly string[] {
  const { Resources = [], ListOfTags, NotResources, Conditions } = selection
  const isByTag = [ListOfTags, NotResources].some(list => (list?.length ?? 0) > 0) || Conditions !== undefined
  const other = Resources.find(arn => !/^arn:aws:rds:[^:]+:\d+:db:[^:*]+$/.test(arn))
  if (isByTag || other !== undefined)
    throw new WireError(
      'InvalidParameterValueException',
      `The twin selects database instances by their ARNs, not ${other ?? 'by tags, conditions or exceptions'}.`,
    )
  return Resources
}

/** The clockwork of all plans. It stands still until `resume`. */
export function planRuns(backups: Backups, report: (text: string) => void): PlanRuns {
  const timetable = createTimetable(backups.clock, key => void fire(key))
  timetable.pause()
  const each = (plan: Plan, does: (rule: BackupRuleInput, key: string) => void) => {
    for (const rule of plan.plan.Rules ?? []) does(rule, keyOf(plan, rule))
  }
  const find = (key: string) => {
    for (const plan of backups.plans.values())
      for (const rule of plan.plan.Rules ?? []) if (keyOf(plan, rule) === key) return { plan, rule }
    throw new Error(`there is no backup rule ${key}\nHINT: holdfast schedule list`)
  }
  const plan = (rule: BackupRuleInput, key: string) =>
    timetable.set(key, recurrenceOf(rule)(backups.clock(), 0))
  const run = async (key: string) => {
    const { plan: of, rule } = find(key)
    for (const selection of Object.values(of.selections))
      for (const resource of resourcesOf(selection)) await backUp(backups, of, rule, selection, resource)
  }
  const fire = async (key: string) => {
    plan(find(key).rule, key)
    const running = run(key)
      .catch(error => report(`backup rule ${key}: ${error.message}`))
      .finally(() => backups.underWay.delete(running))
    backups.underWay.add(running)
    await running
  }
  return {
    put: of => each(of, plan),
    remove: of => each(of, (_, key) => timetable.set(key, undefined)),
    rules: () =>
      backups.plans.values().flatMap(of =>
        (of.plan.Rules ?? []).map(rule => ({
          arn: keyOf(of, rule),
          name: `${of.plan.BackupPlanName}/${rule.RuleName}`,
          region: of.region,
          expression: rule.ScheduleExpression ?? DEFAULT_EXPRESSION,
          target: String(rule.TargetBackupVaultName),
          next: timetable.due(keyOf(of, rule)),
        })),
      ),
    run,
    pause: () => timetable.pause(),
    resume: () => {
      for (const of of backups.plans.values()) each(of, plan)
      timetable.resume()
    },
    rearm: () => timetable.rearm(),
    stop: () => timetable.stop(),
  }
}

function keyOf({ arn }: Plan, { RuleName }: BackupRuleInput): string {
  return `${arn}/${RuleName}`
}

async function backUp(
  backups: Backups,
  plan: Plan,
  rule: BackupRuleInput,
  selection: BackupSelection,
  resource: string,
): Promise<void> {
  const by = { IamRoleArn: selection.IamRoleArn }
  const taken = startBackup(
    backups,
    {
      BackupVaultName: rule.TargetBackupVaultName,
      ResourceArn: resource,
      ...by,
      ...(rule.Lifecycle && { Lifecycle: rule.Lifecycle }),
    },
    plan,
  )
  const recoveryPointArn = await pointOf(taken)
  const copies = (rule.CopyActions ?? []).map(copy =>
    startCopy(
      backups,
      {
        RecoveryPointArn: recoveryPointArn,
        SourceBackupVaultName: rule.TargetBackupVaultName,
        DestinationBackupVaultArn: copy.DestinationBackupVaultArn,
        ...by,
        ...(copy.Lifecycle && { Lifecycle: copy.Lifecycle }),
      },
      plan,
    ),
  )
  await Promise.all(copies.map(pointOf))
}

async function pointOf({ ended }: Begun): Promise<string> {
  const { recoveryPointArn, kind, message } = await ended
  if (recoveryPointArn === undefined) throw new Error(`the ${kind} job failed: ${message}`)
  return recoveryPointArn
}
