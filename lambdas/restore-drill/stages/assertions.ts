import type { DrillRequest } from '../request.ts'
import type { Finding, Stage } from '../stage.ts'
import type { Restored } from './restore.ts'

/** Asks the application's own questions of the copy. */
export async function askAssertions(
  stage: Stage,
  { assertions }: DrillRequest,
  { copy }: Restored,
): Promise<Finding<true>> {
  const { checks } = await stage.examine<'assertions'>('assertions', { task: 'assertions', copy, assertions })
  const missing = assertions.length - checks.length
  return {
    value: true,
    checks:
      missing > 0
        ? [
            ...checks,
            { name: 'assertions.complete', verdict: 'unknown', detail: `${missing} were not answered` },
          ]
        : checks,
    detail: `${assertions.length} asked`,
  }
}
