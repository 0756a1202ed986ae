-- Which tables the archive follows: `schema.table`, `schema.*`, or `*.*` for all of them. Written by migrate, from the environment's file.
create table if not exists holdfast.archive_pattern (
  pattern text primary key
);

comment on table holdfast.archive_pattern is 'Patterns of the tables whose every change goes to the archive';

revoke all on holdfast.archive_pattern from public;
grant select on holdfast.archive_pattern to holdfast_archiver, holdfast_examine;

-- Tables whose whole row we made their identity, for want of a key: with a key they get it back. Nobody else's choice is here.
create table if not exists holdfast.archive_whole_row (
  relation oid primary key
);

comment on table holdfast.archive_whole_row is 'Tables that the archive set to replica identity full because they had no usable key';

revoke all on holdfast.archive_whole_row from public;

-- Every ordinary, logged table that a pattern names, itself or through a table that it is a partition of. Partitions
-- are followed one by one and their roots never: publishing a root would publish each new partition at once, and an
-- update of one without a replica identity would fail in production.
create or replace view holdfast.archive_table as
select
  c.oid as oid,
  n.nspname as schema,
  c.relname as name,
  c.relowner as owner,
  c.relreplident as identity,
  -- What PostgreSQL itself asks before it lets an update of a published table through.
  c.relreplident = 'f' or exists (
    select
    from pg_catalog.pg_index i
    where i.indrelid = c.oid
      and i.indisvalid
      and i.indimmediate
      and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end
  ) as identified,
  exists (
    select
    from pg_catalog.pg_index i
    where i.indrelid = c.oid and i.indisprimary and i.indisvalid and i.indimmediate
  ) as keyed
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'
  and c.relpersistence = 'p'
  and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'holdfast_roll_forward')
  and (
    (n.nspname = 'holdfast' and c.relname in ('heartbeat', 'canary'))
    or exists (
      select
      from holdfast.archive_pattern p
      join (
        select an.nspname, ac.relname
        from pg_catalog.pg_partition_ancestors(c.oid) a
        join pg_catalog.pg_class ac on ac.oid = a.relid
        join pg_catalog.pg_namespace an on an.oid = ac.relnamespace
        union
        select n.nspname, c.relname
      ) as family on p.pattern in (family.nspname || '.' || family.relname, family.nspname || '.*', '*.*')
      where n.nspname <> 'holdfast'
    )
  );

revoke all on holdfast.archive_table from public;
grant select on holdfast.archive_table to holdfast_archiver, holdfast_examine;
