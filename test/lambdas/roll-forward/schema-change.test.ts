import { describe, expect, test } from '@jest/globals'
import { type Recorded, SchemaChanges } from '../../../lambdas/roll-forward/schema-change.ts'
import { splitStatements } from '../../../lambdas/roll-forward/split.ts'

const recorded = (tag: string, query: string, more: Partial<Recorded> = {}): Recorded => ({
  ...{ version: 1, tag, query, role: 'app', searchPath: 'public', statementAt: 'x', ...more },
})

const texts = (changes: SchemaChanges, ...all: Recorded[]) =>
  all.map(each => {
    const replay = changes.replay(each)
    return replay.kind === 'run' ? replay.text : replay.kind
  })

describe('a text of several statements', () => {
  test('is cut at its semicolons and nowhere else', () => {
    expect(
      splitStatements(
        `create table a (v text default ';'); -- ; not here
         create function f() returns void language plpgsql as $x$ begin perform 1; end $x$; /* ; /* ; */ */
         create function g() returns int begin atomic select case when true then 1 else 2 end; select 2; end;
         comment on table a is E'it\\'s; fine'; select ";" from a`,
      ).map(statement => statement.replace(/\s+/g, ' ').slice(0, 24)),
    ).toEqual([
      'create table a (v text d',
      '-- ; not here create fun',
      '/* ; /* ; */ */ create f',
      "comment on table a is E'",
      'select ";" from a',
    ])
  })

  test('gives each change its own statement, in turn', () => {
    const query =
      'create table a (id int); insert into a values (1); create table b (id int); alter table a add x int'
    expect(
      texts(
        new SchemaChanges(),
        recorded('CREATE TABLE', query),
        recorded('CREATE TABLE', query),
        recorded('ALTER TABLE', query),
      ),
    ).toEqual(['create table a (id int)', 'create table b (id int)', 'alter table a add x int'])
  })
})

test('takes the statement that a function ran, not the call of the function', () => {
  const stack =
    'PL/pgSQL function holdfast.record_ddl() line 9 at GET DIAGNOSTICS\nSQL statement "create table "odd" (a int)"\nPL/pgSQL function make() line 3 at EXECUTE'
  expect(texts(new SchemaChanges(), recorded('CREATE TABLE', 'select make()', { stack }))).toEqual([
    'create table "odd" (a int)',
  ])
})

test('builds an index without standing aside for writers that a copy has not', () => {
  expect(
    texts(new SchemaChanges(), recorded('CREATE INDEX', 'create unique index concurrently i on a (id)')),
  ).toEqual(['create unique index i on a (id)'])
})

test('never lets a copy subscribe to anything', () => {
  expect(
    new SchemaChanges().replay(
      recorded('CREATE SUBSCRIPTION', "create subscription s connection '' publication p"),
    ),
  ).toMatchObject({ kind: 'withheld' })
})

test('refuses what it cannot find in the text', () => {
  expect(() => new SchemaChanges().replay(recorded('CREATE TABLE', 'select make_it()'))).toThrow(
    /a schema change \(CREATE TABLE\) cannot be repeated/,
  )
})
