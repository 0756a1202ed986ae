import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { migrate } from '../../../lambdas/migrate/migrate.ts'
import { MIGRATIONS } from '../../../sql/migrations.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab(18)
})
afterAll(() => lab?.close())

async function inNewDatabase(name: string): Promise<void> {
  await lab.primary.cluster.query(`create database ${name} owner master`)
}

test('twenty migrations at once leave one schema, each file applied once', async () => {
  await inNewDatabase('twenty')
  const runs = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = await lab.primary.connect('master', 'twenty')
      try {
        return await migrate(client)
      } finally {
        await client.end()
      }
    }),
  )
  const files = readdirSync(MIGRATIONS).filter(name => name.endsWith('.sql')).length
  expect(runs.map(run => run.applied.length).sort((a, b) => b - a)).toEqual([files, ...Array(19).fill(0)])
  expect(new Set(runs.map(run => run.version)).size).toBe(1)
})

test('a second run finds everything done', async () => {
  const client = await lab.primary.connect('master')
  try {
    expect((await migrate(client)).applied).toEqual([])
  } finally {
    await client.end()
  }
})

test('a failing file leaves nothing of itself behind and is named', async () => {
  await inNewDatabase('broken')
  const folder = `${mkdtempSync(join(tmpdir(), 'holdfast-migrations-'))}/`
  cpSync(MIGRATIONS, folder, { recursive: true })
  writeFileSync(join(folder, '0999.do.broken.sql'), 'create table holdfast.half (); select 1/0;')
  const client = await lab.primary.connect('master', 'broken')
  try {
    await expect(migrate(client, { folder })).rejects.toMatchObject({
      name: 'MigrationFailed',
      message: expect.stringContaining('division by zero'),
    })
    const { rows } = await client.query(`select to_regclass('holdfast.half') as half`)
    expect(rows[0].half).toBeNull()
  } finally {
    await client.end()
    rmSync(folder, { recursive: true })
  }
})

test('a merged file that was edited is refused', async () => {
  await inNewDatabase('edited')
  const folder = `${mkdtempSync(join(tmpdir(), 'holdfast-migrations-'))}/`
  cpSync(MIGRATIONS, folder, { recursive: true })
  const client = await lab.primary.connect('master', 'edited')
  try {
    await migrate(client, { folder })
    writeFileSync(join(folder, '0001.do.schema.sql'), 'create schema if not exists holdfast;')
    writeFileSync(join(folder, '0999.do.next.sql'), 'select 1;')
    await expect(migrate(client, { folder })).rejects.toMatchObject({ name: 'MigrationEdited' })
  } finally {
    await client.end()
    rmSync(folder, { recursive: true })
  }
})
