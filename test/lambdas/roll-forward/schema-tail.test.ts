import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ApplyAnswer, CompareAnswer } from '../../../lambdas/roll-forward/request.ts'
import { openRig, type Rig, readBoundary } from '../archiver/rig.ts'
import type { Server } from '../examine/lab.ts'

const SETUP = `
create table item (id int primary key, v text);
create table keyless (id int primary key, v text);
create table parts (a int primary key) partition by range (a);
create table parts_1 partition of parts for values from (0) to (10);
create unlogged table draft (id int primary key);
insert into draft values (1);
create materialized view seen as select * from item;
create unique index on seen (id);
create schema one; create schema two;
create role team; grant create, usage on schema public to team;
create role before; grant select on item to before; grant before to master;`

/** Each line is what a client sends as one text. */
const TAIL = [
  // Roles that the copy has never heard of.
  'create role reader; grant select on item to reader; alter default privileges grant select on tables to reader',
  'create role keeper; grant keeper to master; grant create, usage on schema public to keeper; create table kept (id int primary key); alter table kept owner to keeper',
  'set role keeper; create table keepers (id int primary key); insert into keepers values (1); reset role',
  'create role member; grant team to member; grant member to master; set role member; create table of_team (id int primary key); reset role',
  'alter table item enable row level security; create policy only_member on item to member using (true)',
  'create role "Odd ""role"; grant "Odd ""role" to master; create schema authorization "Odd ""role"',
  'revoke select on item from before; drop role before',
  // Texts of which not every statement leaves a record, or leaves it in vain.
  'begin; savepoint a; create table again (id int primary key); insert into again values (1); rollback to a; create table again (id int primary key, w int); insert into again values (2, 3); commit',
  'create table lasting (id int primary key); begin; drop table lasting; rollback; create table lasting (id int primary key, v int)',
  'create table if not exists item (id int); create table fresh (id int primary key); drop table if exists nope; drop table if exists fresh; create table fresh (id int primary key, w int); insert into fresh values (1, 2)',
  'create temp table mine (id int); create table ours (id int primary key); insert into ours values (1); drop table mine',
  'create index on item (v); create index item_v_lower on item (lower(v)); drop index if exists nope; drop index item_v_idx',
  'do $$ begin begin create table tried (id int primary key); raise exception $x$no$x$; exception when others then create table tried (id int primary key, w int); end; insert into tried values (1, 2); end $$',
  'refresh materialized view concurrently seen',
  'alter table parts detach partition parts_1 concurrently',
  'select * into copied from item',
  'set session_replication_role = replica; alter table item add silent int; create table silent (id int); insert into silent values (1); update silent set id = 2; reset session_replication_role',
  // Constants that mean what the session says.
  "set datestyle = 'German'; create table dated (id int primary key, d date default '01.02.2026'); insert into dated values (1); reset datestyle",
  "set timezone = 'Asia/Tokyo'; create table zoned (id int primary key, at timestamptz default '2026-01-01 00:00'); insert into zoned values (1); reset timezone",
  'set search_path = one; create table same (id int primary key); set search_path = two; create table same (id int primary key, w int); reset search_path; insert into two.same values (1, 2)',
  // A table that loses its key is changed by its whole row from then on.
  "insert into keyless values (1, 'a'), (2, 'b'); alter table keyless drop constraint keyless_pkey; update keyless set v = 'c' where id = 1; delete from keyless where id = 2",
  "drop table kept; create table kept (id int primary key, v text); insert into kept values (9, 'after')",
  'comment on table item is $$said$$; create extension citext; create publication theirs for table item',
  // What the archive has no rows of.
  'create table computed as select random() as r from generate_series(1, 3)',
  'alter table ours add at timestamptz default now()',
  'alter table draft set logged',
]

/** What the rows do not show. */
const CATALOG = `
select format('%s owned by %s, %s, %s', c.oid::regclass, c.relowner::regrole, c.relreplident, c.relacl) as t
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'S') and n.nspname in ('public', 'one', 'two')
union all
select format('%s.%s %s default %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid))
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and n.nspname in ('public', 'one', 'two')
union all select indexdef from pg_indexes where schemaname in ('public', 'one', 'two')
union all select format('%s on %s to %s', polname, polrelid::regclass, polroles::regrole[]) from pg_policy
union all select format('schema %s of %s', nspname, nspowner::regrole) from pg_namespace where nspname !~ '^(pg_|holdfast)'
union all select format('%s in %s', r.prrelid::regclass, p.pubname) from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
union all select format('default %s: %s', defaclrole::regrole, defaclacl) from pg_default_acl
order by t`

let rig: Rig
let copy: Server
let applied: ApplyAnswer
let compared: CompareAnswer

beforeAll(async () => {
  rig = await openRig()
  await rig.sql(SETUP)
  await rig.run()
  await rig.lab.beat()
  copy = await rig.lab.restore(await rig.lab.backup())
  const boundary = await readBoundary(copy)
  for (const statement of TAIL) await rig.sql(statement)
  await rig.sql("insert into item (id, v) values (500, 'the end')")
  const wanted = await rig.fingerprint()
  await rig.lab.beat()
  await rig.run()
  const { snapshot, lsn } = wanted
  applied = await rig.apply(copy, { kind: 'snapshot', snapshot, lsn }, 600, boundary)
  compared = await rig.compare(copy, wanted)
}, 300_000)

afterAll(() => rig.close())

test('repeats every change of the schema, and tells which roles it had to make', () => {
  expect(applied.checks).toMatchObject([
    { name: 'roll-forward.applied', verdict: 'pass' },
    {
      name: 'roll-forward.roles',
      verdict: 'explained',
      answer: ['reader', 'keeper', 'member', 'Odd "role'],
    },
  ])
})

test('ends with the primary’s owners, rights, defaults, indexes and publications', async () => {
  const read = async (server: Server) =>
    (await server.cluster.query(CATALOG, [], 'shop')).map(row => String(row.t))
  expect(await read(copy)).toEqual(await read(rig.lab.primary))
})

test('gives the roles that it makes no way to log in', async () => {
  const row = await copy.one(
    "select bool_or(rolcanlogin) as any from pg_roles where rolname = any ('{reader,keeper,member}')",
  )
  expect(row).toEqual({ any: false })
})

test('calls no table wrong whose values it had to compute anew, and none equal', () => {
  const name = (table: string) => `roll-forward.table public.${table}`
  expect(compared.checks.map(check => [check.name, check.verdict])).toEqual([
    ['roll-forward.identical', 'unknown'],
    [name('computed'), 'unknown'],
    [name('draft'), 'unknown'],
    [name('ours'), 'unknown'],
  ])
})
