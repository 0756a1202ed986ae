import { expect, test } from '@jest/globals'
import type { ContentsResult } from '../../../lambdas/examine/request.ts'
import { addContents, contentsOf, provenCheck } from '../../../lambdas/restore-drill/contents.ts'
import type { TableResult } from '../../../lambdas/runtime/table-result.ts'

const table = (name: string, oid: number, changedSince: number): TableResult => ({
  ...{ table: name, oid, strategy: 'tid', rowsPrimary: 5, rowsCopy: 20, equal: 2, changedSince, newSince: 0 },
  ...{ lost: 0, corrupt: 0, foreign: 0, undated: 0, chunks: 1, digest: 'd', faults: [] },
})

const result = (name: string, oid: number, counts: Partial<ContentsResult>): ContentsResult => ({
  ...{ table: name, oid, archived: true, rows: 0, witness: 0, image: 0, oldRow: 0, corrupt: 0, unproven: 0 },
  faults: [],
  ...counts,
})

const check = (tables: readonly TableResult[], results: readonly ContentsResult[], floor = 1) =>
  provenCheck(contentsOf(tables, addContents(results)), floor)

test('passes where every row that changed is proven, and says by what', () => {
  expect(
    check(
      [table('public.a', 1, 10), table('public.b', 2, 0)],
      [result('public.a', 1, { rows: 4, witness: 4 }), result('public.a', 1, { rows: 6, image: 6 })],
    ),
  ).toEqual({
    name: 'contents.proven',
    verdict: 'pass',
    detail:
      'of 10 rows that were changed or deleted since the cut, the contents of 10 are proven, 4 by a witness and 6 by the archive’s last image of them',
  })
})

test('fails for one row of a thousand of which nothing says what it held, and names the table', () => {
  const found = check(
    [table('public.a', 1, 1_000)],
    [result('public.a', 1, { rows: 1_000, witness: 999, unproven: 1 })],
  )
  expect(found.verdict).toBe('fail')
  expect(found.detail).toMatch(/99\.9 % and at least 100 % .* not proven: public\.a \(1 of 1,000\)/)
})

test('fails for a small table that is unproven beside a large one that is not', () => {
  const tables = [table('public.large', 1, 100_000), table('public.small', 2, 3)]
  const results = [
    result('public.large', 1, { rows: 100_000, witness: 100_000 }),
    result('public.small', 2, { rows: 3, unproven: 3 }),
  ]
  expect(check(tables, results, 0.9)).toMatchObject({
    verdict: 'fail',
    detail: expect.stringContaining('public.small (3 of 3)'),
  })
})

test('counts rows that nobody looked at as unproven', () => {
  expect(check([table('public.a', 1, 10)], [result('public.a', 1, { rows: 9, image: 9 })]).verdict).toBe(
    'fail',
  )
  expect(check([table('public.a', 1, 10)], []).verdict).toBe('fail')
})

test('asks nothing of a table that is outside the archive', () => {
  const results = [result('public.a', 1, { archived: false, rows: 10, unproven: 10 })]
  expect(check([table('public.a', 1, 10)], results).verdict).toBe('pass')
})
