import type { CreateScheduleInput } from '@aws-sdk/client-scheduler'
import { type Scheduler, type SchedulerDeps, scheduleArn } from '../../services/scheduler/scheduler.ts'
import { groupArn, readSchedule } from '../../services/scheduler/service.ts'
import { type Desired, keep, nameWithin, type Physical, type Provisioner } from '../provisioner.ts'

/** Schedules and their groups. */
export function scheduleProvisioners(
  scheduler: Scheduler,
  groups: SchedulerDeps['groups'],
): Record<string, Provisioner> {
  const put = async (desired: Desired): Promise<Physical> => {
    const Name = String(desired.properties.Name ?? nameWithin(desired, 64))
    const schedule = readSchedule(
      { ...desired.properties, Name } as CreateScheduleInput,
      desired,
      scheduler.now(),
    )
    const known = scheduler
      .all()
      .find(
        ({ schedule: other }) =>
          other.region === schedule.region && other.group === schedule.group && other.name === Name,
      )
    // A rate counts from the schedule's first day, whatever changes later.
    scheduler.put(known ? { ...schedule, createdAt: known.schedule.createdAt } : schedule)
    return { ref: Name, attributes: { Arn: scheduleArn(schedule) } }
  }
  return {
    'AWS::Scheduler::Schedule': {
      kind: 'real',
      create: put,
      update: async (desired, before) => {
        keep(desired, before, ['Name', 'GroupName'])
        return put(desired)
      },
      remove: async before =>
        scheduler.remove(before.region, String(before.properties.GroupName ?? 'default'), String(before.ref)),
    },
    'AWS::Scheduler::ScheduleGroup': {
      kind: 'real',
      create: async desired => {
        const { properties, region, account } = desired
        const name = String(properties.Name ?? nameWithin(desired, 64))
        const key = `${region}/${name}`
        if (!groups.has(key)) groups.set(key, { region, account, name, createdAt: scheduler.now() })
        return { ref: name, attributes: { Arn: groupArn({ region, account }, name), State: 'ACTIVE' } }
      },
      update: async (desired, before) => {
        keep(desired, before, ['Name'])
        return before
      },
      remove: async before => groups.delete(`${before.region}/${before.ref}`),
    },
  }
}
