import { expect, test } from '@jest/globals'
import { type Recorded, SchemaChanges } from '../../../lambdas/roll-forward/schema-change.ts'

const recorded = (tag: string, texts: readonly string[], more: Partial<Recorded> = {}): Recorded => ({
  ...{ version: 2, tag, role: 'app', searchPath: 'public', statementAt: 'x' },
  ...{ statements: texts.map(text => ({ text, redacted: text.includes("'redacted'") })), ...more },
})

const texts = (changes: SchemaChanges, ...all: Recorded[]) =>
  all.map(each => {
    const replay = changes.replay(each)
    return replay.kind === 'run' ? replay.text : replay.kind
  })

test('gives each change of a text its own statement, in turn', () => {
  const tables = ['create table a (id int)', 'create table b (id int)']
  expect(
    texts(
      new SchemaChanges(),
      recorded('CREATE TABLE', tables),
      recorded('ALTER TABLE', ['alter table a add x int']),
      recorded('CREATE TABLE', tables),
    ),
  ).toEqual(['create table a (id int)', 'alter table a add x int', 'create table b (id int)'])
})

test('passes over what the same text took back', () => {
  const statements = ['begin', 'create table a (id int)', 'rollback', 'create table a (id int, w int)']
  expect(texts(new SchemaChanges(), recorded('CREATE TABLE', statements))).toEqual([
    'create table a (id int, w int)',
  ])
})

test('builds an index without standing aside for writers that a copy has not', () => {
  expect(
    texts(new SchemaChanges(), recorded('CREATE INDEX', ['create unique index concurrently i on a (id)'])),
  ).toEqual(['create unique index i on a (id)'])
})

test('never lets a copy subscribe to anything', () => {
  expect(new SchemaChanges().replay(recorded('CREATE SUBSCRIPTION', []))).toMatchObject({ kind: 'withheld' })
})

test('never runs a statement from which a secret was taken', () => {
  expect(
    texts(
      new SchemaChanges(),
      recorded('CREATE USER MAPPING', ["create user mapping for a server s options (password 'redacted')"]),
      recorded('CREATE FUNCTION', ["create function f() returns int language sql as 'redacted'"]),
    ),
  ).toEqual(['withheld', 'left out'])
})

test('refuses what it cannot find in the text', () => {
  expect(() => new SchemaChanges().replay(recorded('CREATE TABLE', []))).toThrow(
    /a schema change \(CREATE TABLE\) cannot be repeated/,
  )
})
