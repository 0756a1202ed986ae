import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import { openRig, type Rig } from '../lambdas/archiver/rig.ts'

/** A table `t` in its schema, and a publication of somebody else's over it. Where a write must work, it does without us. */
type Shape = {
  readonly name: string
  /** Makes `t` and what belongs to it; two integer columns `a` and `b` at least. */
  readonly table: string
  readonly publication?: string
  /** After table and publication: what changes the rule. */
  readonly later?: string
  readonly since?: 18
  /** The table that is archived, where it is not `t`. */
  readonly leaf?: string
}

const PUBLICATIONS: readonly [string, string | undefined][] = [
  ['in no other publication', undefined],
  ['in another publication of its own', 'for table {t}'],
  ['in another publication of inserts with a column list', `for table {t} (a) with (publish = 'insert')`],
  ['in another publication with a column list', 'for table {t} (a)'],
  ['in another publication of updates with a column list', `for table {t} (a, b) with (publish = 'update')`],
  ['in another publication with a row filter', 'for table {t} where (b > 0)'],
  ['in another publication with a row filter on the key', 'for table {t} where (a > 0)'],
  [
    'in another publication of deletes with list and filter',
    `for table {t} (a, b) where (b > 0) with (publish = 'delete')`,
  ],
  ['in a publication of its schema', 'for tables in schema {s}'],
  [
    'in a publication of its schema through the root',
    'for tables in schema {s} with (publish_via_partition_root)',
  ],
  ['in a publication of all tables', 'for all tables'],
  ['in a publication through the root, with a list', 'for table {t} (a) with (publish_via_partition_root)'],
  [
    'in a publication through the root, with a filter',
    'for table {t} where (b > 0) with (publish_via_partition_root)',
  ],
]

const SHAPES: readonly Shape[] = [
  { name: 'with a key', table: 'create table t (a int primary key, b int)' },
  { name: 'without a key', table: 'create table t (a int, b int)' },
  {
    name: 'with a stored generated column and no key',
    table: 'create table t (a int, b int, c int generated always as (a + 1) stored)',
  },
  {
    name: 'with a stored generated column and a key',
    table: 'create table t (a int primary key, b int, c int generated always as (a + 1) stored)',
  },
  {
    name: 'whose key is a generated column',
    table: 'create table t (a int, b int, c int generated always as (a + 1) stored primary key)',
  },
  {
    name: 'with a virtual generated column and no key',
    since: 18,
    table: 'create table t (a int, b int, c int generated always as (a + 1) virtual)',
  },
  {
    name: 'with a virtual generated column and a key',
    since: 18,
    table: 'create table t (a int primary key, b int, c int generated always as (a + 1) virtual)',
  },
  {
    name: 'that gets a stored generated column',
    table: 'create table t (a int, b int)',
    later: 'alter table t add c int generated always as (a + 1) stored',
  },
  {
    name: 'that gets a virtual generated column',
    since: 18,
    table: 'create table t (a int, b int)',
    later: 'alter table t add c int generated always as (a + 1) virtual',
  },
  {
    name: 'that gets a key',
    table: 'create table t (a int, b int)',
    later: 'alter table t add primary key (a)',
  },
  { name: 'whose key is deferrable', table: 'create table t (a int primary key deferrable, b int)' },
  {
    name: 'whose key is dropped',
    table: 'create table t (a int primary key, b int)',
    later: 'alter table t drop constraint t_pkey',
  },
  {
    name: 'whose key goes with a type',
    table: `create type kind as enum ('x'); create table t (a int, b int, k kind default 'x', primary key (a, k))`,
    later: 'drop type kind cascade',
  },
  {
    name: 'whose key goes with a function',
    table: `create function f(int) returns int immutable language sql return $1 + 1; create table t (a int, b int, c int generated always as (f(a)) stored primary key)`,
    later: 'drop function f(int) cascade',
  },
  {
    name: 'of replica identity nothing',
    table: 'create table t (a int, b int); alter table t replica identity nothing',
  },
  {
    name: 'of replica identity full by its owner, with generated columns',
    table:
      'create table t (a int, b int, c int generated always as (a + 1) stored); alter table t replica identity full',
  },
  {
    name: 'of replica identity full by its owner, virtual',
    since: 18,
    table:
      'create table t (a int, b int, c int generated always as (a + 1) virtual); alter table t replica identity full',
  },
  {
    name: 'identified by an index',
    table:
      'create table t (a int not null, b int); create unique index one on t (a); alter table t replica identity using index one',
  },
  {
    name: 'whose identifying index is dropped',
    table:
      'create table t (a int not null, b int); create unique index one on t (a); alter table t replica identity using index one',
    later: 'drop index one',
  },
  {
    name: 'with a key and a dropped identifying index',
    table:
      'create table t (a int primary key, b int not null); create unique index one on t (b); alter table t replica identity using index one',
    later: 'drop index one',
  },
  {
    name: 'that was unlogged',
    table: 'create unlogged table t (a int, b int)',
    later: 'alter table t set logged',
  },
  {
    name: 'in partitions with the key on the root',
    leaf: 't_1',
    table:
      'create table t (a int primary key, b int) partition by range (a); create table t_1 partition of t default',
  },
  {
    name: 'in partitions without a key',
    leaf: 't_1',
    table:
      'create table t (a int, b int) partition by range (a); create table t_1 (b int, a int); alter table t attach partition t_1 default',
  },
  {
    name: 'in partitions with a generated column',
    leaf: 't_1',
    table:
      'create table t (a int, b int, c int generated always as (b + 1) stored) partition by range (a); create table t_1 partition of t default',
  },
  {
    name: 'in a partition attached later',
    leaf: 't_1',
    table:
      'create table t (a int, b int) partition by range (a); create table t_0 partition of t for values from (0) to (2); create table t_1 (x int, a int, b int); alter table t_1 drop x',
    later: 'alter table t attach partition t_1 default',
  },
  {
    name: 'that inherits',
    leaf: 'u',
    table: 'create table t (a int, b int); create table u () inherits (t)',
  },
  {
    name: 'whose parent gets a generated column',
    leaf: 'u',
    table: 'create table t (a int, b int); create table u () inherits (t)',
    later: 'alter table t add c int generated always as (a + 1) stored',
  },
]

/** A database as the owner of its tables and as a superuser, who may publish everything. */
type Database = { readonly app: pg.Client; readonly admin: pg.Client }

describe.each([18, 17] as const)('on PostgreSQL %i', version => {
  let rig: Rig
  let here: Database
  /** The same without us: a database in which Holdfast never was. */
  let without: Database
  let number = 0
  beforeAll(async () => {
    rig = await openRig({ version, tables: ['*.*'] })
    await rig.sql(`create role app login password 'master'; grant create on database shop to app`)
    await rig.lab.primary.cluster.query('create database without owner app')
    const open = async (database: string) => ({
      app: await rig.lab.primary.connect('app', database),
      admin: await rig.lab.primary.connect('rdsadmin', database),
    })
    here = await open('shop')
    without = await open('without')
  })
  afterAll(async () => {
    for (const client of [here, without].flatMap(({ app, admin }) => [app, admin])) await client.end()
    await rig?.close()
  })

  async function refused(client: pg.Client, schema: string, table: string): Promise<string[]> {
    const found: string[] = []
    for (const write of ['update', 'delete']) {
      await client.query(`insert into ${schema}.t (a, b) values (1, 1)`)
      if (table !== 't') await client.query(`insert into ${schema}.${table} (a, b) values (2, 1)`)
      for (const target of new Set(['t', table])) {
        const sql =
          write === 'update' ? `update ${schema}.${target} set b = b + 1` : `delete from ${schema}.${target}`
        await client.query(sql).catch(error => found.push(`${write} of ${target}: ${error.message}`))
      }
      await clear(client, schema, table)
    }
    return found
  }

  // What could not be deleted must not stand in the way of the next insert.
  async function clear(client: pg.Client, schema: string, table: string) {
    await client.query(`truncate ${schema}.t`)
    if (table !== 't') await client.query(`truncate ${schema}.${table}`)
  }

  /** Makes everything in a schema of its own; answers what is refused at the beginning, later and at last. */
  async function play(
    at: Database,
    shape: Shape,
    publication: string | undefined,
    theirsFirst = false,
  ): Promise<string[]> {
    number += 1
    const schema = `s${number}`
    const name = `p${number}`
    const how = publication?.replaceAll('{t}', `${schema}.t`).replaceAll('{s}', schema)
    const leaf = shape.leaf ?? 't'
    const seen: string[] = []
    await at.app.query(`create schema ${schema}; set search_path = ${schema}, public`)
    const publish = async () => {
      if (how) await at.admin.query(`create publication ${name} ${how}`)
    }
    try {
      if (theirsFirst) await at.admin.query('alter event trigger holdfast_2_follow disable')
      await at.app.query(shape.table)
      if (theirsFirst) {
        await publish()
        await at.admin.query('alter event trigger holdfast_2_follow enable always')
        await rig.sql(`select from holdfast.set_archive_tables(array['*.*'])`)
      } else await publish()
      seen.push(...(await refused(at.app, schema, leaf)))
      if (shape.later) {
        await at.app.query(shape.later)
        seen.push(...(await refused(at.app, schema, leaf)).map(line => `later ${line}`))
      }
      if (how) {
        await at.admin.query(`drop publication ${name}`)
        seen.push(...(await refused(at.app, schema, leaf)).map(line => `at last ${line}`))
      }
      if (at === here) {
        const { rows } = await at.admin.query(
          'select from holdfast.archive_rule where oid = $1::regclass and (in_archive or in_inserts)',
          [`${schema}.${leaf}`],
        )
        if (rows.length === 0) seen.push('archive: it is not in the archive at all')
      }
      return seen
    } finally {
      await at.admin.query(`drop publication if exists ${name}; drop schema ${schema} cascade`)
    }
  }

  const place = (line: string) => line.split(':')[0]
  const shapes = SHAPES.filter(shape => (shape.since ?? 17) <= version)
  test.each(shapes.map(shape => [shape.name, shape] as const))(
    'a table %s takes every write that it takes without the archive',
    async (_, shape) => {
      const worse: string[] = []
      let held = 0
      for (const [what, publication] of PUBLICATIONS) {
        if (/root/.test(what) && shape.leaf === undefined) continue
        // PostgreSQL does not take this pair at all: nothing to hold.
        const known = await play(without, shape, publication).catch(() => undefined)
        if (known === undefined) continue
        held += 1
        if (publication === undefined && known.length > 0) worse.push(...known)
        for (const theirsFirst of [false, true])
          worse.push(
            ...(await play(here, shape, publication, theirsFirst))
              .filter(line => !known.map(place).includes(place(line)))
              .map(line => `${what}, ${theirsFirst ? 'theirs' : 'ours'} first: ${line}`),
          )
      }
      expect(worse).toEqual([])
      // An unlogged table can be in publications of its schema and of all tables alone.
      expect(held).toBeGreaterThanOrEqual(3)
    },
  )
})
