import { describe, expect, test } from '@jest/globals'
import { loadEnvironment } from '../../config/environments.ts'
import { parameterGroup } from '../../lib/names.ts'
import { drillParameters, parameters, profile, QUARANTINE } from '../../lib/parameters.ts'
import { assembly } from '../support/assembly.ts'

const prod = loadEnvironment('prod')
const dev = loadEnvironment('dev')

describe('the profile', () => {
  test('makes the database recoverable, observable and bounded', () => {
    expect(parameters(prod)).toMatchObject({
      'rds.logical_replication': '1',
      'rds.force_ssl': '1',
      track_commit_timestamp: '1',
      shared_preload_libraries: 'pg_stat_statements',
      log_min_duration_statement: '1000',
      log_lock_waits: '1',
      statement_timeout: '3600000',
      idle_in_transaction_session_timeout: '300000',
      autovacuum_vacuum_scale_factor: '0.05',
    })
  })

  test('follows the class and the disk', () => {
    // A fifth of 200 GiB and of 20 GiB, in MiB.
    expect(parameters(prod).max_slot_wal_keep_size).toBe('40960')
    expect(parameters(dev).max_slot_wal_keep_size).toBe('4096')
    // RDS's formula on nine tenths of 32 GiB and of 4 GiB.
    expect(parameters(prod).max_connections).toBe('3244')
    expect(parameters(dev).max_connections).toBe('405')
  })

  test('gives a reason for every line, and says nothing twice', () => {
    const names = profile(prod).map(setting => setting.name)
    expect(new Set(names).size).toBe(names.length)
    for (const { name, why } of [...profile(prod), ...QUARANTINE])
      expect([name, why.length > 10]).toEqual([name, true])
  })

  test('yields to what the environment overrides', () => {
    const database = { ...prod.database, parameters: { random_page_cost: '1.5' } }
    expect(parameters({ ...prod, database }).random_page_cost).toBe('1.5')
  })
})

describe('the parameters of a drill copy', () => {
  test('are those of production, in quarantine', () => {
    expect(drillParameters(prod)).toEqual({
      ...parameters(prod),
      max_logical_replication_workers: '0',
      max_sync_workers_per_subscription: '0',
      shared_preload_libraries: 'pg_stat_statements',
    })
  })

  test('stay in quarantine whatever the environment overrides', () => {
    const overrides = {
      shared_preload_libraries: 'pg_stat_statements,pg_cron',
      max_logical_replication_workers: '8',
    }
    const risky = { ...prod, database: { ...prod.database, parameters: overrides } }
    expect(parameters(risky).shared_preload_libraries).toBe('pg_stat_statements,pg_cron')
    expect(drillParameters(risky)).toMatchObject({
      shared_preload_libraries: 'pg_stat_statements',
      max_logical_replication_workers: '0',
    })
  })
})

test('another major version has groups of other names, so that an upgrade never collides with its own past', () => {
  const of = (engineVersion: string) => ({ ...prod, database: { ...prod.database, engineVersion } })
  expect(parameterGroup(of('18'), 'production')).toBe('shop-prod-postgres18')
  expect(parameterGroup(of('17.9'), 'production')).toBe('shop-prod-postgres17')
  expect(parameterGroup(of('17.9'), 'drill')).toBe('shop-prod-drill-postgres17')
})

test('both regions have the same two groups', async () => {
  const one = await assembly('prod')
  const all = (stack: string) =>
    Object.values(one.resources(stack, 'AWS::RDS::DBParameterGroup')).map(group => group.Properties)
  const groups = (stack: string) => all(stack).map(group => group.Parameters)
  expect(all('database').map(group => group.Family)).toEqual(['postgres18', 'postgres18'])
  expect(groups('database')).toEqual([parameters(prod), drillParameters(prod)])
  expect(groups('standby-database')).toEqual(groups('database'))
})
