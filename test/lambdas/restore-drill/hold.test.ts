import { expect, test } from '@jest/globals'
import { expiryCheck } from '../../../lambdas/restore-drill/stages/hold.ts'
import type { Plan } from '../../../lambdas/restore-drill/stages/plan.ts'

const NOW = Date.parse('2026-11-20T14:00:00Z')
const plan = (moment: string, retentionDays: number | null, expires = true) =>
  ({ moment, deadline: 600, from: { id: 'shop-prod', retentionDays, expires } }) as Plan

test('a backup that outlives the restore is held', () => {
  expect(expiryCheck(plan('2026-11-20T13:00:00Z', 1), NOW)).toMatchObject({ verdict: 'pass' })
})

test('a backup that may expire under the drill fails', () => {
  expect(expiryCheck(plan('2026-11-19T14:05:00Z', 1), NOW)).toMatchObject({
    verdict: 'fail',
    detail: 'expires in 300 s, the restore may take 600 s: the backup could vanish under the drill',
  })
})

test('a manual snapshot is kept until somebody deletes it', () => {
  expect(expiryCheck(plan('2025-01-01T00:00:00Z', null, false), NOW)).toMatchObject({ verdict: 'pass' })
})

test('a backup of unknown retention is unknown', () => {
  expect(expiryCheck(plan('2026-11-20T13:00:00Z', null), NOW)).toMatchObject({ verdict: 'unknown' })
})
