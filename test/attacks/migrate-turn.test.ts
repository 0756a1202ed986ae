import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../bench/lab.ts'
import { migrate } from '../../lambdas/migrate/migrate.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab(18, { max_prepared_transactions: 5 })
  await lab.primary.run(`create role tenant login password 'master'; grant create on schema public to tenant`)
})
afterAll(() => lab?.close())

const runAs = async <T>(
  user: string,
  work: (client: Awaited<ReturnType<Lab['primary']['connect']>>) => Promise<T>,
) => {
  const client = await lab.primary.connect(user)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const migrateNow = () => runAs('master', client => migrate(client, { patience: 500 }))

test('no advisory lock that a login holds keeps a migration waiting', async () => {
  await runAs('tenant', async tenant => {
    await tenant.query('select pg_advisory_lock(7310868735423870318), pg_advisory_lock(7310868735423870319)')
    expect((await migrateNow()).applied).toEqual([])
  })
})

test('a login may not take the turn of the migration by any lock', async () => {
  await runAs('tenant', async tenant => {
    for (const mode of ['access share', 'row exclusive', 'exclusive', 'access exclusive']) {
      await tenant.query('begin')
      await expect(tenant.query(`lock table holdfast.migration in ${mode} mode`)).rejects.toMatchObject({
        code: '42501',
      })
      await tenant.query('rollback')
    }
    await expect(tenant.query('select from holdfast.migration for update')).rejects.toMatchObject({
      code: '42501',
    })
  })
})

test('who reads everything keeps no migration waiting', async () => {
  await runAs('holdfast_examine', async reader => {
    await reader.query('begin')
    await reader.query('select from holdfast.migration')
    expect((await migrateNow()).applied).toEqual([])
  })
})

test('a migration that cannot have the turn says who has it, and what to do', async () => {
  await runAs('master', async other => {
    await other.query(`set application_name = 'psql of the owner'`)
    const { rows } = await other.query('select pg_backend_pid() as pid')
    await other.query('begin; lock table holdfast.migration in share mode')
    await expect(migrateNow()).rejects.toMatchObject({
      name: 'MigrationBusy',
      message: expect.stringMatching(
        new RegExp(
          `^another session has had the turn to migrate for longer than 0.5 s: process ${rows[0].pid} of master \\(psql of the owner\\), since 20\\S+Z\nHINT: wait until it ends, or end it with select pg_terminate_backend\\(${rows[0].pid}\\)`,
        ),
      ),
    })
  })
  expect((await migrateNow()).applied).toEqual([])
})

test('a prepared transaction that has the turn is named', async () => {
  await runAs('master', other =>
    other.query(`begin; lock table holdfast.migration in exclusive mode; prepare transaction 'left behind'`),
  )
  await expect(migrateNow()).rejects.toMatchObject({
    name: 'MigrationBusy',
    message: expect.stringMatching(
      /: prepared transaction left behind of master, since 20\S+Z\nHINT: commit or roll back/,
    ),
  })
  await runAs('master', other => other.query(`rollback prepared 'left behind'`))
})
