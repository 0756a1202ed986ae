import { expect, test } from '@jest/globals'
import { judgeReturn, type Return } from '../../../bin/rehearsal/verdict.ts'
import type { EvidenceTable } from '../../../lambdas/runtime/evidence/record.ts'

const damage = {
  before: '2026-01-01T00:00:00.000Z',
  statement: 'delete from a.t',
  rows: 10,
  tables: ['a.t1', 'a."T 2"'],
}

function table(name: string, changedSince: number, more: Partial<EvidenceTable> = {}): EvidenceTable {
  return {
    name,
    level: 'tid',
    verdict: 'explained',
    rows: 20,
    compared: 20,
    equal: 0,
    changedSince,
    lost: 0,
    corrupt: 0,
    detail: '',
    digest: '',
    ...more,
  }
}

test.each<[string, EvidenceTable[], Return]>([
  ['all of its parts are there', [table('a.t1', 7), table('a."T 2"', 3)], { verdict: 'pass', rows: 10 }],
  [
    'a row is missing, though others changed elsewhere',
    [table('a.t1', 7), table('a."T 2"', 2), table('a.u', 90)],
    { verdict: 'fail', rows: 9 },
  ],
  ['a part is not in the record', [table('a.t1', 10), table('a.u', 90)], { verdict: 'unknown', rows: null }],
  [
    'a part was not compared',
    [table('a.t1', 10), table('a."T 2"', 0, { level: 'none', verdict: 'skipped' })],
    { verdict: 'unknown', rows: null },
  ],
  [
    'a part is unknown',
    [table('a.t1', 10), table('a."T 2"', 3, { verdict: 'unknown' })],
    { verdict: 'unknown', rows: null },
  ],
  ['nothing was compared', [], { verdict: 'unknown', rows: null }],
])('judges the damaged table alone: %s', (_, tables, wanted) => {
  expect(judgeReturn(damage, tables)).toEqual(wanted)
})

test('a damage of no known table is unknown', () => {
  expect(judgeReturn({ ...damage, tables: [] }, [table('a.t1', 10)]).verdict).toBe('unknown')
})
