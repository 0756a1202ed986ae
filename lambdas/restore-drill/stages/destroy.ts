import { deleteCopy, describe } from '../copy.ts'
import type { Drill } from '../setting.ts'
import type { Finding, Stage } from '../stage.ts'

// Deleting takes RDS minutes, and a copy that is still being created cannot be deleted yet; the rest is the reaper's.
const PATIENCE_SECONDS = 1_800

/** Deletes the copy and sees it gone. */
export async function destroyCopy(stage: Stage, drill: Drill): Promise<Finding<true>> {
  const waited = await stage.until('gone', `deleting ${drill.copy}`, {
    look: () => deleteOrSay(drill),
    settled: status => status === 'gone',
    forSeconds: PATIENCE_SECONDS,
    everySeconds: drill.setting.pollSeconds,
  })
  const left = waited.trouble === undefined ? '' : ` (${waited.trouble})`
  const detail = waited.settled
    ? `${drill.copy} is gone`
    : `${drill.copy} is still ${waited.value ?? 'unseen'} after ${PATIENCE_SECONDS} s${left}; the reaper takes it once it has expired`
  return {
    value: true,
    checks: [{ name: 'destroy.gone', verdict: waited.settled ? 'pass' : 'fail', detail }],
    detail,
  }
}

async function deleteOrSay(drill: Drill): Promise<string> {
  try {
    if (!(await deleteCopy(drill))) return 'gone'
  } catch (error) {
    if (!(error instanceof Error && error.name.startsWith('InvalidDBInstanceState'))) throw error
  }
  return (await describe(drill.clients.rds, drill.copy))?.status ?? 'gone'
}
