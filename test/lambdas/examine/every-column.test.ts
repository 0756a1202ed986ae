import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { comparedColumns } from '../../../lambdas/examine/catalogs.ts'
import { NOT_COMPARED, NOT_OF_EVERY_ROW } from '../../../lambdas/examine/schema/not-compared.ts'
import { COMPARED, MAY_DIFFER, WATCHED } from '../../../lambdas/examine/schema/settings.ts'

const COLUMNS = `
select c.relname::text as catalog, a.attname::text as column
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r'`

type Row = { catalog: string; column: string }

const labs = new Map<number, Lab>()
const columns = new Map<number, Row[]>()
const settings = new Map<number, { name: string; category: string }[]>()

beforeAll(async () => {
  for (const version of [17, 18] as const) {
    const lab = await openLab(version)
    labs.set(version, lab)
    columns.set(version, (await lab.primary.cluster.query(COLUMNS, [], 'shop')) as Row[])
    settings.set(
      version,
      (await lab.primary.cluster.query('select name, category from pg_settings')) as never,
    )
  }
}, 120_000)
afterAll(async () => {
  for (const lab of labs.values()) await lab.close()
})

describe.each([17, 18] as const)('on PostgreSQL %i', version => {
  test('every column of every system catalog is compared, or stands in the list with its reason', () => {
    const all = columns.get(version) ?? []
    expect(all.length).toBeGreaterThan(500)
    const left = all.filter(
      ({ catalog, column }) =>
        comparedColumns(catalog, [column]).length === 0 &&
        !NOT_COMPARED.some(one => one.catalog === catalog && (one.column ?? column) === column),
    )
    expect(left).toEqual([])
  })

  test('every setting that may change an answer is compared, or stands in the list with its reason', () => {
    const listed = new Set([...COMPARED, ...Object.values(MAY_DIFFER).flat()])
    const left = (settings.get(version) ?? []).filter(
      ({ name, category }) => WATCHED.test(category) && !listed.has(name),
    )
    expect(left).toEqual([])
  })
})

test('no reason is given for what is compared, or for what neither version has', () => {
  const all = [...columns.values()].flat()
  const stale = [...NOT_COMPARED, ...NOT_OF_EVERY_ROW].filter(
    one => !all.some(({ catalog, column }) => one.catalog === catalog && (one.column ?? column) === column),
  )
  expect(stale).toEqual([])
  expect(NOT_COMPARED.filter(one => one.why.length < 20)).toEqual([])
  expect(COMPARED.filter(name => Object.values(MAY_DIFFER).flat().includes(name))).toEqual([])
  const known = new Set([...settings.values()].flat().map(({ name }) => name))
  expect(COMPARED.filter(name => !known.has(name))).toEqual([])
})
