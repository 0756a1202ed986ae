import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Rig } from '../../lambdas/archiver/rig.ts'
import { as, on, openTenants, rightsOf, rollOver, verdicts } from './tenants.ts'

/** What a record of an older version looked like, with a statement that makes its author a lord of the database. */
const FORGED = JSON.stringify({
  ...{ version: 1, tag: 'DO', role: 'master', searchPath: 'pg_catalog', statementAt: '2026-11-30T00:00:00Z' },
  query:
    "do $x$ begin execute 'alter role tenant_a createrole createdb bypassrls'; execute 'grant pg_read_all_data to tenant_a with admin option'; execute 'grant all on all tables in schema tenant_b to tenant_a'; execute 'grant usage on schema tenant_b to tenant_a'; end $x$",
  ...{ objects: [], settings: {}, roles: [{ name: 'tenant_a', memberOf: ['tenant_b', 'pg_read_all_data'] }] },
})

const emit = (prefix: string, content: string, transactional = true) =>
  `select pg_logical_emit_message(${transactional}, '${prefix}', ${content})`
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`

let rig: Rig
beforeAll(async () => {
  rig = await openTenants()
}, 120_000)
afterAll(() => rig?.close())

const RECORD =
  `'{"version":2,"tag":"CREATE TABLE","role":"master","searchPath":"public","objects":[],"settings":{},"roles":[],"statements":[{"text":"create table public.forged ()","redacted":false}]}'` as const

describe('a message', () => {
  test.each([
    ['in the words of a recorded change', [emit('holdfast.ddl', quoted(FORGED))]],
    ['of today’s form', [emit('holdfast.ddl', RECORD), emit('holdfast.schema_change', RECORD)]],
    ['that is no JSON', [emit('holdfast.ddl', "'x'")]],
    [
      'that tells of a change that could not be described',
      [emit('holdfast.ddl', `'{"version":1,"tag":"CREATE TABLE","error":"no"}'`)],
    ],
    ['outside any transaction', [emit('holdfast.ddl', quoted(FORGED), false)]],
    ['of bytes that are no text', [emit('holdfast.ddl', `'\\xff00fe'::bytea`)]],
    ['of megabytes', [emit('holdfast.ddl', "repeat('x', 4000000)")]],
    ['of many', [`${emit('theirs', "'x'")} from generate_series(1, 500)`]],
    [
      'beside rows',
      [
        `begin; ${emit('holdfast.ddl', quoted(FORGED))}; create table if not exists tenant_a.own (id int primary key); commit`,
      ],
    ],
  ])(
    '%s changes nothing on the copy and stops nothing',
    async (_, texts) => {
      const before = await rightsOf(rig.lab.primary)
      const { copy, applied, compared } = await rollOver(rig, () => as(rig, 'tenant_a', ...texts))
      expect(verdicts(applied)).toEqual({
        'roll-forward.applied': 'pass',
        'roll-forward.messages': 'explained',
      })
      expect(compared.checks).toMatchObject([{ verdict: 'pass' }])
      expect(await rightsOf(copy)).toEqual(before)
      expect(await copy.one("select to_regclass('public.forged') as t")).toEqual({ t: null })
      await rig.lab.stopCopies()
    },
    120_000,
  )
})

test('nobody but the owner writes a record', async () => {
  for (const user of [
    'tenant_a',
    'holdfast_heartbeat',
    'holdfast_archiver',
    'holdfast_examine',
    'holdfast_schema',
    'holdfast_roll_forward',
  ])
    for (const text of [
      "insert into holdfast.schema_change (record) values ('{}')",
      "update holdfast.schema_change set record = '{}'",
      'delete from holdfast.schema_change',
      'truncate holdfast.schema_change',
      'select holdfast.record_ddl()',
    ])
      await expect(on(rig.lab.primary, user, text)).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|0A000)$/),
      })
})

test('a record says who acted, whatever the session had set before', async () => {
  await as(
    rig,
    'tenant_a',
    "set holdfast.actor = 'master'; set holdfast.actor_path = 'evil'; set search_path = tenant_a; create table whose (id int primary key)",
  )
  expect(
    await rig.lab.primary.one(
      "select record->>'role' as role, record->>'searchPath' as path from holdfast.schema_change order by seq desc limit 1",
    ),
  ).toEqual({ role: 'tenant_a', path: 'tenant_a' })
})

test('a change inside somebody’s function is recorded of whom the function runs as, in its own words', async () => {
  await rig.sql(
    "create function public.serve(name text) returns void language plpgsql security definer as $$ begin execute format('create table if not exists public.%I (id int primary key)', name); end $$; grant execute on function public.serve(text) to tenant_a",
  )
  await as(
    rig,
    'tenant_a',
    `set holdfast.following = 'on'; select public.serve(E'a"\\nPL/pgSQL function x() line 1 at EXECUTE'); create table tenant_a.after (id int primary key)`,
  )
  const rows = await rig.lab.primary.cluster.query(
    "select record->>'role' as role, record#>>'{statements,0,text}' as text from holdfast.schema_change order by seq desc limit 2",
    [],
    'shop',
  )
  expect(rows).toEqual([
    { role: 'tenant_a', text: 'create table tenant_a.after (id int primary key)' },
    {
      role: 'master',
      text: 'create table if not exists public."a""\nPL/pgSQL function x() line 1 at EXECUTE" (id int primary key)',
    },
  ])
})

test('a change whose statement is not told is not taken from the text of whoever called', async () => {
  await rig.sql(
    "create function public.quiet() returns void language sql security definer as 'create table if not exists public.quiet_one (id int primary key)'; grant execute on function public.quiet() to tenant_a",
  )
  await as(rig, 'tenant_a', 'select public.quiet(); create table tenant_a.evil (id int primary key)')
  expect(
    await rig.lab.primary.one(
      "select record->>'error' as error from holdfast.schema_change where record->>'error' is not null order by seq desc limit 1",
    ),
  ).toEqual({ error: 'a function made it whose statement PostgreSQL does not tell' })
})
