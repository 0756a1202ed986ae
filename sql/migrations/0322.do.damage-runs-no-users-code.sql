-- Damage is done with the rights of whoever ran the migrations. Writing a row runs what its table brings along: triggers
-- that fire in whatever role a session is, rules, checks, generated columns, expressions of indexes and of partitions,
-- policies. A table that brings a function which is not PostgreSQL's own is left alone; another one is damaged instead.
alter function holdfast.damage(text, regclass, tid) rename to damage_as_asked;

revoke all on function holdfast.damage_as_asked(text, regclass, tid) from public, holdfast_examine;

create function holdfast.runs_users_code(target regclass)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $runs$
  select exists (
    select from pg_catalog.pg_trigger t
    where t.tgrelid operator(pg_catalog.=) target and not t.tgisinternal and t.tgenabled in ('A', 'R')
    union all
    select from pg_catalog.pg_rewrite r
    where r.ev_class operator(pg_catalog.=) target
    union all
    select
    from pg_catalog.pg_depend d
    where d.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
      and (
        d.classid operator(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass and d.objid in (
          select c.oid from pg_catalog.pg_constraint c where c.conrelid operator(pg_catalog.=) target
        )
        or d.classid operator(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass and d.objid in (
          select a.oid from pg_catalog.pg_attrdef a where a.adrelid operator(pg_catalog.=) target
        )
        or d.classid operator(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid in (
          select i.indexrelid from pg_catalog.pg_index i where i.indrelid operator(pg_catalog.=) target
          union all
          select p.relid from pg_catalog.pg_partition_ancestors(target) p
        )
      )
  )
$runs$;

create function holdfast.damage(kind text, target regclass, place tid)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
-- A policy raises instead of running.
set row_security = off
as $damage$
begin
  perform holdfast.refuse_unless_copy();
  if kind in ('row-deleted', 'row-changed', 'row-added') and holdfast.runs_users_code(target) then
    raise exception '% brings functions of its own', target using errcode = 'feature_not_supported';
  end if;
  return holdfast.damage_as_asked(kind, target, place);
end
$damage$;

revoke all on function holdfast.damage(text, regclass, tid), holdfast.runs_users_code(regclass) from public;
grant execute on function holdfast.damage(text, regclass, tid) to holdfast_examine;
