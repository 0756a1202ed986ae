import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { openScenario } from '../../../bin/rehearsal/scenario/scenario.ts'
import { own } from '../../../twin/postgres/account.ts'
import { type Cluster, startCluster } from '../../../twin/postgres/cluster.ts'
import { createCluster } from '../../../twin/postgres/template.ts'

let root: string
let cluster: Cluster
let database = 0

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  own(root)
  await createCluster({ dir: join(root, 'primary'), version: 18 })
  cluster = await startCluster({ dir: join(root, 'primary'), version: 18, settings: { fsync: 'off' } })
})

afterAll(async () => {
  await cluster.kill()
  rmSync(root, { recursive: true, force: true })
})

beforeEach(async () => {
  database += 1
  await cluster.query(`create database d${database}`)
})

const connection = () => ({
  host: cluster.socket,
  port: cluster.port,
  user: 'rdsadmin',
  database: `d${database}`,
})
const quiet = () => {}

async function ask(sql: string): Promise<unknown[][]> {
  const { default: pg } = await import('pg')
  const client = new pg.Client(connection())
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

test('loads a dump with functions of both body styles, quoted names, escapes, roles and partitions', async () => {
  const scenario = openScenario({
    connection: connection(),
    dumpFile: new URL('./dump.sql', import.meta.url).pathname,
  })
  const loaded = await scenario.load(quiet)
  expect(loaded).toMatchObject({
    tables: 2,
    rows: 5,
    skipped: ['line 13: CREATE SCHEMA public (the schema is there already)'],
  })
  expect(await ask('select id, note, mood::text, doc, bin::text from public.plain order by id')).toEqual([
    [1, 'tab\tand; newline\nand \\. inside', 'sad; very', { a: 'é;' }, '\\x00ff'],
    [2, null, null, null, null],
    [3, 'ünï -- not a comment', 'ok', [], '\\x'],
    [4, "it's; in'serted; too;", null, null, null],
  ])
  expect(await ask('select public.atomic(41)')).toEqual([[42]])
  expect(await ask(`select count(*)::int from "Ünï;cødé"."Täble"`)).toEqual([[1]])
})

test.each([
  ['select 1;\u0000', 'is not text, this is not a PostgreSQL dump\nHINT:'],
  ['create table t (a int);\nselect 1/0;\n', 'line 2: division by zero, at: select 1/0\nHINT:'],
  ['\\! rm -rf /\n', 'line 1: the psql command \\! cannot be run here'],
  [
    'create table t (a int);\nCOPY t (a) FROM stdin;\n1\n',
    'ends too early: line 2: the rows of this COPY have no end\nHINT: copy or make the dump again',
  ],
  [
    '-- PostgreSQL database dump\n\ncreate table t (a int);\n',
    'ends too early: its last line is not "-- PostgreSQL database dump complete"\nHINT:',
  ],
  [
    '-- Dumped from database version 99.1\nset of_the_future = on;\n',
    'line 2: unrecognized configuration parameter "of_the_future", at: set of_the_future = on\nHINT: the dump is of PostgreSQL 99.1:',
  ],
])('refuses %j with a sentence', async (content, wanted) => {
  const file = join(root, 'bad.sql')
  writeFileSync(file, content)
  await expect(openScenario({ connection: connection(), dumpFile: file }).load(quiet)).rejects.toThrow(wanted)
})

test('an object whose owner may not create in its schema stays with the loading user', async () => {
  await cluster.query(`create role loader login createrole password 'word'`)
  await cluster.query(`alter database d${database} owner to loader`)
  const file = join(root, 'owners.sql')
  writeFileSync(
    file,
    `create schema app;\nalter schema app owner to first_owner;\ncreate table app.t (a int);
alter table app.t owner to second_owner;\ninsert into app.t values (1);\n`,
  )
  const scenario = openScenario({
    connection: { ...connection(), user: 'loader', password: 'word' },
    dumpFile: file,
  })
  const reason = 'its owner in the dump may not own it here; the loading user keeps it'
  expect((await scenario.load(quiet)).skipped).toEqual([
    `line 4: alter table app.t owner to second_owner (${reason})`,
  ])
  expect(
    await ask(
      'select tableowner, (select count(*)::int from app.t) from pg_tables where schemaname = $$app$$',
    ),
  ).toEqual([['loader', 1]])
})

test('loads the commerce sample at the size asked for, writes, and deletes the largest table that nothing refers to', async () => {
  const scenario = openScenario({ connection: connection(), rows: 5_000 })
  const loaded = await scenario.load(quiet)
  expect(loaded.rows).toBe(5_000 + 20 + 100 + 40 + 100)
  const writers = await scenario.write()
  while (writers.committed() < 40) await sleep(20)
  const damage = await scenario.damage()
  const tally = await writers.stop()
  expect(damage.statement).toBe('delete from shop.orders')
  expect(damage.rows).toBeGreaterThan(1_500)
  expect(tally).toMatchObject({ unanswered: 0, acknowledgedButLost: 0 })
  expect(tally.rolledBack).toBeGreaterThan(0)
  expect(await ask(`select count(*) from rehearsal.ledger where at <= '${damage.before}'`)).not.toEqual([
    ['0'],
  ])
})

test('writes into tables that it does not know without changing them', async () => {
  const file = join(root, 'own.sql')
  writeFileSync(file, 'create table t (id int primary key, v text);\nCOPY t FROM stdin;\n1\ta\n2\tb\n\\.\n')
  const scenario = openScenario({ connection: connection(), dumpFile: file })
  await scenario.load(quiet)
  const [before] = await ask('select sum(xmin::text::bigint) from t')
  const writers = await scenario.write()
  while (writers.committed() < 10) await sleep(20)
  await writers.stop()
  expect(await ask('select id, v from t order by id')).toEqual([
    [1, 'a'],
    [2, 'b'],
  ])
  expect(await ask('select sum(xmin::text::bigint) from t')).not.toEqual([before])
})

test('counts an acknowledged commit that is gone', async () => {
  const scenario = openScenario({ connection: connection(), rows: 100 })
  await scenario.load(quiet)
  const writers = await scenario.write()
  while (writers.committed() < 5) await sleep(20)
  await ask(
    `delete from rehearsal.ledger where (writer, n) = (select writer, n from rehearsal.ledger limit 1)`,
  )
  expect((await writers.stop()).acknowledgedButLost).toBe(1)
})
