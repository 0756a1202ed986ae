import { expect, test } from '@jest/globals'
import { judge, type Measures, measure, objectiveChecks } from '../../../lambdas/restore-drill/judge.ts'
import { MARK } from './examination.ts'

const REQUEST = { objective: { rpoSeconds: 60, rtoSeconds: 60 }, coverageFloor: 0.99 } as never
const plan = (kind: string, latest: string) =>
  ({
    mark: MARK,
    from: { kind, window: { earliest: 0, latest: Date.parse(latest) } },
  }) as unknown as Measures['plan']
/** A copy that reaches the moment that was asked for, to the second. */
const found = { rpoSeconds: 0.4, lost: {}, cut: {}, disasterAt: '' } as unknown as Measures['found']
const rolled = (seconds: number, complete = true) =>
  ({
    identicalTables: [],
    loss: {
      withoutTail: { seconds: 0.4, transactions: 900, rows: 4_000 },
      withTail: { seconds, transactions: 7, rows: 21 },
      complete,
    },
  }) as unknown as Measures['rolled']

function rpo(over: Partial<Measures>) {
  const measured = measure({
    ...{
      plan: plan('instance', '2026-11-20T14:04:00Z'),
      restored: null,
      opened: null,
      found,
      compared: null,
    },
    ...{ verifiedAt: 0, ...over },
  })
  const check = objectiveChecks(REQUEST, measured, over).find(({ name }) => name === 'objective.rpo')
  return { seconds: measured.rpoSeconds, verdict: check?.verdict, detail: check?.detail }
}

test('a loss is what the archive did not hold at the disaster, however near the restore came to its moment', () => {
  expect(rpo({ rolled: rolled(59) })).toMatchObject({ seconds: 59, verdict: 'pass' })
  expect(rpo({ rolled: rolled(61) })).toEqual({
    seconds: 61,
    verdict: 'fail',
    detail:
      '61 s, at most 60 s: 7 transactions with 21 rows were not in the archive when the disaster struck',
  })
})

test('what the archive cannot tell yet, or was never asked, is unknown', () => {
  expect(rpo({ rolled: rolled(1, false) })).toMatchObject({ seconds: null, verdict: 'unknown' })
  expect(rpo({ rolled: null })).toMatchObject({ seconds: null, verdict: 'unknown' })
})

test('without an archive it is how far behind point-in-time recovery was, and no less than the copy is', () => {
  // The drill decided at 14:04:10.
  expect(rpo({})).toMatchObject({ seconds: 10, verdict: 'pass' })
  expect(rpo({ plan: plan('instance', '2026-11-20T14:03:00Z') })).toMatchObject({
    seconds: 70,
    verdict: 'fail',
  })
  expect(rpo({ plan: plan('instance', '2026-11-20T14:05:00Z') })).toMatchObject({ seconds: 0.4 })
  expect(rpo({ found: null })).toMatchObject({ seconds: null, verdict: 'unknown' })
})

test('a drill that passes with unproven rows does not say that nothing is lost or corrupt', () => {
  const table = {
    ...{ name: 'shop.orders', level: 'tid', verdict: 'pass' as const, rows: 12, compared: 12, equal: 2 },
    ...{ changedSince: 10, lost: 0, corrupt: 0, detail: '', digest: '' },
  } as const
  const contents = (unproven: number) => ({ witness: 10 - unproven, image: 0, oldRow: 0, unproven })
  const measured = measure({
    plan: null,
    restored: null,
    opened: null,
    found: null,
    compared: null,
    verifiedAt: 0,
  })
  const said = (unproven: number) =>
    judge({} as never, [], [{ ...table, contents: contents(unproven) }], [PASSED], measured).sentence
  expect(said(0)).toContain('; nothing is lost or corrupt; ')
  expect(said(1)).toContain(
    ', 1 of them unproven, 9 by a witness; nothing says that those were there and held this; nothing else is lost or corrupt; ',
  )
})

test('a drill that passes names what only the catalogs of the copy have as not proven', () => {
  const measured = measure({
    ...{ plan: null, restored: null, opened: null, found: null, compared: null },
    verifiedAt: 0,
  })
  const detail = '23 catalog rows that only the copy has: dropped since, or alive again: rule nothing'
  const unproven = { name: 'structure.schema.unproven', verdict: 'skipped', detail } as const
  const said = judge({} as never, [], [], [PASSED, unproven], measured)
  expect(said.verdict).toBe('pass')
  expect(said.sentence).toMatch(/; not proven: 23 catalog rows that only the copy has$/)
  expect(judge({} as never, [], [], [PASSED], measured).sentence).not.toContain('not proven')
})

const PASSED = { name: 'compare.tables', verdict: 'pass', detail: '' } as const
