import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from '@jest/globals'
import { isOf, lineOf } from '../../bin/archive/lines.ts'
import type { Relation } from '../../lambdas/runtime/segment/pgoutput.ts'
import type { Placed } from '../../lambdas/runtime/segment/transactions.ts'

const relation: Relation = {
  oid: 16_384,
  schema: 'public',
  name: 'item',
  identity: 'd',
  columns: [
    { name: 'id', type: 23, modifier: -1, key: true },
    { name: 'v', type: 25, modifier: -1, key: false },
  ],
}

const placed = (change: Placed['change']): Placed => ({
  ...{
    lsn: 0x100n,
    xid: 7,
    commit: 0x200n,
    at: '2026-11-20T09:00:00.000001Z',
    relations: [relation],
    change,
  },
})

const where = { lsn: '0/100', commit: '0/200', at: '2026-11-20T09:00:00.000001Z', xid: 7 }

test('prints an insert with its columns by name', () => {
  expect(lineOf(placed({ kind: 'insert', relation: 16_384, row: ['1', null] }))).toEqual({
    ...{ ...where, change: 'insert', table: 'public.item', row: { id: '1', v: null } },
  })
})

test('prints an update of the key with the key before, and names what did not change', () => {
  expect(
    lineOf(placed({ kind: 'update', relation: 16_384, row: ['2', undefined], old: ['1', null] })),
  ).toEqual({
    ...{
      ...where,
      change: 'update',
      table: 'public.item',
      key: { id: '1' },
      row: { id: '2' },
      unchanged: ['v'],
    },
  })
})

test('prints only the key of a deleted row', () => {
  expect(lineOf(placed({ kind: 'delete', relation: 16_384, old: ['1', null] }))).toEqual({
    ...{ ...where, change: 'delete', table: 'public.item', key: { id: '1' } },
  })
})

test('prints a truncate with every table, and a message with its text', () => {
  expect(
    lineOf(placed({ kind: 'truncate', relations: [16_384], cascade: true, restart: false })),
  ).toMatchObject({ change: 'truncate', tables: ['public.item'], cascade: true, restart: false })
  expect(
    lineOf(placed({ kind: 'message', transactional: true, prefix: 'p', content: Buffer.from('é') })),
  ).toMatchObject({ change: 'message', prefix: 'p', content: 'é' })
})

test('prints nothing for what only frames the changes', () => {
  expect(lineOf({ ...placed({ kind: 'relation', relation }), relations: [] })).toBeUndefined()
})

test('finds a table by its name, with its schema or without, in a truncate of several too', () => {
  const insert = lineOf(placed({ kind: 'insert', relation: 16_384, row: ['1', null] })) ?? {}
  const truncate =
    lineOf(placed({ kind: 'truncate', relations: [16_384], cascade: false, restart: false })) ?? {}
  for (const line of [insert, truncate]) {
    expect(isOf(line, 'public.item')).toBe(true)
    expect(isOf(line, 'item')).toBe(true)
    expect(isOf(line, 'tem')).toBe(false)
    expect(isOf(line, 'other.item')).toBe(false)
  }
})

test('ends quietly when its reader has read enough', async () => {
  const module = new URL('../../bin/archive/print.ts', import.meta.url).href
  const script = `const { printLines } = await import('${module}')
    await printLines((async function* () { for (;;) { yield { a: 1 }; await new Promise(setImmediate) } })(), process.stdout)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script])
  let errors = ''
  child.stderr.on('data', text => {
    errors += text
  })
  try {
    const exited = once(child, 'close')
    const [first] = await once(child.stdout, 'data')
    expect(String(first)).toContain('{"a":1}\n')
    child.stdout.destroy()
    expect((await exited)[0]).toBe(0)
    expect(errors).toBe('')
  } finally {
    child.kill('SIGKILL')
  }
}, 60_000)
