import type { Check } from '../../runtime/verdict.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Opened } from './open.ts'
import type { Plan } from './plan.ts'
import type { Restored } from './restore.ts'

// Each answer covers up to ten minutes of amcheck: three hours of it are a reason to say so.
const MOST_ANSWERS = 18

/** Schema, rights, settings, and amcheck over every index and heap, as many questions as it takes. */
export async function checkStructure(
  stage: Stage,
  plan: Plan,
  { copy }: Restored,
  { boundary }: Opened,
): Promise<Finding<string>> {
  const checks: Check[] = []
  let digest: string | undefined
  let after: string | undefined
  for (let part = 1; part <= MOST_ANSWERS; part++) {
    const answer = await stage.examine<'structure'>(`structure-${part}`, {
      task: 'structure',
      copy,
      primary: plan.primary,
      boundary,
      ...(after === undefined ? {} : { after }),
    })
    checks.push(...answer.checks)
    digest ??= answer.schemaDigest
    after = answer.next
    if (after === undefined)
      return {
        value: digest ?? null,
        checks,
        detail: `${checks.length} checks, schema ${digest ?? 'unread'}`,
      }
  }
  const detail = `the structure was not done after ${MOST_ANSWERS} parts; it stopped before ${after}`
  return {
    value: null,
    checks: [...checks, { name: 'structure.complete', verdict: 'unknown', detail }],
    detail,
  }
}
