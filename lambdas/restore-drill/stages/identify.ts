import type { DrillRequest } from '../request.ts'
import type { Drill } from '../setting.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Moment } from './canaries.ts'
import type { Opened } from './open.ts'
import type { Plan } from './plan.ts'
import type { Restored } from './restore.ts'

/** Is this the copy of our database, at the moment that was asked for? */
export async function identifyCopy(
  stage: Stage,
  drill: Drill,
  request: DrillRequest,
  plan: Plan,
  moment: Moment,
  { copy }: Restored,
  { boundary }: Opened,
): Promise<Finding<true>> {
  const { source, reference } = drill.setting
  const { kind } = request.target
  const { checks } = await stage.examine<'identify'>('identify', {
    task: 'identify',
    copy,
    primary: plan.primary,
    boundary,
    expected: {
      systemIdentifier: plan.mark.systemIdentifier,
      instances: [...new Set([source, reference])],
      version: plan.mark.version,
      timeline: plan.mark.timeline,
    },
    // The newest restorable moment was asked for by its time, too: it must be met as exactly as any other.
    mode: kind === 'snapshot' ? kind : 'time',
    target: moment.at,
    ...(moment.canaries.length > 0 ? { canaries: moment.canaries } : {}),
  })
  return { value: true, checks, detail: `${source} at ${moment.at}` }
}
