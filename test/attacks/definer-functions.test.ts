import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../bench/lab.ts'
import { MIGRATIONS } from '../../sql/migrations.ts'

describe.each([18, 17] as const)('on PostgreSQL %i', version => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab(version)
    for (const file of [
      '0103.do.archive-triggers.sql',
      '0303.do.follow-events.sql',
      '0312.do.schema-change-triggers.sql',
    ])
      await lab.primary.run(readFileSync(`${MIGRATIONS}${file}`, 'utf8'))
    await lab.beat()
    await lab.primary.run(`create role tenant login password 'master'; grant create on schema public to tenant;
      create table public.t (id int primary key); insert into public.t values (1)`)
  })
  afterAll(() => lab?.close())

  const OURS = `from pg_proc p where p.pronamespace = 'holdfast'::regnamespace
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')`

  test('each function that runs with its owner’s rights has a path that ends in pg_temp', async () => {
    const { rows } = await query(`select p.oid::regprocedure::text as name ${OURS} and p.prosecdef
      and not coalesce(p.proconfig, '{}') && array['search_path=pg_catalog, pg_temp'] order by 1`)
    // It repeats a statement with the path of whoever made it.
    expect(rows.map(row => row.name).filter(name => !/^holdfast\.repeat_on_copy\(/.test(name))).toEqual([])
  })

  test('no function of ours is everybody’s', async () => {
    const { rows } = await query(`select p.oid::regprocedure::text as name ${OURS}
      and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)`)
    expect(rows).toEqual([])
  })

  test('no table or view of ours is everybody’s', async () => {
    const { rows } =
      await query(`select c.relname as name from pg_class c where c.relnamespace = 'holdfast'::regnamespace
      and exists (select from aclexplode(c.relacl) a where a.grantee = 0)`)
    expect(rows).toEqual([])
  })

  test('nothing of ours is bound to an operator, function or type of somebody else’s', async () => {
    const { rows } =
      await query(`select distinct pg_describe_object(d.classid, d.objid, 0) as what, pg_describe_object(d.refclassid, d.refobjid, 0) as on
      from pg_depend d
      left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
      left join pg_attrdef a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid
      join pg_class c on c.oid = coalesce(w.ev_class, a.adrelid) and c.relnamespace = 'holdfast'::regnamespace
      where d.refobjid >= 16384
        and not exists (select from pg_class r where r.oid = d.refobjid and r.relnamespace = 'holdfast'::regnamespace)
        and not exists (select from pg_proc f where f.oid = d.refobjid and f.pronamespace = 'holdfast'::regnamespace)`)
    expect(rows).toEqual([])
  })

  const query = async (sql: string) => {
    const client = await lab.primary.connect('rdsadmin')
    try {
      return await client.query(sql)
    } finally {
      await client.end()
    }
  }

  // Each call that a role may make, with a temporary relation and a temporary type in the place of each of the catalog's.
  test.each([
    ['holdfast_workload', 'select * from holdfast.index_bloat()'],
    ['holdfast_archiver', 'select holdfast.archive_state()'],
    ['holdfast_archiver', 'select * from holdfast.follow_tables()'],
    ['holdfast_heartbeat', 'select holdfast.prune(10)'],
    ['holdfast_examine', 'select holdfast.is_copy()'],
    ['holdfast_examine', 'select * from holdfast.quarantine()'],
    ['holdfast_examine', `select holdfast.damage('row-deleted', 'public.t'::pg_catalog.regclass, '(0,1)')`],
    ['holdfast_roll_forward', 'select holdfast.is_copy()'],
    ['tenant', 'create table public.of_tenant (a int)'],
  ])('%s: %s reads no temporary relation of the caller', async (user, call) => {
    await lab.primary.run(`grant temporary on database shop to public; drop table if exists public.of_tenant`)
    const client = await lab.primary.connect(user)
    try {
      await client.query(`create function pg_temp.evil() returns text language plpgsql as
        $$ begin perform set_config('attack.ran', current_user, false); return ''; end $$`)
      const { rows } = await client.query(`select n.nspname as schema, c.relname as name,
          (select string_agg(format('pg_temp.evil() as %I', a.attname), ', ') from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as columns
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('pg_catalog', 'holdfast') and c.relkind in ('r', 'v')`)
      for (const { name, columns } of rows)
        await client.query(`create temp view "${name}" as select ${columns}`)
      for (const type of ['text', 'name', 'oid', 'regclass', 'jsonb', 'int4', 'bool', 'regrole'])
        await client.query(`create type pg_temp."${type}" as (x int)`)
      await client.query(call).catch(error => {
        // On the primary nothing that changes a copy runs.
        if (error.code !== '55000') throw error
      })
      expect(
        (await client.query(`select pg_catalog.current_setting('attack.ran', true) as ran`)).rows,
      ).toEqual([{ ran: null }])
    } finally {
      await client.end()
    }
  })
})
