/** What may rightly happen on a primary between the cut and the comparison: a name and its statements, in their order. */
export type Change = readonly [what: string, ...statements: readonly string[]]

/** Made before the backup; each change has something of its own to work on. */
export const BEFORE = `
create role clerk;
create role manager;
create role leaver;
grant manager to clerk;
create schema sales;
create extension citext;
create extension hstore;
create type public.stage as enum ('open', 'shut');
create type public.address as (street text, zip int);
create domain public.code as text check (value <> '');
create table public.customer (id int primary key, balance numeric(10, 2) default 0, word varchar(40), stage public.stage default 'open', home public.address, code public.code, note text);
insert into public.customer select g, g, 'word ' || g, 'open', row('s' || g, g)::public.address, 'c' || g, 'n' from generate_series(1, 500) g;
create table public.invoice (id bigint generated always as identity primary key, customer int references public.customer, amount int check (amount > 0), at timestamptz default now());
insert into public.invoice (customer, amount) select g, g from generate_series(1, 500) g;
create index invoice_customer on public.invoice (customer);
create table public.shaped (id int, word text);
insert into public.shaped select g, 'x' || g from generate_series(1, 100) g;
create table public.old_rows (id int, was public.shaped);
insert into public.old_rows select s.id, s from public.shaped s;
create table public.events (id int, at date) partition by range (at);
create table public.events_1 partition of public.events for values from ('2026-01-01') to ('2026-02-01');
create table public.events_2 partition of public.events for values from ('2026-02-01') to ('2026-03-01');
create table public.events_3 (id int, at date);
insert into public.events select g, date '2026-01-01' + g % 59 from generate_series(1, 500) g;
insert into public.events_3 select g, date '2026-03-01' from generate_series(1, 50) g;
create table public.ancestor (id int);
create table public.heir (more text) inherits (public.ancestor);
create table public.plain (id int, word text);
insert into public.plain select g, 'x' || g from generate_series(1, 500) g;
create table public.heap (id int primary key, word text);
insert into public.heap select g, 'x' || g from generate_series(1, 500) g;
create table public.doomed (id int primary key, word text);
create table public.emptied (id int primary key, word text);
insert into public.emptied select g, 'x' || g from generate_series(1, 500) g;
create table public.doubled (id int, twice int generated always as (id * 2) stored);
insert into public.doubled select g from generate_series(1, 100) g;
create view public.seen as select id, home from public.customer;
create materialized view public.summed as select stage, count(*) from public.customer group by stage;
create unique index summed_stage on public.summed (stage);
create sequence public.numbers;
create function public.tax(int) returns int immutable language sql return $1 / 5;
create function public.noted() returns trigger language plpgsql as 'begin return new; end';
create trigger noted before insert on public.plain for each row execute function public.noted();
create rule quiet as on delete to public.doomed do instead nothing;
alter table public.plain enable row level security;
create policy everybody on public.plain using (true);
create publication feed for table public.customer;
create statistics public.together on id, word from public.plain;
create collation public.german (provider = icu, locale = 'de');
create text search configuration public.simple_too (copy = simple);
create aggregate public.total(int) (sfunc = int4pl, stype = int);
create operator public.<~> (leftarg = int, rightarg = int, function = int4mi);
create cast (public.address as text) with inout;
select lo_from_bytea(4711, 'x'), lo_from_bytea(4712, 'y');
grant select on public.customer to clerk;
alter default privileges in schema sales grant select on tables to clerk`

/** Maintenance: the rows stay what they are, and their files may not. */
export const MAINTENANCE: readonly Change[] = [
  ['VACUUM', 'vacuum public.customer'],
  ['VACUUM FREEZE of everything', 'vacuum freeze'],
  ['VACUUM FULL', 'vacuum full public.heap'],
  ['VACUUM FULL of catalogs', 'vacuum full pg_class', 'vacuum full pg_attribute', 'vacuum full pg_depend'],
  ['ANALYZE', 'analyze'],
  ['CLUSTER', 'cluster public.heap using heap_pkey'],
  ['REINDEX', 'reindex table public.customer'],
  ['REINDEX CONCURRENTLY', 'reindex table concurrently public.invoice'],
  ['REINDEX of the catalogs', 'reindex system shop'],
  ['CREATE INDEX CONCURRENTLY', 'create index concurrently customer_word on public.customer (word)'],
  ['DROP INDEX CONCURRENTLY', 'drop index concurrently public.invoice_customer'],
  [
    'REFRESH CONCURRENTLY',
    `update public.customer set stage = 'shut' where id < 9`,
    'refresh materialized view concurrently public.summed',
  ],
  ['REFRESH', 'refresh materialized view public.summed'],
  ['SET UNLOGGED and LOGGED', 'alter table public.heap set unlogged', 'alter table public.heap set logged'],
  ['TRUNCATE', 'truncate public.emptied'],
  ['a load after TRUNCATE', `insert into public.emptied select g, 'y' || g from generate_series(1, 50) g`],
  ['SET STORAGE', 'alter table public.customer alter note set storage external'],
  ['SET COMPRESSION', 'alter table public.customer alter note set compression pglz'],
  ['SET STATISTICS', 'alter table public.customer alter word set statistics 7'],
  ['storage parameters', 'alter table public.customer set (fillfactor = 80, autovacuum_enabled = false)'],
  ['CHECKPOINT', 'checkpoint'],
]

/** Tables, columns and types. */
export const TABLES: readonly Change[] = [
  [
    'CREATE TABLE',
    'create table public.born (id serial primary key)',
    'insert into public.born default values',
  ],
  ['DROP TABLE', 'drop table public.doomed'],
  ['ADD COLUMN', 'alter table public.customer add column extra text'],
  [
    'ADD COLUMN to a row type',
    'alter table public.shaped add column more int',
    'alter table public.shaped drop column word',
  ],
  ['ADD COLUMN with a default', `alter table public.customer add column given text default 'x'`],
  ['ADD COLUMN that rewrites', 'alter table public.heap add column made uuid default gen_random_uuid()'],
  ['DROP COLUMN', 'alter table public.customer drop column note'],
  ['RENAME COLUMN', 'alter table public.customer rename word to phrase'],
  ['varchar to text', 'alter table public.customer alter phrase type text'],
  ['numeric with more digits', 'alter table public.customer alter balance type numeric(20, 2)'],
  ['int to bigint', 'alter table public.invoice alter amount type bigint'],
  ['SET DEFAULT', `alter table public.customer alter phrase set default 'none'`],
  ['SET NOT NULL', 'alter table public.customer alter phrase set not null'],
  ['DROP NOT NULL', 'alter table public.customer alter phrase drop not null'],
  [
    'identity changes',
    'alter table public.invoice alter id set generated by default',
    'alter table public.invoice alter id restart with 100000',
  ],
  ['DROP IDENTITY', 'alter table public.invoice alter id drop identity'],
  ['DROP EXPRESSION', 'alter table public.doubled alter twice drop expression'],
  [
    'ADD CHECK NOT VALID and VALIDATE',
    'alter table public.customer add constraint rich check (balance >= 0) not valid',
    'alter table public.customer validate constraint rich',
  ],
  ['DROP CONSTRAINT', 'alter table public.invoice drop constraint invoice_customer_fkey'],
  [
    'ADD FOREIGN KEY',
    'alter table public.invoice add foreign key (customer) references public.customer not valid',
  ],
  ['a new primary key', 'alter table public.plain add primary key (id)'],
  ['REPLICA IDENTITY', 'alter table public.plain replica identity full'],
  [
    'ATTACH PARTITION',
    `alter table public.events attach partition public.events_3 for values from ('2026-03-01') to ('2026-04-01')`,
  ],
  ['DETACH PARTITION', 'alter table public.events detach partition public.events_1'],
  ['DETACH CONCURRENTLY', 'alter table public.events detach partition public.events_2 concurrently'],
  [
    'a partition that is split by hand',
    `create table public.events_2a (like public.events_2)`,
    `with moved as (delete from public.events_2 where at < '2026-02-15' returning *) insert into public.events_2a select * from moved`,
  ],
  ['NO INHERIT', 'alter table public.heir no inherit public.ancestor'],
  ['RENAME TABLE', 'alter table public.plain rename to plainer'],
  ['SET SCHEMA', 'alter table public.plainer set schema sales'],
  ['RENAME SCHEMA', 'alter schema sales rename to trade'],
  [
    'an enum value',
    `alter type public.stage add value 'later'`,
    `alter type public.stage rename value 'open' to 'wide open'`,
  ],
  ['ADD ATTRIBUTE', 'alter type public.address add attribute country text'],
  ['RENAME ATTRIBUTE', 'alter type public.address rename attribute street to road'],
  ['DROP ATTRIBUTE', 'alter type public.address drop attribute zip'],
  [
    'domain constraints',
    'alter domain public.code add constraint short check (length(value) < 99)',
    'alter domain public.code drop constraint short',
  ],
  [
    'RENAME TYPE and DOMAIN',
    'alter type public.stage rename to state',
    'alter domain public.code rename to label',
  ],
  [
    'rows that move, change and go',
    `update public.customer set balance = balance + 1 where id between 10 and 50`,
    'delete from public.invoice where id < 10',
  ],
]

/** Everything else that stands in a catalog. */
export const OBJECTS: readonly Change[] = [
  ['CREATE ROLE and its rights', 'create role newcomer login', 'grant clerk to newcomer'],
  ['RENAME ROLE', 'alter role clerk rename to seller'],
  ['a password and its end', `alter role seller password 'x' valid until '2099-01-01'`],
  ['settings of a role', `alter role seller set work_mem = '8MB'`],
  [
    'settings of the database',
    `alter database shop set timezone = 'Asia/Tokyo'`,
    `alter database shop set search_path = sales`,
  ],
  ['REVOKE of a membership', 'revoke manager from seller'],
  [
    'GRANT and REVOKE on a table',
    'grant update (balance) on public.customer to manager',
    'revoke select on public.customer from seller',
  ],
  ['REASSIGN OWNED', 'reassign owned by manager to seller'],
  ['DROP OWNED and DROP ROLE', 'drop owned by leaver', 'drop role leaver'],
  [
    'owners',
    'alter table public.customer owner to manager',
    'alter function public.tax(int) owner to manager',
    'alter type public.stage owner to manager',
  ],
  ['default rights', 'alter default privileges in schema sales revoke select on tables from seller'],
  [
    'CREATE OR REPLACE VIEW',
    'create or replace view public.seen as select id, home, stage from public.customer',
  ],
  ['DROP VIEW', 'drop view public.seen'],
  [
    'CREATE OR REPLACE FUNCTION',
    'create or replace function public.tax(int) returns int immutable language sql return $1 / 4',
  ],
  [
    'triggers',
    'alter table public.plain disable trigger noted',
    'drop trigger noted on public.plain',
    'create trigger again before update on public.plain for each row execute function public.noted()',
  ],
  [
    'rules',
    'drop rule quiet on public.doomed',
    'create rule loud as on update to public.doomed do also notify x',
  ],
  [
    'policies',
    'alter policy everybody on public.plain using (id > 0)',
    'drop policy everybody on public.plain',
    'alter table public.plain disable row level security',
  ],
  [
    'publications',
    'alter publication feed add table public.invoice',
    'alter publication feed drop table public.customer',
    'drop publication feed',
  ],
  [
    'statistics objects',
    'alter statistics public.together set statistics 9',
    'drop statistics public.together',
  ],
  [
    'comments',
    `comment on table public.customer is 'a'`,
    `comment on column public.customer.id is 'b'`,
    'comment on table public.customer is null',
  ],
  [
    'large objects',
    `select lo_put(4711, 0, 'z')`,
    'select lo_unlink(4712)',
    `select lo_from_bytea(4713, 'new')`,
    'alter large object 4711 owner to manager',
  ],
  [
    'extensions',
    'alter extension citext set schema sales',
    'create extension ltree',
    'drop extension hstore',
  ],
  ['REFRESH VERSION of a collation', 'alter collation public.german refresh version'],
  [
    'text search',
    'alter text search configuration public.simple_too rename to plain_too',
    'drop text search configuration public.plain_too',
  ],
  [
    'aggregates, operators and casts',
    'alter aggregate public.total(int) rename to sum_up',
    'drop operator public.<~> (int, int)',
    'drop cast (public.address as text)',
  ],
  [
    'event triggers',
    `create function public.watch() returns event_trigger language plpgsql as 'begin end'`,
    'create event trigger watch on ddl_command_start execute function public.watch()',
    'alter event trigger watch disable',
    'drop event trigger watch',
  ],
  [
    'sequences',
    `select nextval('public.numbers') from generate_series(1, 100)`,
    'alter sequence public.numbers increment 5',
    'alter sequence public.numbers restart',
    `select setval('public.invoice_id_seq', 5000)`,
  ],
  [
    'foreign servers',
    'create extension postgres_fdw',
    'create server far foreign data wrapper postgres_fdw',
    'create user mapping for manager server far',
    'drop server far cascade',
  ],
  ['databases', 'create database beside', 'drop database beside'],
  ['schemas', 'create schema fresh', 'grant usage on schema fresh to seller', 'drop schema fresh'],
]
