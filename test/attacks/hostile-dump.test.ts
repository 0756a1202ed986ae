import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { loadDump } from '../../bin/rehearsal/scenario/dump/load.ts'
import { own } from '../../twin/postgres/account.ts'
import { openAuthority } from '../../twin/postgres/authority.ts'
import { type Cluster, startCluster } from '../../twin/postgres/cluster.ts'
import { type Endpoint, openEndpoint } from '../../twin/postgres/endpoint.ts'
import { allowReplication, createMaster } from '../../twin/postgres/rights.ts'
import { createCluster } from '../../twin/postgres/template.ts'

let root: string
let cluster: Cluster
let endpoint: Endpoint
let ca: string
let number = 0

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-dump-'))
  own(root)
  const authority = await openAuthority(join(root, 'authority'), ['us-east-1'])
  ca = readFileSync(authority.caFile, 'utf8')
  await createCluster({ dir: join(root, 'c') })
  cluster = await startCluster({ dir: join(root, 'c'), settings: { wal_level: 'logical' } })
  await createMaster(cluster, { user: 'master', password: 'correct-horse' })
  endpoint = await openEndpoint({
    region: 'us-east-1',
    certificate: authority.server,
    backend: () => cluster,
    forceSsl: () => true,
    iamEnabled: () => true,
    findKey: () => undefined,
    mayConnect: () => false,
    prepareReplication: user => allowReplication(cluster, user),
  })
})
afterAll(async () => {
  await endpoint.close()
  await cluster.stop()
  rmSync(root, { recursive: true, force: true })
})

let before: unknown
beforeEach(async () => {
  number += 1
  await cluster.query(`create database d${number} owner master`)
  before = await powers()
})
// Whatever a dump tried: no program ran, no file was written, and nobody has a right that he had not.
afterEach(async () => {
  const after = await powers()
  await cluster.query('alter role master nosuperuser')
  expect(existsSync(mark())).toBe(false)
  expect(after).toEqual(before)
})

/** What a program that a dump started would make. */
const mark = () => join(root, 'ran')

/** Every role that could run a program, read a file or become another, and every setting of the server's own file. */
function powers(): Promise<unknown> {
  return cluster.query(`
    select (select pg_catalog.json_agg(r.rolname order by 1) from pg_catalog.pg_roles r
        where rolsuper or pg_catalog.pg_has_role(r.oid, 'rdsadmin', 'member')
          or pg_catalog.pg_has_role(r.oid, 'pg_execute_server_program', 'member')
          or pg_catalog.pg_has_role(r.oid, 'pg_read_server_files', 'member')
          or pg_catalog.pg_has_role(r.oid, 'pg_write_server_files', 'member')) as roles,
      (select pg_catalog.count(*) from pg_catalog.pg_file_settings where sourcefile ~ 'auto.conf') as own,
      pg_catalog.current_setting('archive_command') as command`)
}

async function load(sql: string) {
  const file = join(root, `${number}.sql`)
  writeFileSync(file, sql)
  return loadDump(connectionTo(`d${number}`), file, () => {})
}

const connectionTo = (database: string) => ({
  ...{ host: '127.0.0.1', port: endpoint.port, user: 'master', password: 'correct-horse' },
  ...{ database, ssl: { ca } },
})

/** The socket at which the server trusts its superuser: what a dump would have the server itself connect to. */
const trusted = () => `host=${cluster.socket} port=${cluster.port} user=rdsadmin dbname=postgres`

describe('a dump', () => {
  test.each<[string, () => string]>([
    ['COPY from a program', () => `create table t (a text);\ncopy t from program 'touch ${mark()}';`],
    ['COPY to a program', () => `copy (select 1) to program 'touch ${mark()}';`],
    ['COPY to a file', () => `copy (select 1) to '${mark()}';`],
    ['COPY from a file', () => `create table t (a text);\ncopy t from '/etc/passwd';`],
    [
      'a program in a block',
      () => `do $$ begin execute $q$copy (select 1) to program 'touch ${mark()}'$q$; end $$;`,
    ],
    ['a shell command', () => `\\! touch ${mark()}`],
    ['a shell command behind a statement', () => `select 1 \\! touch ${mark()}\n;`],
    ['output into a pipe', () => `\\o |touch ${mark()}`],
    ['another file', () => '\\i /etc/passwd'],
    ['a client copy', () => `\\copy t from program 'touch ${mark()}'`],
    ['a variable of the shell', () => `\\set x \`touch ${mark()}\``],
    ['an import of a file', () => `select pg_catalog.lo_import('/etc/passwd');`],
    [
      'an export to a file',
      () => `select pg_catalog.lo_export(pg_catalog.lo_from_bytea(0, 'x'), '${mark()}');`,
    ],
    ['a file that is read', () => `select pg_catalog.pg_read_file('/etc/passwd');`],
    ['a folder that is listed', () => `select pg_catalog.pg_ls_dir('/');`],
    ['an untrusted language', () => `create extension plpython3u;`],
    ['a function in C', () => `create function f() returns int language c as '/tmp/evil', 'f';`],
    [
      'a function of the server',
      () => `create function f(text) returns text language internal as 'pg_read_file_all';`,
    ],
    ['a library', () => `load '/tmp/evil.so';`],
    ['an extension that reads files', () => `create extension file_fdw;`],
    ['the superuser’s role', () => 'set role rdsadmin;'],
    ['the superuser’s session', () => 'set session authorization rdsadmin;'],
    ['the superuser by a setting', () => `select pg_catalog.set_config('role', 'rdsadmin', false);`],
    ['a superuser', () => 'create role evil superuser;'],
    ['itself as a superuser', () => 'alter role master superuser;'],
    ['membership in the superuser', () => 'grant rdsadmin to master;'],
    ['the right to run programs', () => 'grant pg_execute_server_program to master;'],
    ['the server’s configuration', () => `alter system set archive_command = 'touch ${mark()}';`],
    ['a preloaded library', () => `alter role master set session_preload_libraries = '/tmp/evil';`],
    ['a setting of the superuser', () => `alter role rdsadmin set search_path = 'public';`],
    ['a catalogue', () => `update pg_catalog.pg_authid set rolsuper = true;`],
    [
      'a built-in function',
      () =>
        `create or replace function pg_catalog.now() returns timestamptz language sql as 'select null::timestamptz';`,
    ],
    [
      'a link without a password',
      () =>
        `create extension dblink;\nselect dblink_connect_u('${trusted()}');\nselect dblink_exec('alter role master superuser');`,
    ],
    [
      'a link to where the server trusts',
      () =>
        `create extension dblink;\nselect dblink_exec('${trusted()} password=x', 'alter role master superuser');`,
    ],
    [
      'a foreign server without a password',
      () => `create extension postgres_fdw;
create server s foreign data wrapper postgres_fdw options (host '${cluster.socket}', port '${cluster.port}', dbname 'postgres');
create user mapping for master server s options (user 'rdsadmin', password_required 'false');
create foreign table t (rolpassword text) server s options (schema_name 'pg_catalog', table_name 'pg_authid');
select * from t;`,
    ],
    [
      'a subscription to where the server trusts',
      () =>
        `create subscription s connection '${trusted()} password=x' publication p with (create_slot = false);`,
    ],
    [
      'an event trigger smuggled behind another',
      () =>
        `call pg_catalog.rds_event_trigger_statement('drop event trigger if exists x; alter role master superuser');`,
    ],
    [
      'a statement given out as an event trigger',
      () => `call pg_catalog.rds_event_trigger_statement('alter role master superuser');`,
    ],
  ])('with %s is refused, or loaded without it, at its line', async (_, sql) => {
    const said = await load(sql()).then(
      ({ skipped }) => skipped.join('\n'),
      error => (error as Error).message,
    )
    expect(said).toMatch(/line \d+: /)
  })

  test.each(['set role rdsadmin', 'grant rdsadmin to master', 'grant pg_execute_server_program to master'])(
    'would not be obeyed in %s either',
    async statement => {
      const client = new pg.Client(connectionTo(`d${number}`))
      await client.connect()
      try {
        await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' })
      } finally {
        await client.end()
      }
    },
  )

  test('sees its own event trigger fire again behind an extension’s script', async () => {
    await load(`create table public.seen (tag text);
create function public.note() returns event_trigger language plpgsql as $f$
begin
  insert into public.seen values (tg_tag);
end $f$;
create event trigger note on ddl_command_end execute function public.note();`)
    const client = new pg.Client(connectionTo(`d${number}`))
    await client.connect()
    try {
      await client.query('create extension hstore; create table public.later (id int)')
      const { rows } = await client.query('select tag from public.seen')
      expect(rows.map(({ tag }) => tag)).toEqual(['CREATE EXTENSION', 'CREATE TABLE'])
    } finally {
      await client.end()
    }
  })

  test('gives no superuser’s rights to an operator that it puts into an extension’s way', async () => {
    for (const extension of ['pgstattuple', 'dblink', 'amcheck'])
      await load(`create schema evil_${extension};
create function evil_${extension}.run(oid, regclass) returns boolean language plpgsql as $f$
begin
  if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    execute 'alter role master superuser';
  end if;
  return $1 = $2::oid;
end $f$;
create operator evil_${extension}.= (leftarg = oid, rightarg = regclass, function = evil_${extension}.run);
create extension ${extension} schema evil_${extension};`)
  })

  test('gives no superuser’s rights to an event trigger that an extension’s script sets off', async () => {
    await load(`create function public.climb() returns event_trigger language plpgsql as $f$
begin
  if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    execute 'alter role master superuser';
  end if;
end $f$;
create event trigger climb_1 on ddl_command_start execute function public.climb();
create event trigger climb_2 on ddl_command_end execute function public.climb();
create extension pgstattuple;
create extension hstore;
create extension amcheck;`)
  })

  test('gives no superuser’s rights to an event trigger on login', async () => {
    await load(`create function public.climb() returns event_trigger language plpgsql as $f$
begin
  if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    execute 'alter role master superuser';
  end if;
end $f$;
create event trigger climb on login execute function public.climb();`)
    await cluster.query('select 1', [], `d${number}`)
  })
})
