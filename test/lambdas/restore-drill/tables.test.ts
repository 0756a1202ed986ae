import { expect, test } from '@jest/globals'
import type { TableContents } from '../../../lambdas/restore-drill/contents.ts'
import { tablesOf } from '../../../lambdas/restore-drill/evidence/tables.ts'
import type { TableResult } from '../../../lambdas/runtime/table-result.ts'

const ORDERS: TableResult = {
  table: 'shop.orders',
  oid: 16_400,
  strategy: 'tid',
  rowsPrimary: 5,
  rowsCopy: 12,
  equal: 2,
  changedSince: 10,
  newSince: 3,
  lost: 0,
  corrupt: 0,
  foreign: 0,
  undated: 0,
  chunks: 1,
  digest: 'd',
  faults: [],
}
const ROLLED = { transactions: 1, rows: 10, schemaChanges: 0, identicalRows: '5', loss: null }
/** All ten rows that changed are proven. */
const PROVEN: TableContents = {
  ...{ table: 'shop.orders', archived: true, changed: 10 },
  ...{ witness: 7, image: 3, oldRow: 0, corrupt: 0, unproven: 0 },
}

function judged(
  table: TableResult,
  identicalTables?: readonly string[],
  contents: readonly TableContents[] | null = [PROVEN],
) {
  const compared = { tables: [table], coverage: 1, bytes: 1, notCompared: [] }
  const rolled = identicalTables ? { ...ROLLED, identicalTables } : null
  const [found] = tablesOf({ compared, contents, rolled })
  return { verdict: found?.verdict, detail: found?.detail }
}

test('rows that changed since are unproven where nothing was proven of them', () => {
  const unproven = { verdict: 'pass', detail: '10 changed since (10 unproven), 3 new since' }
  expect(judged(ORDERS, undefined, null)).toEqual(unproven)
  // Met by their key alone.
  expect(judged(ORDERS, ['shop.orders'], null)).toEqual(unproven)
})

test('rows that changed since are explained where their contents are proven and the archive leads to the primary', () => {
  const how = '7 by a witness and 3 by the archive’s last image of them'
  expect(judged(ORDERS, ['shop.orders'])).toEqual({
    verdict: 'explained',
    detail: `10 changed since (contents proven, ${how}; as the archive says), 3 new since`,
  })
  expect(judged(ORDERS, ['shop.events'])).toEqual({
    verdict: 'pass',
    detail: `10 changed since (contents proven, ${how}), 3 new since`,
  })
})

test('one row that is unproven keeps its table from being explained', () => {
  const contents = [{ ...PROVEN, image: 2, unproven: 1 }]
  expect(judged(ORDERS, ['shop.orders'], contents)).toEqual({
    verdict: 'pass',
    detail:
      '10 changed since (1 unproven, 7 by a witness and 2 by the archive’s last image of them), 3 new since',
  })
})

test('a row that held something else than was proven of it is corrupt, however the archive met it', () => {
  const contents = [{ ...PROVEN, image: 2, corrupt: 1 }]
  expect(judged(ORDERS, ['shop.orders'], contents)).toMatchObject({ verdict: 'fail' })
  expect(judged(ORDERS, ['shop.orders'], contents).detail).toMatch(/^1 corrupt, /)
})

test('the archive explains no row that is lost or that could not be compared', () => {
  expect(judged({ ...ORDERS, lost: 1 }, ['shop.orders']).verdict).toBe('fail')
  expect(judged({ ...ORDERS, undated: 1 }, ['shop.orders']).verdict).toBe('unknown')
  expect(judged({ ...ORDERS, notCompared: 'column x' }, ['shop.orders']).verdict).toBe('skipped')
})
