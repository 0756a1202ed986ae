import type {
  CreateScheduleGroupInput,
  CreateScheduleInput,
  GetScheduleInput,
  GetScheduleOutput,
  ListSchedulesInput,
} from '@aws-sdk/client-scheduler'
import * as schemas from '@aws-sdk/client-scheduler'
import { type Call, type Operation, type Question, type Service, WireError } from '../../wire/call.ts'
import { type Schedule, type Scheduler, type SchedulerDeps, scheduleArn } from './scheduler.ts'

type Named = { readonly Name?: string | undefined; readonly GroupName?: string | undefined }

/** EventBridge Scheduler's API over the twin's schedules. */
export function createSchedulerService(scheduler: Scheduler, groups: SchedulerDeps['groups']): Service {
  const find = (input: Named, call: Call) =>
    scheduler.get(call.region, input.GroupName ?? 'default', String(input.Name))
  const on =
    (action: string) =>
    (input: Named, call: Call): Question[] => [
      {
        action: `scheduler:${action}`,
        resource: scheduleArn({
          ...call,
          group: input.GroupName ?? 'default',
          name: String(input.Name),
        }),
      },
    ]
  const withRole = (action: string) => (input: CreateScheduleInput, call: Call) => [
    ...on(action)(input, call),
    { action: 'iam:PassRole', resource: String(input.Target?.RoleArn) },
  ]
  const operations: Record<string, Operation> = {
    CreateSchedule: {
      questions: withRole('CreateSchedule'),
      run: (input: CreateScheduleInput, call) => {
        const group = input.GroupName ?? 'default'
        if (
          scheduler
            .all()
            .some(
              ({ schedule }) =>
                schedule.region === call.region && schedule.group === group && schedule.name === input.Name,
            )
        )
          throw new WireError('ConflictException', `Schedule ${input.Name} already exists.`, 409)
        const schedule = readSchedule(input, call, scheduler.now())
        scheduler.put(schedule)
        return { ScheduleArn: scheduleArn(schedule) }
      },
    },
    UpdateSchedule: {
      questions: withRole('UpdateSchedule'),
      run: (input: CreateScheduleInput, call) => {
        const before = find(input, call)
        const schedule = { ...readSchedule(input, call, scheduler.now()), createdAt: before.createdAt }
        scheduler.put(schedule)
        return { ScheduleArn: scheduleArn(schedule) }
      },
    },
    GetSchedule: {
      questions: on('GetSchedule'),
      run: (input: GetScheduleInput, call) => showSchedule(find(input, call)),
    },
    DeleteSchedule: {
      questions: on('DeleteSchedule'),
      run: (input: GetScheduleInput, call) => {
        const { region, group, name } = find(input, call)
        scheduler.remove(region, group, name)
        return {}
      },
    },
    ListSchedules: {
      questions: () => [{ action: 'scheduler:ListSchedules', resource: '*' }],
      run: (input: ListSchedulesInput, call) => {
        const all = scheduler
          .all()
          .map(({ schedule }) => schedule)
          .filter(
            schedule =>
              schedule.region === call.region &&
              (!input.GroupName || schedule.group === input.GroupName) &&
              (!input.NamePrefix || schedule.name.startsWith(input.NamePrefix)) &&
              (!input.State || (input.State === 'ENABLED') === schedule.enabled),
          )
        const from = Number(input.NextToken ?? 0)
        const end = from + (input.MaxResults ?? 100)
        return {
          Schedules: all.slice(from, end).map(schedule => {
            const { Arn, Name, GroupName, State, CreationDate, LastModificationDate } = showSchedule(schedule)
            return {
              Arn,
              Name,
              GroupName,
              State,
              CreationDate,
              LastModificationDate,
              Target: { Arn: schedule.target.arn },
            }
          }),
          NextToken: end < all.length ? String(end) : undefined,
        }
      },
    },
    CreateScheduleGroup: {
      questions: (input: CreateScheduleGroupInput, call) => [
        { action: 'scheduler:CreateScheduleGroup', resource: groupArn(call, String(input.Name)) },
      ],
      run: (input: CreateScheduleGroupInput, call) => {
        const name = String(input.Name)
        if (groups.has(`${call.region}/${name}`))
          throw new WireError('ConflictException', `Schedule group ${name} already exists.`, 409)
        groups.set(`${call.region}/${name}`, {
          region: call.region,
          account: call.account,
          name,
          createdAt: scheduler.now(),
        })
        return { ScheduleGroupArn: groupArn(call, name) }
      },
    },
  }
  return { name: 'scheduler', schemas, protocol: 'rest-json', operations }
}

/** The ARN of a group of schedules. */
export function groupArn({ region, account }: Pick<Call, 'region' | 'account'>, name: string): string {
  return `arn:aws:scheduler:${region}:${account}:schedule-group/${name}`
}

/** A schedule from the shape that the API and CloudFormation share, made at `now` (milliseconds). */
export function readSchedule(
  input: CreateScheduleInput,
  { region, account }: Pick<Call, 'region' | 'account'>,
  now: number,
): Schedule {
  const { Target: target, FlexibleTimeWindow: window } = input
  if (!target?.Arn || !target.RoleArn)
    throw new WireError('ValidationException', 'Target must have an Arn and a RoleArn.')
  return {
    region,
    account,
    group: input.GroupName ?? 'default',
    name: String(input.Name),
    description: input.Description ?? '',
    expression: String(input.ScheduleExpression),
    timezone: input.ScheduleExpressionTimezone ?? 'UTC',
    enabled: input.State !== 'DISABLED',
    ...(input.StartDate ? { startAt: new Date(input.StartDate).getTime() } : {}),
    ...(input.EndDate ? { endAt: new Date(input.EndDate).getTime() } : {}),
    ...(window?.Mode === 'FLEXIBLE' ? { flexibleMinutes: Number(window.MaximumWindowInMinutes) } : {}),
    ...(input.KmsKeyArn ? { kmsKeyArn: input.KmsKeyArn } : {}),
    target: {
      arn: target.Arn,
      roleArn: target.RoleArn,
      ...(target.Input === undefined ? {} : { input: target.Input }),
      maximumRetryAttempts: Number(target.RetryPolicy?.MaximumRetryAttempts ?? 185),
      maximumEventAge: Number(target.RetryPolicy?.MaximumEventAgeInSeconds ?? 86_400),
      ...(target.DeadLetterConfig?.Arn ? { deadLetterArn: target.DeadLetterConfig.Arn } : {}),
    },
    deleteWhenDone: input.ActionAfterCompletion === 'DELETE',
    createdAt: now,
    changedAt: now,
  }
}

function showSchedule(schedule: Schedule): GetScheduleOutput {
  const { target } = schedule
  return {
    Arn: scheduleArn(schedule),
    GroupName: schedule.group,
    Name: schedule.name,
    Description: schedule.description,
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: schedule.timezone,
    State: schedule.enabled ? 'ENABLED' : 'DISABLED',
    ...(schedule.startAt === undefined ? {} : { StartDate: new Date(schedule.startAt) }),
    ...(schedule.endAt === undefined ? {} : { EndDate: new Date(schedule.endAt) }),
    KmsKeyArn: schedule.kmsKeyArn,
    FlexibleTimeWindow:
      schedule.flexibleMinutes === undefined
        ? { Mode: 'OFF' }
        : { Mode: 'FLEXIBLE', MaximumWindowInMinutes: schedule.flexibleMinutes },
    Target: {
      Arn: target.arn,
      RoleArn: target.roleArn,
      Input: target.input,
      RetryPolicy: {
        MaximumRetryAttempts: target.maximumRetryAttempts,
        MaximumEventAgeInSeconds: target.maximumEventAge,
      },
      ...(target.deadLetterArn ? { DeadLetterConfig: { Arn: target.deadLetterArn } } : {}),
    },
    ActionAfterCompletion: schedule.deleteWhenDone ? 'DELETE' : 'NONE',
    CreationDate: new Date(schedule.createdAt),
    LastModificationDate: new Date(schedule.changedAt),
  }
}
