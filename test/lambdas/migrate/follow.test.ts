import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { migrate } from '../../../lambdas/migrate/migrate.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab(18)
})
afterAll(() => lab?.close())

test('a table is free for writes again while the tables after it are still followed', async () => {
  const client = await lab.primary.connect('master')
  const holder = await lab.primary.connect('master')
  const writer = await lab.primary.connect('master')
  try {
    await client.query('create table first_one (a int); create table last_one (a int)')
    await holder.query('begin; select from last_one')
    const migrated = migrate(client, { archiveTables: ['public.*'] })
    for (let waits = false; !waits; ) {
      const { rows } = await writer.query(
        `select exists (select from pg_locks where relation = 'last_one'::regclass and not granted) as waits`,
      )
      waits = rows[0].waits
    }
    // Less than the half second for which the follow waits.
    await writer.query(`set lock_timeout = '50ms'; insert into first_one values (1)`)
    const { archive } = await migrated
    expect(archive).toContain('public.last_one: only its inserts are archived')
    await holder.query('commit')
    expect((await migrate(client, { archiveTables: ['public.*'] })).archive).toEqual([
      'public.last_one: left holdfast_archive_inserts',
      'public.last_one: identified by its whole row, since it has no usable key',
      'public.last_one: joined holdfast_archive',
    ])
  } finally {
    for (const session of [client, holder, writer]) await session.end()
  }
})
