import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { readDigests } from '../../../lambdas/examine/digest.ts'
import {
  address,
  hashesOf,
  hashingOf,
  readColumnTypes,
  readRelations,
} from '../../../lambdas/examine/relations.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab(18)
  await lab.primary.run(`
    create extension citext;
    create type public.pair as (n numeric, j json);
    create domain public.scaled as numeric;
    create type public.named as (t regclass, p public.pair, a aclitem);
    create domain public.pairs as public.pair[];
    create role reader;
    create role writer;
    create collation public.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`)
})
afterAll(() => lab?.close())

// Naive: `hash_record_extended(t, 0)`: each pair is equal to it, or has no hash at all.
test.each([
  ['numeric', '1.0', '1.00'],
  ['numeric[]', '{1.0}', '{1.00}'],
  ['numrange', '[1.0,2)', '[1.00,2)'],
  ['public.scaled', '1.0', '1.00'],
  ['public.pair', '(1.0,{})', '(1.00,{})'],
  ['public.pair', null, '(,)'],
  ['public.pair[]', '{"(1.0,{})"}', '{"(1.00,{})"}'],
  ['public.pair[]', '{"(1,{})","(2,{})"}', '{"(2,{})","(1,{})"}'],
  ['public.pair[]', '{{"(1,{})","(2,{})"}}', '{"(1,{})","(2,{})"}'],
  ['public.pairs', '{"(1.0,{})"}', '{"(1.00,{})"}'],
  ['public.named', '(pg_class,"(1,{})",)', '(pg_type,"(1,{})",)'],
  ['public.named', '(pg_class,"(1,{})",)', '(pg_class,"(1,[])",)'],
  ['public.named', '(,,reader=r/rdsadmin)', '(,,writer=r/rdsadmin)'],
  ['aclitem', 'reader=r/rdsadmin', 'reader=w/rdsadmin'],
  ['aclitem', 'reader=/rdsadmin', 'writer=/rdsadmin'],
  ['aclitem', 'reader=rw/writer', 'writer=rw/reader'],
  ['aclitem[]', '{reader=r/rdsadmin}', '{reader=r*/rdsadmin}'],
  ['aclitem[]', '{{reader=r/rdsadmin}}', '{reader=r/rdsadmin}'],
  ['float8', '0', '-0'],
  ['float4', '0', '-0'],
  ['interval', '1 mon', '30 days'],
  ['int[]', '{{1,2}}', '{1,2}'],
  ['int[]', '[0:1]={1,2}', '{1,2}'],
  ['citext', 'a', 'A'],
  ['text collate public.blind', 'a', 'A'],
  ['json', '{"a":1}', '{"a": 1}'],
  ['xml', '<a/>', '<a></a>'],
  ['tsvector', 'a', 'b'],
  ['point', '(1,2)', '(1,3)'],
  ['money', '1.00', '1.01'],
  ['bit(3)', '101', '100'],
  ['jsonb', '{"a":1}', '{"a":2}'],
  ['text', 'a', 'a '],
  ['bytea', '\\x00', '\\x'],
] as const)('tells %s %s from %s', async (type, one, other) => {
  const client = await lab.primary.connect()
  try {
    await client.query(`drop table if exists public.two; create table public.two (id int, a ${type})`)
    const digests = []
    for (const value of [one, other]) {
      await client.query('truncate public.two')
      await client.query(`insert into public.two values (1, $1::${type.replace(/ collate.*/, '')})`, [value])
      const { oid } = (await client.query(`select 'public.two'::regclass::oid::int8 as oid`)).rows[0]
      const relations = await readRelations(client, 'copy', [Number(oid)])
      const types = await readColumnTypes(client, relations.values())
      const [relation] = relations.values()
      const { copy } = hashingOf(relation!, relation!, { primary: types, copy: types })
      const part = { address: address(relation!), hashes: hashesOf(copy), from: 0, to: null }
      digests.push(...(await readDigests(client, [part])))
    }
    expect(digests[0]?.count).toBe(1)
    expect(digests[0]?.sum0).not.toBe(digests[1]?.sum0)
    expect(digests[0]?.sum1).not.toBe(digests[1]?.sum1)
  } finally {
    await client.end()
  }
})
