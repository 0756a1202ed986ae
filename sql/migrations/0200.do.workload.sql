-- The workload function reads statistics and no table. Index widths stand in pg_stats, which shows a column only to
-- those who may read it; the function below looks with its owner's eyes and answers sizes alone.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'holdfast_workload') then
    begin
      create role holdfast_workload login;
    exception when duplicate_object or unique_violation then null;
    end;
  end if;
  if exists (select from pg_catalog.pg_roles where rolname = 'rds_iam') then
    grant rds_iam to holdfast_workload;
  end if;
  grant pg_monitor to holdfast_workload;
end
$$;

create extension if not exists pg_stat_statements;

alter role holdfast_workload set statement_timeout = '30s';

create function holdfast.index_bloat()
returns table (index_name text, pages bigint, wanted_pages bigint)
language sql
stable
security definer
set search_path = pg_catalog
as $$
  -- 8 bytes of tuple header and 4 of its pointer, keys aligned to 8 bytes, a page of 8192 bytes filled to nine tenths.
  select i.indexrelid::regclass::text,
         c.relpages::bigint,
         ceil(greatest(c.reltuples, 0) * (12 + 8 * ceil(sum(coalesce(s.avg_width, 8)) / 8.0)) / (8192 * 0.9))::bigint + 1
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_am m on m.oid = c.relam and m.amname = 'btree'
  join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = t.relnamespace
  join pg_attribute a on a.attrelid = t.oid and a.attnum = any (i.indkey)
  left join pg_stats s on s.schemaname = n.nspname and s.tablename = t.relname and s.attname = a.attname
  where n.nspname not in ('pg_catalog', 'information_schema')
    and c.relpages > 1000
    and 0 <> all (i.indkey)
  group by i.indexrelid, c.relpages, c.reltuples
$$;

revoke all on function holdfast.index_bloat() from public;
grant usage on schema holdfast to holdfast_workload;
grant execute on function holdfast.index_bloat() to holdfast_workload;
