import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type pg from 'pg'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { migrate } from '../../../lambdas/migrate/migrate.ts'
import { MIGRATIONS } from '../../../sql/migrations.ts'

let lab: Lab
let client: pg.Client
let folder: string
beforeAll(async () => {
  lab = await openLab(18)
  folder = `${mkdtempSync(join(tmpdir(), 'holdfast-migrations-'))}/`
  cpSync(MIGRATIONS, folder, { recursive: true })
  client = await lab.primary.connect('master')
})
afterAll(async () => {
  await client?.end()
  await lab?.close()
  rmSync(folder, { recursive: true })
})

const isThere = async (table: string) =>
  (await client.query('select to_regclass($1) is not null as there', [table])).rows[0].there

test('a file with a lower number than the newest applied is applied all the same', async () => {
  writeFileSync(join(folder, '0106.do.late.sql'), 'create table holdfast.late (id int)')
  expect((await migrate(client, { folder })).applied).toEqual(['late'])
  expect(await isThere('holdfast.late')).toBe(true)
  expect((await migrate(client, { folder })).applied).toEqual([])
})

test('a failing file keeps the files before it, and itself goes first the next time', async () => {
  writeFileSync(join(folder, '0990.do.good.sql'), 'create table holdfast.good (id int)')
  writeFileSync(join(folder, '0991.do.bad.sql'), 'create table holdfast.half (id int); select 1/0')
  writeFileSync(join(folder, '0992.do.after.sql'), 'create table holdfast.after (id int)')
  await expect(migrate(client, { folder })).rejects.toThrow(/division by zero\nHINT: /)
  expect([await isThere('holdfast.good'), await isThere('holdfast.half')]).toEqual([true, false])
  writeFileSync(join(folder, '0991.do.bad.sql'), 'create table holdfast.half (id int)')
  expect((await migrate(client, { folder })).applied).toEqual(['bad', 'after'])
})

// Applied and not written down, a file would be applied twice.
test('a file whose line in the ledger fails is not applied', async () => {
  writeFileSync(join(folder, '0993.do.last.sql'), 'create table holdfast.last_one (id int)')
  await client.query(`alter table holdfast.migration add constraint no_993 check (version <> 993)`)
  await expect(migrate(client, { folder })).rejects.toMatchObject({ name: 'MigrationFailed' })
  expect(await isThere('holdfast.last_one')).toBe(false)
  await client.query('alter table holdfast.migration drop constraint no_993')
  expect((await migrate(client, { folder })).applied).toEqual(['last'])
})
