import { expect, test } from '@jest/globals'
import type { TableContents } from '../../../lambdas/restore-drill/contents.ts'
import { explainStages, tablesOf } from '../../../lambdas/restore-drill/evidence/tables.ts'
import type { EvidenceStage } from '../../../lambdas/runtime/evidence/record.ts'
import { judgeTables, type TableResult } from '../../../lambdas/runtime/table-result.ts'
import { worst } from '../../../lambdas/runtime/verdict.ts'

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
  const compared = { tables: [table], coverage: 1, bytes: 1, notCompared: [], others: [] }
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

/** As after pg_repack or SET LOGGED: rows that the primary carried over bear the date of that. */
const REPLACED: TableResult = { ...ORDERS, strategy: 'multiset', undated: 4 }

test('rows of a file that was replaced since are explained where the archive leads to them and all else is proven', () => {
  expect(judged(REPLACED, ['shop.orders'])).toMatchObject({
    verdict: 'explained',
    detail: expect.stringContaining('4 undated (as the archive says)'),
  })
  const untouched = { ...REPLACED, equal: 12, changedSince: 0 }
  expect(judged(untouched, ['shop.orders'], null).verdict).toBe('explained')
})

test('rows of a file that was replaced since stay unknown where the archive does not lead to them', () => {
  expect(judged(REPLACED, undefined).verdict).toBe('unknown')
  expect(judged(REPLACED, ['shop.events']).verdict).toBe('unknown')
  expect(judged(REPLACED, ['shop.orders'], null).verdict).toBe('unknown')
  expect(judged(REPLACED, ['shop.orders'], [{ ...PROVEN, image: 2, unproven: 1 }]).verdict).toBe('unknown')
  expect(judged({ ...REPLACED, skipped: true }, ['shop.orders']).verdict).toBe('unknown')
  expect(judged({ ...REPLACED, notCompared: 'column x' }, ['shop.orders']).verdict).toBe('unknown')
  expect(judged({ ...REPLACED, lost: 1 }, ['shop.orders']).verdict).toBe('fail')
  expect(judged(REPLACED, ['shop.orders'], [{ ...PROVEN, image: 2, corrupt: 1 }]).verdict).toBe('fail')
})

/** The comparing stage with its checks, beside another one that has the same to say of itself. */
function stagesOf(...tables: TableResult[]): EvidenceStage[] {
  const at = '2026-11-20T14:04:10Z'
  const checks = judgeTables(tables)
  const stage = { startedAt: at, endedAt: at, verdict: worst(checks), detail: '', checks }
  return [
    { ...stage, name: 'compare' },
    { ...stage, name: 'structure' },
  ]
}

test('what the archive explains lets the comparison pass, and nothing else that it found', () => {
  const lines = { ...REPLACED, table: 'shop.lines', oid: 16_401 }
  const tables = (names: string[]) =>
    tablesOf({
      compared: { tables: [REPLACED, lines], coverage: 1, bytes: 1, notCompared: [], others: [] },
      contents: [PROVEN, { ...PROVEN, table: 'shop.lines' }],
      rolled: { ...ROLLED, identicalTables: names },
    })
  const verdictsOf = (names: string[]) =>
    explainStages(stagesOf(REPLACED, lines), tables(names)).map(({ verdict }) => verdict)
  expect(verdictsOf(['shop.orders', 'shop.lines'])).toEqual(['pass', 'unknown'])
  expect(verdictsOf(['shop.orders'])).toEqual(['unknown', 'unknown'])
  const broken = stagesOf({ ...REPLACED, lost: 1 })
  expect(explainStages(broken, tables(['shop.orders', 'shop.lines']))[0]?.verdict).toBe('fail')
})

test('the archive explains no row that is lost or that could not be compared', () => {
  expect(judged({ ...ORDERS, lost: 1 }, ['shop.orders']).verdict).toBe('fail')
  expect(judged({ ...ORDERS, notCompared: 'column x' }, ['shop.orders']).verdict).toBe('skipped')
})
