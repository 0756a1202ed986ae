-- Two logins write to a restored copy. One writes rows, and with each row whatever code the database's users hung on the
-- table runs as it: it owns nothing, is a member of no owner and may execute nothing of ours that changes anything. The
-- other repeats changes of the schema and writes no row; it owns nothing either, and what it may ask for it must ask
-- with a key that only its own session knows, since users' code may run in its session too.
do $schema$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'holdfast_schema') then
    begin
      create role holdfast_schema login;
    exception
      when duplicate_object or unique_violation then
        null;
    end;
  end if;
  if exists (select from pg_catalog.pg_roles where rolname = 'rds_iam')
    and not pg_catalog.pg_has_role('holdfast_schema', 'rds_iam', 'member') then
    grant rds_iam to holdfast_schema;
  end if;
end
$schema$;

grant usage on schema holdfast to holdfast_schema;

drop function holdfast.open_for_roll_forward();
drop function holdfast.repeat_on_copy(text);
drop function holdfast.make_roles_on_copy(jsonb, text);

-- Lets the owner of the database act for another role for a moment. Answers whether it had to be lent: whoever is a
-- member already stays one.
create function holdfast.lend(role text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $lend$
begin
  if role = current_user or exists (
    select from pg_auth_members m
    where m.member = to_regrole(quote_ident(current_user)) and m.roleid = to_regrole(quote_ident(role))
      and m.set_option and m.inherit_option
  ) then
    return false;
  end if;
  execute format('grant %I to %I with inherit true, set true', role, current_user);
  return true;
end
$lend$;

create function holdfast.take_back(role text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $back$
begin
  execute format('revoke %I from %I granted by %I', role, current_user, current_user);
end
$back$;

-- Raises unless the caller is the session that took this copy.
create function holdfast.refuse_unless_holder(key text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $holder$
begin
  perform holdfast.refuse_unless_copy();
  if session_user <> 'holdfast_schema' or key is null or not exists (
    select
    from pg_stat_activity a
    where a.pid = pg_backend_pid()
      and obj_description(to_regnamespace('holdfast_roll_forward'), 'pg_namespace')
        = concat_ws(' ', a.pid, extract(epoch from a.backend_start), encode(sha256(convert_to(key, 'UTF8')), 'hex'))
  ) then
    raise exception 'this session did not take the copy' using errcode = 'insufficient_privilege';
  end if;
end
$holder$;

-- Takes the copy for the calling session, once: the key is then known to its client alone. A session that held the copy
-- before is ended. Gives the writer of rows what it needs, in a copy and nowhere else.
create function holdfast.take_copy(key text)
returns table (thing text, done boolean, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $take$
declare
  held text := obj_description(to_regnamespace('holdfast_roll_forward'), 'pg_namespace');
  self text := (select concat_ws(' ', a.pid, extract(epoch from a.backend_start)) from pg_stat_activity a where a.pid = pg_backend_pid());
  wanted record;
begin
  perform holdfast.refuse_unless_copy();
  if session_user <> 'holdfast_schema' or starts_with(held, self || ' ') then
    raise exception 'this session may not take the copy' using errcode = 'insufficient_privilege';
  end if;
  perform pg_terminate_backend(a.pid) from pg_stat_activity a
  where starts_with(held, concat_ws(' ', a.pid, extract(epoch from a.backend_start)) || ' ');
  create schema if not exists holdfast_roll_forward;
  execute format('comment on schema holdfast_roll_forward is %L',
    self || ' ' || encode(sha256(convert_to(key, 'UTF8')), 'hex'));
  create table if not exists holdfast_roll_forward.progress (
    one boolean primary key check (one), state jsonb not null);
  create table if not exists holdfast_roll_forward.schema_progress (
    one boolean primary key check (one), state jsonb not null);
  -- Triggers that fire in every session, and how they stood: they rest while rows are written.
  create table if not exists holdfast_roll_forward.resting (
    relation oid, name name, enabled "char", primary key (relation, name));
  grant usage on schema holdfast_roll_forward to holdfast_roll_forward, holdfast_schema;
  grant select on all tables in schema holdfast_roll_forward to holdfast_roll_forward, holdfast_schema;
  grant insert, update on holdfast_roll_forward.progress to holdfast_roll_forward;
  grant insert, update on holdfast_roll_forward.schema_progress to holdfast_schema;
  -- What a session that was killed may have left.
  for wanted in
    select m.roleid::regrole as parent, m.member::regrole as member
    from pg_auth_members m
    where m.member in ('holdfast_roll_forward'::regrole, 'holdfast_schema'::regrole)
      and m.roleid::regrole::text not in ('pg_read_all_data', 'pg_write_all_data', 'rds_iam')
  loop
    execute format('revoke %s from %s', wanted.parent, wanted.member);
  end loop;
  for wanted in select unnest(array['pg_read_all_data', 'pg_write_all_data']) as name loop
    thing := format('rights of %I', wanted.name);
    begin
      execute format('grant %I to holdfast_roll_forward with inherit true, set false', wanted.name);
      done := true;
      detail := 'granted';
    exception
      when others then
        done := false;
        detail := sqlerrm;
    end;
    return next;
  end loop;
  thing := 'bypassrls';
  begin
    alter role holdfast_roll_forward bypassrls;
    done := true;
    detail := 'given';
  exception
    when others then
      done := false;
      detail := sqlerrm;
  end;
  return next;
end
$take$;

-- For the calling session no triggers, rules and foreign keys. RDS lets only members of rds_superuser set that, such as
-- the owner of this function.
create function holdfast.rest_triggers()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $rest$
begin
  perform holdfast.refuse_unless_copy();
  perform set_config('session_replication_role', 'replica', false);
end
$rest$;

-- Lets the triggers of archived tables rest that fire even then, or wakes them as they stood. Between the two only the
-- stream writes.
create function holdfast.rest_on_copy(key text, resting boolean)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $rest$
declare
  found record;
  lent boolean;
begin
  perform holdfast.refuse_unless_holder(key);
  if resting then
    insert into holdfast_roll_forward.resting
    select g.tgrelid, g.tgname, g.tgenabled
    from pg_trigger g join holdfast.archive_table t on t.oid = g.tgrelid
    where g.tgenabled in ('A', 'R') and not g.tgisinternal
    on conflict (relation, name) do update set enabled = excluded.enabled;
  end if;
  for found in
    select c.oid::regclass as relation, g.tgname as name, c.relowner::regrole::text as owner,
      case when resting then 'disable' when r.enabled = 'A' then 'enable always' else 'enable replica' end as verb
    from holdfast_roll_forward.resting r
    join pg_class c on c.oid = r.relation
    join pg_trigger g on g.tgrelid = r.relation and g.tgname = r.name
    where (g.tgenabled = 'D') <> resting
    order by r.relation, r.name
  loop
    lent := holdfast.lend((select rolname from pg_roles where oid = to_regrole(found.owner)));
    execute format('alter table %s %s trigger %I', found.relation, found.verb, found.name);
    if lent then
      perform holdfast.take_back((select rolname from pg_roles where oid = to_regrole(found.owner)));
    end if;
  end loop;
  if not resting then
    delete from holdfast_roll_forward.resting;
  end if;
end
$rest$;

-- Roles set off no event trigger, so a recorded change of the schema may come from a role, or name one, that the copy has
-- not: it is made without a login and without attributes, a member of what it was a member of on the primary, but never
-- of a role of PostgreSQL's, of RDS's or of ours. Answers the names of those that were made.
create function holdfast.make_roles_on_copy(key text, wanted jsonb)
returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $roles$
declare
  found record;
  made text[] := '{}';
begin
  perform holdfast.refuse_unless_holder(key);
  for found in
    select w.name
    from jsonb_to_recordset(wanted) as w (name text)
    where w.name !~ '^(pg_|rds|holdfast)' and not exists (select from pg_roles r where r.rolname = w.name)
  loop
    execute format('create role %I nologin', found.name);
    made := made || found.name;
  end loop;
  for found in
    select w.name, g.name as parent
    from jsonb_to_recordset(wanted) as w (name text, "memberOf" text[]), unnest(w."memberOf") as g (name)
    where w.name !~ '^(pg_|rds|holdfast)' and g.name !~ '^(pg_|rds|holdfast)'
      and not exists (
        select from pg_auth_members m
        where m.member = to_regrole(quote_ident(w.name)) and m.roleid = to_regrole(quote_ident(g.name))
          and (m.set_option or m.inherit_option))
  loop
    begin
      execute format('grant %I to %I', found.parent, found.name);
    exception
      when insufficient_privilege then
        null; -- The statement itself says what is missing.
    end;
  end loop;
  return made;
end
$roles$;

-- Repeats a recorded statement as the role that it was recorded of, under its search_path. It runs in a function of
-- that role's, from which nobody can change to another role, and with which the role gets nothing that it has not.
-- What a trigger was to do at the commit it does there too: before PostgreSQL 18 it would run as whoever commits.
-- The owner stands in for a superuser alone, who could do everything that it can. Answers whether it did.
create function holdfast.repeat_on_copy(key text, actor text, path text, tag text, statement text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $repeat$
declare
  stands_in boolean := exists (select from pg_roles r where r.rolname = actor and r.rolsuper);
  lent boolean := false;
begin
  perform holdfast.refuse_unless_holder(key);
  if actor is null or not exists (select from pg_roles r where r.rolname = actor) then
    raise exception 'the role % is not here', coalesce(actor, '(none)') using errcode = 'insufficient_privilege';
  end if;
  perform set_config('check_function_bodies', 'off', true);
  -- PL/pgSQL would take the INTO of a SELECT for its own.
  execute case when tag = 'SELECT INTO'
    then format('create function holdfast_roll_forward.act() returns void language sql security definer as %L',
      statement || E'\n; set constraints all immediate')
    else format('create function holdfast_roll_forward.act() returns void language plpgsql security definer as %L',
      format('begin execute %L; execute ''set constraints all immediate''; end', statement))
  end;
  if not stands_in and actor <> current_user then
    lent := holdfast.lend(actor);
    execute format('grant create on schema holdfast_roll_forward to %I', actor);
    execute format('alter function holdfast_roll_forward.act() owner to %I', actor);
    execute format('revoke create on schema holdfast_roll_forward from %I', actor);
    if lent then
      perform holdfast.take_back(actor);
    end if;
  end if;
  perform pg_catalog.set_config('search_path', path, true);
  perform holdfast_roll_forward.act();
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  drop function holdfast_roll_forward.act();
  return stands_in;
end
$repeat$;

-- Truncates what the stream names, and nothing beside: that right comes with none of PostgreSQL's roles, only with the table.
create function holdfast.truncate_on_copy(key text, tables text[], words text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $truncate$
declare
  found record;
  lent text[] := '{}';
begin
  perform holdfast.refuse_unless_holder(key);
  for found in
    -- CASCADE reaches tables that the stream names too.
    select distinct r.rolname as owner
    from unnest(tables) as t (name) join pg_class c on c.oid = to_regclass(t.name) join pg_roles r on r.oid = c.relowner
  loop
    if holdfast.lend(found.owner) then
      lent := lent || found.owner::text;
    end if;
  end loop;
  execute format('truncate %s %s', (
    select string_agg('only ' || to_regclass(t.name), ', ') from unnest(tables) as t (name)),
    case when words in ('', 'cascade', 'restart identity', 'restart identity cascade') then words end);
  for found in select unnest(lent) as owner loop
    perform holdfast.take_back(found.owner);
  end loop;
end
$truncate$;

-- Lends a role to the calling session, to roll back what that role had prepared: only its owner may, and no function can.
create function holdfast.lend_on_copy(key text, role text, given boolean)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $lend$
begin
  perform holdfast.refuse_unless_holder(key);
  if role ~ '^(pg_|rds|holdfast)' or exists (select from pg_roles r where r.rolname = role and r.rolsuper) then
    raise exception '% is lent to nobody', role using errcode = 'insufficient_privilege';
  end if;
  if given then
    execute format('grant %I to holdfast_schema with inherit false, set true', role);
  else
    execute format('revoke %I from holdfast_schema', role);
  end if;
end
$lend$;

revoke all on function holdfast.lend(text), holdfast.take_back(text), holdfast.refuse_unless_holder(text),
  holdfast.take_copy(text), holdfast.rest_triggers(), holdfast.rest_on_copy(text, boolean),
  holdfast.make_roles_on_copy(text, jsonb), holdfast.repeat_on_copy(text, text, text, text, text),
  holdfast.truncate_on_copy(text, text[], text), holdfast.lend_on_copy(text, text, boolean) from public;
grant execute on function holdfast.take_copy(text), holdfast.rest_on_copy(text, boolean),
  holdfast.make_roles_on_copy(text, jsonb), holdfast.repeat_on_copy(text, text, text, text, text),
  holdfast.truncate_on_copy(text, text[], text), holdfast.lend_on_copy(text, text, boolean) to holdfast_schema;
grant execute on function holdfast.rest_triggers() to holdfast_roll_forward, holdfast_schema;
grant execute on function holdfast.timeline(), holdfast.is_copy(), holdfast.refuse_unless_copy() to holdfast_schema;
