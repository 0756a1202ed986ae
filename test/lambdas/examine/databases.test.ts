import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { examineCopy, marked, task } from '../../../bench/examination.ts'
import { type Lab, openLab, type Server } from '../../../bench/lab.ts'
import type { MarkAnswer } from '../../../lambdas/examine/request.ts'

let lab: Lab
let copy: Server
let mark: MarkAnswer
let backup: Awaited<ReturnType<Lab['backup']>>
let end: number

const inDatabase = (server: Server, database: string, sql: string) =>
  server.cluster.query(sql, undefined, database)

beforeAll(async () => {
  lab = await openLab(18)
  const { primary } = lab
  await primary.run('create table public.orders (id int); insert into public.orders values (1)')
  await inDatabase(primary, 'postgres', 'create table kept as select g from generate_series(1, 100) g')
  for (const name of ['"other shop"', 'empty', 'locked', 'leaving'])
    await inDatabase(primary, 'postgres', `create database ${name}`)
  await inDatabase(primary, 'other shop', 'create table a (id int); insert into a values (1), (2)')
  await inDatabase(primary, 'other shop', 'create table bloated (id int); insert into bloated values (1)')
  await inDatabase(primary, 'other shop', 'delete from bloated; create view v as select 1')
  await inDatabase(primary, 'postgres', 'revoke connect on database locked from public')
  backup = await lab.backup()
  await lab.beat()
  mark = await marked(primary)
  end = Date.now()
  // Since the cut, and no fault: a table of another database, and one more database.
  await inDatabase(primary, 'other shop', 'create table younger (id int)')
  await inDatabase(primary, 'postgres', 'create database younger')
}, 120_000)
afterAll(() => lab?.close())

beforeEach(async () => {
  await lab.stopCopies()
  copy = await lab.restore(backup, end)
}, 60_000)

const examined = () => examineCopy(lab.primary, copy, { marked: mark })
type Examined = Awaited<ReturnType<typeof examined>>
const about = ({ checks }: Examined) =>
  Object.fromEntries(
    checks
      .filter(({ name }) => name.startsWith('databases.') && !name.startsWith('databases.schema'))
      .map(({ name, verdict, detail }) => [name, `${verdict}: ${detail}`]),
  )

test('every other database is named with what it holds, and one that lets nobody look is unknown', async () => {
  const found = await examined()
  expect(about(found)).toMatchObject({
    'databases.listed':
      'pass: the copy has 5 other databases: empty, leaving, locked, "other shop", postgres',
    'databases.postgres': 'skipped: database postgres with 1 table and 100 rows is not compared',
    'databases."other shop"': 'skipped: database "other shop" with 1 table and 2 rows is not compared',
    'databases.empty': 'pass: database empty holds no table with a row',
    'databases.locked': expect.stringMatching(/^unknown: database locked could not be looked at: /),
    'databases.missing.younger': expect.stringMatching(/^pass: /),
  })
  expect(found.red).toEqual(['databases.locked'])
}, 60_000)

test('a table that another database of the copy lost is a fault', async () => {
  await inDatabase(copy, 'postgres', 'drop table kept')
  const found = await examined()
  expect(found.red).toEqual(['databases.locked', 'databases.schema.postgres'])
  expect(found.checks.find(({ name }) => name === 'databases.schema.postgres')).toMatchObject({
    verdict: 'fail',
    detail: expect.stringMatching(/^database postgres: .*table public.kept .missing in the copy/),
  })
}, 60_000)

test('a database that the copy lost is a fault, whatever was done to its name since', async () => {
  await inDatabase(copy, 'postgres', 'drop database "other shop"')
  expect((await examined()).red).toContain('structure.schema')
  await inDatabase(lab.primary, 'postgres', 'alter database "other shop" connection limit 50')
  const renamed = await examined()
  expect(renamed.red).toContain('databases.missing."other shop"')
  await inDatabase(lab.primary, 'postgres', 'alter database "other shop" connection limit -1')
}, 60_000)

test('a database that only the copy has is unknown: nothing records when it was dropped', async () => {
  await inDatabase(lab.primary, 'postgres', 'drop database leaving')
  expect(about(await examined())).toMatchObject({
    'databases.only.leaving': expect.stringMatching(/^unknown: /),
  })
}, 60_000)

test('without a primary the databases are named all the same', async () => {
  const { databases } = await task({ task: 'databases', copy: copy.endpoint }, undefined, copy)
  expect(databases.map(({ title, rows }) => [title, rows])).toEqual([
    ['empty', 0],
    ['leaving', 0],
    ['"other shop"', 2],
    ['postgres', 100],
  ])
}, 60_000)
