import { said } from '../journal.ts'
import type { Finding, Stage } from '../stage.ts'

/**
 * Sees every row version of the database, for drills to come: a row that a bad write takes tomorrow is proven by what was
 * seen of it today. Nothing of this drill waits for it, and nothing of this drill fails with it.
 */
export async function takeWitness(stage: Stage): Promise<Finding<true>> {
  try {
    const { checks, rows } = await stage.examine<'witness'>('witness', { task: 'witness' })
    return { value: true, checks, detail: `${rows} row versions were seen` }
  } catch (error) {
    const detail = `the database was not seen: ${said(error)}`
    return { value: true, checks: [{ name: 'witness.written', verdict: 'skipped', detail }], detail }
  }
}
