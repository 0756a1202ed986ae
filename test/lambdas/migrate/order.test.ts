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

test('a file with a lower number than the newest applied is refused, and nothing is applied', async () => {
  writeFileSync(join(folder, '0106.do.late.sql'), 'create table holdfast.late (id int)')
  writeFileSync(join(folder, '0989.do.next.sql'), 'create table holdfast.next (id int)')
  await expect(migrate(client, { folder })).rejects.toMatchObject({
    name: 'MigrationLate',
    message: expect.stringMatching(
      /^migration 106 \(late\) was never applied, and the database is at (\d+) already\nHINT: give that file a number above \1, then deploy again$/,
    ),
  })
  expect([await isThere('holdfast.late'), await isThere('holdfast.next')]).toEqual([false, false])
  rmSync(join(folder, '0106.do.late.sql'))
  expect((await migrate(client, { folder })).applied).toEqual(['next'])
})

test('a database that newer code has migrated is refused, and one that lacks an old file is not', async () => {
  await client.query(`insert into holdfast.migration (version, name) values (7, 'long gone')`)
  expect((await migrate(client, { folder })).applied).toEqual([])
  await client.query(`insert into holdfast.migration (version, name) values (2000, 'of tomorrow')`)
  await expect(migrate(client, { folder })).rejects.toMatchObject({
    name: 'DatabaseNewer',
    message: expect.stringMatching(
      /^the database is at migration 2000, and this code ends at 989: .*\nHINT: deploy that newer version/,
    ),
  })
  await client.query('delete from holdfast.migration where version = 2000')
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

test('a run that dies between a file and its line in the ledger leaves the file to the next one', async () => {
  writeFileSync(join(folder, '0994.do.cut.sql'), 'create table holdfast.cut (id int)')
  await client.query(`create function public.die() returns trigger language plpgsql as $$
    begin perform pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()); return new; end $$;
    create trigger die before insert on holdfast.migration for each row when (new.version = 994) execute function public.die()`)
  const dying = await lab.primary.connect('master')
  dying.on('error', () => {})
  await expect(migrate(dying, { folder })).rejects.toThrow()
  expect(await isThere('holdfast.cut')).toBe(false)
  await client.query('drop trigger die on holdfast.migration')
  expect((await migrate(client, { folder })).applied).toEqual(['cut'])
})
