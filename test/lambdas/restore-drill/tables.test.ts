import { expect, test } from '@jest/globals'
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

function judged(table: TableResult, identicalTables?: readonly string[]) {
  const compared = { tables: [table], coverage: 1, bytes: 1, notCompared: [] }
  const [found] = tablesOf({ compared, rolled: identicalTables ? { ...ROLLED, identicalTables } : null })
  return { verdict: found?.verdict, detail: found?.detail }
}

test('rows that changed since are unproven where nothing explains them', () => {
  const unproven = { verdict: 'pass', detail: '10 changed since (unproven), 3 new since' }
  expect(judged(ORDERS)).toEqual(unproven)
  expect(judged(ORDERS, ['shop.events'])).toEqual(unproven)
})

test('rows that changed since are explained where the archive leads the table to the primary', () => {
  expect(judged(ORDERS, ['shop.orders'])).toEqual({
    verdict: 'explained',
    detail: '10 changed since, as the archive says, 3 new since',
  })
})

test('the archive explains no row that is lost or that could not be compared', () => {
  expect(judged({ ...ORDERS, lost: 1 }, ['shop.orders']).verdict).toBe('fail')
  expect(judged({ ...ORDERS, undated: 1 }, ['shop.orders']).verdict).toBe('unknown')
  expect(judged({ ...ORDERS, notCompared: 'column x' }, ['shop.orders']).verdict).toBe('skipped')
})
