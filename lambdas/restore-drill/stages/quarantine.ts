import type { Finding, Stage } from '../stage.ts'
import type { Plan } from './plan.ts'
import type { Restored } from './restore.ts'

/** Silences what would reach out of the copy by itself: scheduled jobs, subscriptions, foreign servers, slots. */
export async function quarantineCopy(stage: Stage, plan: Plan, { copy }: Restored): Promise<Finding<true>> {
  const { checks } = await stage.examine<'quarantine'>('quarantine', {
    task: 'quarantine',
    copy,
    primary: plan.primary,
  })
  return { value: true, checks, detail: `${checks.length} ways out looked at` }
}
