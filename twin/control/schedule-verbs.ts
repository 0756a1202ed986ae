import { scheduleArn } from '../services/scheduler/scheduler.ts'
import type { Parts } from './parts.ts'
import type { Verb } from './server.ts'

/** A schedule, or a rule of a backup plan, as a person sees it. */
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

type Runnable = ShownSchedule & { readonly run: () => Promise<void> }

/** What a person may ask of the schedules and the backup plans. */
export function scheduleVerbs(parts: Parts): Record<string, Verb> {
  const { scheduler, backup } = parts
  return {
    schedules: () => ({
      paused: scheduler.paused,
      schedules: runnables(parts).map(({ run: _, ...shown }) => shown),
    }),
    'pause-schedules': () => {
      scheduler.pause()
      backup.plans.pause()
    },
    'resume-schedules': () => {
      scheduler.resume()
      backup.plans.resume()
    },
    'run-schedule': async ({ name, region }: { name: string; region?: string }) => {
      const only = chooseOne(runnables(parts), name, region)
      await only.run()
      return { started: only.name, region: only.region }
    },
  }
}

function runnables({ scheduler, backup }: Parts): Runnable[] {
  const shownNext = (next: number | undefined) =>
    next === undefined || scheduler.paused ? undefined : new Date(next).toISOString()
  const schedules = scheduler.all().map(({ schedule, next }) => ({
    arn: scheduleArn(schedule),
    name: schedule.name,
    region: schedule.region,
    expression: schedule.expression,
    enabled: schedule.enabled,
    target: schedule.target.arn,
    next: shownNext(next),
    run: () => scheduler.runNow(schedule.region, schedule.group, schedule.name),
  }))
  const rules = backup.plans.rules().map(rule => ({
    ...rule,
    enabled: true,
    next: scheduler.holdsCalendar ? undefined : shownNext(rule.next),
    run: () => backup.plans.run(rule.arn),
  }))
  return [...schedules, ...rules]
}

function chooseOne(all: readonly Runnable[], name: string, region: string | undefined): Runnable {
  const found = all.filter(
    each =>
      each.name.toLowerCase().includes(name.toLowerCase()) &&
      (region === undefined || each.region === region),
  )
  const [only, ...others] = found
  if (!only)
    throw new Error(`no schedule is called ${name}\nHINT: there are ${all.map(each => each.name).join(', ')}`)
  if (others.length > 0)
    throw new Error(
      `several schedules match ${name}: ${found.map(each => `${each.name} in ${each.region}`).join(', ')}\nHINT: say more of the name, or add --region`,
    )
  return only
}
