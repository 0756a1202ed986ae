import { expect, test } from '@jest/globals'
import { examineCopy, marked } from '../../../../bench/examination.ts'
import { openLab } from '../../../../bench/lab.ts'
import { openWorkload, prepareWorkload } from '../../../../bench/rounds.ts'
import type { Version } from '../../../../twin/postgres/installation.ts'
import { BEFORE, type Change } from './changes.ts'

/** Changes after which the copy is examined: one examination for each would take most of an hour. */
const TOGETHER = 8

/**
 * A good copy of a primary that goes on being written to, while the changes are made one after the other: no check may
 * turn red.
 */
export function accusesNobody(version: Version, changes: readonly Change[]): void {
  test(`${changes.length} kinds of change under load accuse nobody on PostgreSQL ${version}`, async () => {
    const lab = await openLab(version, { autovacuum_naptime: '1s' })
    try {
      const { primary } = lab
      await primary.run(BEFORE)
      await prepareWorkload(primary)
      const backup = await lab.backup()
      const load = await openWorkload(lab, 2)
      const red: string[] = []
      try {
        await lab.beat()
        const mark = await marked(primary)
        const copy = await lab.restore(backup)
        await lab.beat()
        for (let at = 0; at < changes.length; at += TOGETHER) {
          const some = changes.slice(at, at + TOGETHER)
          for (const [what, ...statements] of some)
            for (const statement of statements)
              await primary.run(statement).catch(error => {
                throw new Error(`${what}: ${statement}: ${(error as Error).message}`)
              })
          const found = await examineCopy(primary, copy, { marked: mark })
          const bad = found.checks.filter(check => check.verdict === 'fail' || check.verdict === 'unknown')
          red.push(
            ...bad.map(
              check => `after ${some.map(([what]) => what).join(', ')}: ${check.name}: ${check.detail}`,
            ),
          )
        }
      } finally {
        await load.stop()
      }
      expect(red).toEqual([])
    } finally {
      await lab.close()
    }
  }, 300_000)
}
