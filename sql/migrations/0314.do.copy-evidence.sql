-- On which timelines a restored database was closed: it became somebody's, and is no copy any more.
create table holdfast.closed (
  timeline integer primary key,
  at timestamptz not null default pg_catalog.clock_timestamp()
);

comment on table holdfast.closed is 'Where a restored database was proven and closed to the functions that proved it';

revoke all on holdfast.closed from public;

-- True only where three things agree. The server was recovered onto a timeline on which no heartbeat was ever written; that
-- alone is also true of a standby that was promoted a moment ago. It runs without workers of logical replication, which
-- the control plane sets for copies and for nothing else, and which no login can. And nobody has closed it.
create or replace function holdfast.is_copy()
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $is_copy$
  select coalesce(holdfast.timeline() > (select max(timeline) from holdfast.heartbeat), false)
    and current_setting('max_logical_replication_workers') = '0'
    and not exists (select from holdfast.closed c where c.timeline = holdfast.timeline())
$is_copy$;

-- Takes from the roll-forward's logins whatever they were given here, ends their sessions, and ends this being a copy, for
-- ever. Answers what is left of their rights, which is nothing.
create function holdfast.close_copy()
returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $close$
declare
  found record;
begin
  perform holdfast.refuse_unless_copy();
  for found in
    select m.roleid::regrole as parent, m.member::regrole as member
    from pg_auth_members m
    where m.member in ('holdfast_roll_forward'::regrole, 'holdfast_schema'::regrole)
      and m.roleid::regrole::text <> 'rds_iam'
  loop
    execute format('revoke %s from %s', found.parent, found.member);
  end loop;
  alter role holdfast_roll_forward nobypassrls;
  drop schema if exists holdfast_roll_forward cascade;
  insert into holdfast.closed (timeline) values (holdfast.timeline()) on conflict do nothing;
  perform pg_terminate_backend(a.pid) from pg_stat_activity a
  where a.usename in ('holdfast_roll_forward', 'holdfast_schema') and a.pid <> pg_backend_pid();
  return array(
    select format('%s is a member of %s', m.member::regrole, m.roleid::regrole)
    from pg_auth_members m
    where m.member in ('holdfast_roll_forward'::regrole, 'holdfast_schema'::regrole)
      and m.roleid::regrole::text <> 'rds_iam'
    union all
    select format('%I has attributes', r.rolname)
    from pg_roles r
    where r.rolname in ('holdfast_roll_forward', 'holdfast_schema')
      and (r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication)
    union all
    select format('%s owns something', d.refobjid::regrole)
    from pg_shdepend d
    where d.refclassid = 'pg_authid'::regclass and d.deptype = 'o'
      and d.refobjid in ('holdfast_roll_forward'::regrole, 'holdfast_schema'::regrole)
    union all
    select 'it still answers that it is a copy' where holdfast.is_copy());
end
$close$;

revoke all on function holdfast.close_copy() from public;
grant execute on function holdfast.close_copy() to holdfast_schema;
