import type { Check } from '../../runtime/verdict.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Plan } from './plan.ts'

/**
 * Makes sure that the backup in use cannot expire under the drill. RDS has no lock for automated backups: they
 * leave at the old end of the window, so what is asked for must lie further from it than the drill may last.
 */
export async function holdBackup(stage: Stage, plan: Plan): Promise<Finding<true>> {
  const now = await stage.clock('now')
  const check = expiryCheck(plan, now)
  return { value: true, checks: [check], detail: check.detail }
}

/** @param now milliseconds since the epoch */
export function expiryCheck({ from, moment, deadline }: Plan, now: number): Check {
  const name = 'hold.cannot-expire'
  if (!from.expires) return { name, verdict: 'pass', detail: `${from.id} is kept until somebody deletes it` }
  if (from.retentionDays === null)
    return { name, verdict: 'unknown', detail: `nobody says how long ${from.id} is kept` }
  const oldest = moment === null ? now : Date.parse(moment)
  const left = Math.floor((oldest + from.retentionDays * 86_400_000 - now) / 1_000)
  return left > deadline
    ? { name, verdict: 'pass', detail: `kept for another ${left} s, the restore may take ${deadline} s` }
    : {
        name,
        verdict: 'fail',
        detail: `expires in ${left} s, the restore may take ${deadline} s: the backup could vanish under the drill`,
      }
}
