import { scheduleArn } from '../services/scheduler/scheduler.ts'
import type { Parts } from './parts.ts'
import type { Verb } from './server.ts'

/** A schedule as a person sees it. */
export type ShownSchedule = {
  readonly arn: string
  readonly name: string
  readonly region: string
  readonly expression: string
  readonly enabled: boolean
  readonly target: string
  /** ISO 8601; undefined when it never runs again. */
  readonly next: string | undefined
}

/** What a person may ask of the schedules. */
export function scheduleVerbs({ scheduler }: Parts): Record<string, Verb> {
  const list = (): ShownSchedule[] =>
    scheduler.all().map(({ schedule, next }) => ({
      arn: scheduleArn(schedule),
      name: schedule.name,
      region: schedule.region,
      expression: schedule.expression,
      enabled: schedule.enabled,
      target: schedule.target.arn,
      next: next === undefined || scheduler.paused ? undefined : new Date(next).toISOString(),
    }))
  return {
    schedules: () => ({ paused: scheduler.paused, schedules: list() }),
    'pause-schedules': () => scheduler.pause(),
    'resume-schedules': () => scheduler.resume(),
    'run-schedule': async ({ name, region }: { name: string; region?: string }) => {
      const found = scheduler
        .all()
        .filter(
          ({ schedule }) =>
            schedule.name.toLowerCase().includes(name.toLowerCase()) &&
            (region === undefined || schedule.region === region),
        )
      const [only, ...others] = found
      if (!only)
        throw new Error(
          `no schedule is called ${name}\nHINT: there are ${list()
            .map(schedule => schedule.name)
            .join(', ')}`,
        )
      if (others.length > 0)
        throw new Error(
          `several schedules match ${name}: ${found.map(({ schedule }) => `${schedule.name} in ${schedule.region}`).join(', ')}\nHINT: say more of the name, or add --region`,
        )
      const { region: where, group, name: full } = only.schedule
      await scheduler.runNow(where, group, full)
      return { started: full, region: where }
    },
  }
}
