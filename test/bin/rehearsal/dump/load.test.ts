import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { loadDump } from '../../../../bin/rehearsal/scenario/dump/load.ts'
import { readArchive } from '../../../../bin/rehearsal/scenario/dump/restore-program.ts'
import { ask, type Lab, openLab } from '../lab.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())

const quiet = () => {}
const BEGUN = '--\n-- PostgreSQL database dump\n--\n-- Dumped from database version 18.1\n'
const ENDED = '\n--\n-- PostgreSQL database dump complete\n--\n'
const TABLE = 'create table public.t (id int primary key, v text);\n'
const ROWS = `select id, v from public.t order by id`

async function load(content: string | Buffer) {
  const connection = await lab.database()
  const loaded = await loadDump(connection, lab.dump(content), quiet)
  return { loaded, rows: (sql: string) => ask(connection, sql) }
}

test.each<[string, string | Buffer, unknown[][]]>([
  [
    'line separators of Unicode',
    `copy t from stdin;\n1\ta\u2028b\n2\t\u0085\u2029\n\\.\n`,
    [
      [1, 'a\u2028b'],
      [2, '\u0085\u2029'],
    ],
  ],
  [
    'bare and double line ends in a literal',
    `insert into t values (1, 'a\rb\r\nc\n');`,
    [[1, 'a\rb\r\nc\n']],
  ],
  [
    'Latin-1 that says so',
    Buffer.from(
      `set client_encoding = 'LATIN1';\ncopy t from stdin;\n1\tcaf\xe9\n\\.\ninsert into t values (2, '\xfc;');`,
      'latin1',
    ),
    [
      [1, 'café'],
      [2, 'ü;'],
    ],
  ],
  [
    'text that says no encoding',
    `set client_encoding = 'SQL_ASCII';\ninsert into t values (1, 'é');`,
    [[1, 'é']],
  ],
  [
    'backslashes in old literals',
    `set standard_conforming_strings = off;\ninsert into t values (1, 'it\\'s; x');`,
    [[1, "it's; x"]],
  ],
  ['lines that end in two characters', `copy t from stdin;\r\n1\ta\r\n\\.\r\n`, [[1, 'a']]],
  [
    'what the dump rolls back',
    `begin; insert into t values (1, 'in'); commit; begin; insert into t values (2, 'out'); rollback;`,
    [[1, 'in']],
  ],
  [
    'savepoints of the dump',
    `begin; insert into t values (1, 'in'); savepoint a; insert into t values (2, ''); rollback to a; end;`,
    [[1, 'in']],
  ],
  ['a last statement without its semicolon', `insert into t values (1, 'x') -- the end`, [[1, 'x']]],
])('gives what psql gives: %s', async (_, content, wanted) => {
  const { rows } = await load(
    Buffer.concat([Buffer.from(`set search_path = public;\n${TABLE}`), Buffer.from(content)]),
  )
  expect(await rows(ROWS)).toEqual(wanted)
})

test.each<[string, string, string]>([
  ['create schema public;', '', 'the schema is there already'],
  ['alter table only public.x drop constraint x_pkey;', '', 'there is nothing to drop'],
  ['drop table public.x;', '', 'there is nothing to drop'],
  [
    'create database other;\\connect other\n',
    'create database other',
    'the rehearsal has its database already',
  ],
  [`create subscription s connection 'host=db.example' publication p;`, '', 'it would follow another server'],
  ['create publication everything for all tables;', '', 'only a superuser may publish all tables'],
  ['set default_tablespace = fast;', '', 'the twin has one tablespace'],
  [`set session authorization 'bob';`, '', 'the loading user makes everything'],
  ['create extension if not exists aws_s3 with schema public;', '', 'only RDS has this extension'],
  [
    'alter default privileges for role rdsadmin revoke all on tables from rdsadmin;',
    '',
    'only that role may',
  ],
])('says what it left out: %s', async (statement, said, reason) => {
  const { loaded, rows } = await load(`${statement}\n${TABLE}insert into public.t values (1, 'x');`)
  expect(loaded.skipped[0]).toBe(`line 1: ${said || statement.slice(0, -1)} (${reason})`)
  expect(await rows(ROWS)).toEqual([[1, 'x']])
})

test('a column that asks for lz4 is loaded, and what this build lacks is said', async () => {
  const { loaded, rows } = await load(`${TABLE}alter table only public.t alter column v set compression lz4;
insert into public.t values (1, 'x');`)
  const [[build]] = (await rows(
    `select enumvals from pg_settings where name = 'default_toast_compression'`,
  )) as [[string]]
  expect(loaded.skipped).toEqual(
    build.includes('lz4')
      ? []
      : [
          'line 2: alter table only public.t alter column v set compression lz4 (this build of PostgreSQL has no lz4; the values are the same)',
        ],
  )
  expect(await rows(ROWS)).toEqual([[1, 'x']])
})

test('makes the roles that a dump names, once, and no other', async () => {
  const { loaded } = await load(`${TABLE}grant select on table public.t to "Weird ""Reader""", made_b;
create policy p on public.t for select to made_c using (v in (select v from public.t));
create schema app authorization made_d;
alter default privileges for role made_e in schema public grant select on tables to made_b;`)
  expect(loaded.roles).toEqual(['"Weird ""Reader"""', 'made_b', 'made_c', 'made_d', 'made_e'])
})

test.each<[string, string, string, string]>([
  [
    'a broken row',
    'copy public.t from stdin;\n1\ta\nx\tb\n\\.\n',
    'line 4: invalid input syntax for type integer: "x"',
    'correct the statement',
  ],
  [
    'the second of many inserts',
    `insert into public.t values (1, 'a');\ninsert into public.t values (1, 'b');\ninsert into public.t values (2, 'b');\n`,
    'line 3: duplicate key value',
    'correct the statement',
  ],
  [
    'a syntax error behind other inserts',
    `insert into public.t values (1, 'éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé');\ninsert into public.t valeus (1, 'b');\n`,
    'line 3: syntax error at or near "valeus"',
    'this is not a PostgreSQL dump',
  ],
  ['prose', 'Dear all,\nthe dump is late.\n', 'line 2: syntax error', 'this is not a PostgreSQL dump'],
  [
    'an extension',
    'create extension postgis;',
    'line 2: extension "postgis" is not available',
    'the twin lacks the extension postgis',
  ],
  ['bytes of another encoding', '\xff', 'invalid byte sequence', 'its bytes are not UTF8'],
  ['an earlier load', TABLE, 'relation "t" already exists', 'holdfast reset'],
  [
    'a file of the server',
    `copy public.t from '/etc/passwd';`,
    'permission denied to COPY from a file',
    'RDS keeps it from its master user',
  ],
  [
    'a program',
    `copy public.t from program 'id';`,
    'permission denied to COPY to or from an external program',
    'RDS keeps it',
  ],
  [
    'a language',
    `create function f() returns int language c as 'x', 'y';`,
    'permission denied for language c',
    'RDS keeps it',
  ],
  [
    'no transaction',
    'create index concurrently on public.t (v);',
    'cannot run inside a transaction block',
    'no CONCURRENTLY',
  ],
  [
    'a shell command',
    '\\! touch x\n',
    'line 2: the psql command \\! cannot be run here',
    'take it out of the dump',
  ],
  [
    'a file of this machine',
    '\\i other.sql\n',
    'the psql command \\i cannot be run here',
    'put what that file holds into the dump',
  ],
  [
    'a copy by psql',
    `\\copy public.t from '/etc/passwd'\n`,
    'the psql command \\copy cannot be run here',
    'pg_dump',
  ],
  [
    'a command behind a query',
    `select 'drop table public.t' \\gexec\n`,
    'the psql command \\gexec cannot be run here',
    '',
  ],
  [
    'another database',
    `insert into public.t values (1, 'a');\n\\connect b\n`,
    'line 3: the psql command \\connect',
    'one database please',
  ],
  [
    'half a literal',
    `insert into public.t values (1, 'a`,
    'line 2: the statement that begins there has no end',
    'make the dump again',
  ],
])('a refused dump leaves nothing: %s', async (_, content, sentence, step) => {
  const connection = await lab.database()
  const file = lab.dump(Buffer.from(`${TABLE}${content}`, content === '\xff' ? 'latin1' : 'utf8'))
  if (content === '\xff')
    writeFileSync(file, Buffer.from(`${TABLE}insert into public.t values (1, '\xe9');`, 'latin1'))
  const error = await loadDump(connection, file, quiet).catch((cause: Error) => cause)
  expect(String(error)).toContain(sentence)
  expect(String(error)).toMatch(new RegExp(`\\nHINT: .*${step}`))
  expect(await ask(connection, `select relname from pg_class where relname = 't'`)).toEqual([])
})

test.each<[string, string]>([
  ['create table half (a int)', 'line 5: the statement that begins there has no end'],
  [
    'copy half from stdin;\n-- PostgreSQL database dump complete\n',
    'line 5: the rows of this COPY have no end',
  ],
  ['create table half (a int);\n', 'its last line is not "-- PostgreSQL database dump complete"'],
])('a dump that was cut off in %j says so', async (content, sentence) => {
  const made = content.startsWith('copy') ? lab.dump(`${BEGUN}${content}`) : lab.dump(`${BEGUN}${content}`)
  const connection = await lab.database()
  if (content.startsWith('copy')) await ask(connection, 'create table half (a text)')
  const error = await loadDump(connection, made, quiet).catch((cause: Error) => cause)
  expect(String(error)).toContain(`ends too early: ${sentence}\nHINT: copy or make the dump again`)
})

test('names what was made or filled, and analyzes it', async () => {
  const { loaded, rows } = await load(`${BEGUN}${TABLE}create table public.p (id int) partition by list (id);
create table public.p1 partition of public.p for values in (1);
insert into public.p values (1);\ninsert into public.t select i, 'x' from generate_series(1, 50) i;${ENDED}`)
  expect(loaded.relations).toEqual(['public.t', 'public.p', 'public.p1'])
  expect(loaded.rows).toBe(51)
  expect(await rows(`select reltuples::int from pg_class where relname = 't'`)).toEqual([[50]])
})

test('a literal wider than the chunks that are read arrives whole', async () => {
  const wide = 'x;é'.repeat(3_000_000)
  const { rows } = await load(
    `${TABLE}insert into public.t values (1, '${wide}');\ncopy public.t from stdin;\n2\t${wide}\n\\.\n`,
  )
  expect(
    await rows(`select id, length(v), md5(v) = md5('x;é' || substr(v, 4)) from public.t order by id`),
  ).toEqual([
    [1, 9_000_000, true],
    [2, 9_000_000, true],
  ])
})

const CUSTOM = new URL('./shop.dump', import.meta.url).pathname
const hasProgram = spawnSync('pg_restore', ['--version']).status === 0

test('reads a custom-format dump where there is a pg_restore, and says what it needs where there is none', async () => {
  const connection = await lab.database()
  const loading = loadDump(connection, CUSTOM, quiet)
  if (hasProgram) {
    expect((await loading).rows).toBe(3)
    expect(await ask(connection, 'select note from public.orders order by id')).toEqual([
      ['é;1'],
      ['é;2'],
      ['é;3'],
    ])
  } else await expect(loading).rejects.toThrow('only pg_restore reads')
  const missing = readArchive(CUSTOM, '/nowhere/pg_restore').next()
  await expect(missing).rejects.toThrow(
    `${CUSTOM} is in a format that only pg_restore reads, and this machine has none\nHINT: install PostgreSQL's client programs here, or where they are turn it into plain format: pg_restore -f plain.sql`,
  )
})

test('says what pg_restore said of a dump that it cannot read', async () => {
  const broken = lab.dump('PGDMP\x01\x0e\x00broken')
  const wanted = hasProgram ? 'pg_restore cannot read' : 'only pg_restore reads'
  await expect(loadDump(await lab.database(), broken, quiet)).rejects.toThrow(wanted)
})
