import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type pg from 'pg'
import { type Lab, openLab } from '../../bench/lab.ts'
import { migrate } from '../../lambdas/migrate/migrate.ts'

/** What the app's function does as soon as it runs with the master's rights. */
const ROB = `if pg_catalog.pg_has_role(current_user, 'rds_superuser', 'member') then
  begin execute 'alter role app createrole bypassrls'; exception when others then null; end; end if;`

let lab: Lab
beforeAll(async () => {
  lab = await openLab(18)
  await lab.primary.run(`create role app login createrole password 'master'; grant app to master with admin option;
    create role other login password 'master'; grant rds_superuser to other`)
})
afterAll(() => lab?.close())

/** A database of the app's own, as somebody else's project has it, and what the app does in it first. */
async function database(name: string, before: string): Promise<void> {
  await lab.primary.cluster.query(`drop database if exists ${name}`)
  await lab.primary.cluster.query(`create database ${name} owner app`)
  await asApp(name, before)
}

async function within<T>(user: string, name: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await lab.primary.connect(user, name)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const asApp = (name: string, sql: string) => within('app', name, client => client.query(sql))
const migrateIn = (name: string) =>
  within('master', name, client => migrate(client, { archiveTables: ['*.*'] }))
const gained = () =>
  lab.primary.one(`select rolbypassrls as bypassrls,
    pg_has_role('app', 'pg_read_all_data', 'member') as reads from pg_roles where rolname = 'app'`)
const NOTHING = { bypassrls: false, reads: false }

test('a schema that the app made first is not taken over', async () => {
  await database('schema_first', 'create schema holdfast')
  await expect(migrateIn('schema_first')).rejects.toMatchObject({
    name: 'ForeignSchema',
    message:
      'schema holdfast belongs to app, not to master\nHINT: as app, rename or drop it: alter schema holdfast rename to holdfast_of_another',
  })
  expect(
    await within('master', 'schema_first', c =>
      c.query(`select from pg_proc where pronamespace = 'holdfast'::regnamespace`),
    ),
  ).toMatchObject({ rowCount: 0 })
})

test('a schema in which others may make things is not used', async () => {
  await database('schema_open', 'create table t (id int primary key)')
  await lab.primary.cluster.query('grant create on database schema_open to master')
  await within('master', 'schema_open', c =>
    c.query('create schema holdfast; grant create on schema holdfast to app'),
  )
  await expect(migrateIn('schema_open')).rejects.toThrow(
    'app may make objects in schema holdfast\nHINT: as master: revoke create on schema holdfast from app',
  )
})

test.each([
  [
    'table',
    'create table holdfast.archive_pattern (pattern text primary key)',
    'table holdfast.archive_pattern',
  ],
  [
    'function',
    `create function holdfast.timeline() returns int language sql as 'select 1'`,
    'function holdfast.timeline()',
  ],
  ['type', `create type holdfast.migration as (version int8)`, 'composite type holdfast.migration'],
  [
    'operator',
    `create function holdfast.f(name, name) returns text language sql as 'select 1::text'; create operator holdfast.|| (leftarg = name, rightarg = name, function = holdfast.f)`,
    /^(function|operator) holdfast/,
  ],
  ['domain', 'create domain holdfast.note as text', 'type holdfast.note'],
])('somebody else’s %s inside the schema is found', async (kind, sql, found) => {
  const name = `inside_${kind}`
  await database(name, 'select 1')
  await lab.primary.cluster.query(`grant create on database ${name} to master`)
  await within('master', name, c =>
    c.query('create schema holdfast; grant create, usage on schema holdfast to app'),
  )
  await asApp(name, sql)
  await within('master', name, c => c.query('revoke create on schema holdfast from app'))
  await expect(migrateIn(name)).rejects.toMatchObject({
    name: 'ForeignSchema',
    message: expect.stringMatching(found),
  })
})

// Given rights by name, a role must be nobody's tool.
test('a role that somebody made under one of our names is not given rights', async () => {
  await database('role_first', 'select 1')
  await lab.primary.cluster.query('grant create on database role_first to master')
  await lab.primary.run('grant holdfast_workload to app')
  try {
    await expect(migrateIn('role_first')).rejects.toThrow(
      'app may act as role holdfast_workload, which Holdfast gives rights to\nHINT: revoke holdfast_workload from app granted by rdsadmin',
    )
  } finally {
    await lab.primary.run('revoke holdfast_workload from app')
  }
})

test('operators that the app made are not the ones that a migration means', async () => {
  const evil = (name: string, types: string, result: string) => `
    create function public.${name}(${types}) returns ${result} language plpgsql as $f$ begin ${ROB} return null; end $f$;`
  await database(
    'operators',
    `create table t (id int primary key);
    ${evil('evil_concat', 'name, name', 'text')} create operator public.|| (leftarg = name, rightarg = name, function = public.evil_concat);
    ${evil('evil_concat', 'name, text', 'text')} create operator public.|| (leftarg = name, rightarg = text, function = public.evil_concat);
    ${evil('evil_match', 'name, name', 'boolean')} create operator public.!~ (leftarg = name, rightarg = name, function = public.evil_match);
    ${evil('evil_equal', 'name, text', 'boolean')} create operator public.= (leftarg = name, rightarg = text, function = public.evil_equal);
    ${evil('evil_equal', '"char", unknown', 'boolean').replace('unknown', 'text')} create operator public.= (leftarg = "char", rightarg = text, function = public.evil_equal);
    ${evil('coalesce_text', 'name', 'text')} create function public.format(text, name, name) returns text language plpgsql as $f$ begin ${ROB} return ''; end $f$`,
  )
  await lab.primary.cluster.query('grant create on database operators to master')
  await migrateIn('operators')
  await asApp('operators', 'create table t2 (id int primary key)')
  await within('master', 'operators', c =>
    c.query('select holdfast.archive_state(); select * from holdfast.archive_table'),
  )
  expect(await gained()).toEqual(NOTHING)
})

test('what the database sets for each session does not turn a migration', async () => {
  await database('settings', `create schema evil; create table t (id int primary key)`)
  await lab.primary.cluster.query('grant create on database settings to master')
  await asApp(
    'settings',
    `alter database settings set search_path = evil, public, pg_catalog;
    alter database settings set role = app; alter database settings set standard_conforming_strings = off;
    alter database settings set default_transaction_read_only = on;
    alter database settings set quote_all_identifiers = on;
    create function evil.set_config(text, text, boolean) returns text language plpgsql as $f$ begin ${ROB} return ''; end $f$;
    create function evil.to_jsonb(anyelement) returns jsonb language plpgsql as $f$ begin ${ROB} return null; end $f$`,
  )
  await migrateIn('settings')
  const { rows } = await within('master', 'settings', c =>
    c.query(`select distinct rolname as owner from pg_proc join pg_roles r on r.oid = proowner
      where pronamespace = 'holdfast'::regnamespace and not exists (select from pg_depend d where d.objid = pg_proc.oid and d.deptype = 'e')`),
  )
  expect(rows).toEqual([{ owner: 'master' }])
  expect(await gained()).toEqual(NOTHING)
})
