-- The archiver reads one slot and nothing else. On RDS that right is the role rds_replication; PostgreSQL itself
-- knows the attribute REPLICATION, which only a role that has it may hand on.
do $archiver$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'rds_replication') then
    grant rds_replication to holdfast_archiver;
  else
    alter role holdfast_archiver replication;
  end if;
  begin
    grant pg_monitor to holdfast_archiver;
  exception
    when insufficient_privilege then
      raise warning 'pg_monitor could not be granted to holdfast_archiver: %', sqlerrm;
  end;
end
$archiver$;

-- Writes to restored copies. A copy is physical, so the role must exist on the primary, where it may do nothing but
-- ask for its rights and be refused.
do $roll_forward$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'holdfast_roll_forward') then
    begin
      create role holdfast_roll_forward login;
    exception
      when duplicate_object or unique_violation then
        null;
    end;
  end if;
  if exists (select from pg_catalog.pg_roles where rolname = 'rds_iam') then
    grant rds_iam to holdfast_roll_forward;
  end if;
end
$roll_forward$;

grant execute on function holdfast.timeline() to holdfast_archiver;
grant usage on schema holdfast to holdfast_roll_forward;

-- Gives the roll-forward what it needs to write anywhere in a copy, and in a copy only: every row, the rights of every
-- owner to change schemas, and for the calling session no triggers, rules and foreign keys (RDS lets only members of
-- rds_superuser set that, such as the owner of this function).
create or replace function holdfast.open_for_roll_forward()
returns table (thing text, done boolean, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $open$
declare
  wanted record;
begin
  perform holdfast.refuse_unless_copy();
  perform set_config('session_replication_role', 'replica', false);
  create schema if not exists holdfast_roll_forward;
  grant create, usage on schema holdfast_roll_forward to holdfast_roll_forward;
  for wanted in
    select r.rolname
    from pg_roles r
    where r.rolname in ('pg_read_all_data', 'pg_write_all_data')
      or (r.rolname !~ '^(pg_|rds)' and not r.rolsuper
        and r.rolname not in ('holdfast_roll_forward', current_user) and exists (
        select from pg_class c where c.relowner = r.oid
        union all select from pg_namespace n where n.nspowner = r.oid
        union all select from pg_proc p where p.proowner = r.oid
        union all select from pg_type t where t.typowner = r.oid))
  loop
    thing := format('rights of %I', wanted.rolname);
    begin
      execute format('grant %I to holdfast_roll_forward with inherit true, set true', wanted.rolname);
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
$open$;

-- Repeats a statement of the owner of the database, whose role nobody can be granted. It takes the caller's search_path,
-- since that is part of what the statement means; all that it names itself is qualified.
create or replace function holdfast.repeat_on_copy(statement text)
returns void
language plpgsql
security definer
as $repeat$
begin
  perform holdfast.refuse_unless_copy();
  execute statement;
end
$repeat$;

-- Roles set off no event trigger, so a change of the schema may come from a role, or name one, that the copy has not:
-- it is made without a login, a member of what it was a member of. Answers the names of those that were made, whether the
-- roll-forward may act as `actor`, and whether that is somebody for whom the owner can only stand in.
create or replace function holdfast.make_roles_on_copy(wanted jsonb, actor text)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $roles$
declare
  found record;
  made text[] := '{}';
begin
  perform holdfast.refuse_unless_copy();
  for found in
    select w.name
    from jsonb_to_recordset(wanted) as w (name text)
    where not exists (select from pg_roles r where r.rolname = w.name)
  loop
    execute format('create role %I nologin', found.name);
    made := made || found.name;
  end loop;
  for found in
    select w.name, g.name as parent
    from jsonb_to_recordset(wanted) as w (name text, "memberOf" text[]), unnest(w."memberOf") as g (name)
    where not exists (
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
  begin
    if exists (select from pg_roles r where r.rolname = actor and not r.rolsuper and r.rolname <> current_user
        and r.rolname !~ '^(pg_|rds)' and not pg_has_role('holdfast_roll_forward', r.oid, 'set')) then
      execute format('grant %I to holdfast_roll_forward with inherit true, set true', actor);
    end if;
  exception
    when insufficient_privilege then
      null; -- Told by the answer.
  end;
  return (
    select jsonb_build_object('made', to_jsonb(made), 'owner', current_user,
      'may', coalesce(bool_or(r.may), false),
      'foreign', coalesce(bool_or(not r.may and not r.rolsuper and r.rolname <> current_user), false))
    from (
      select p.rolname, p.rolsuper, pg_has_role('holdfast_roll_forward', p.oid, 'set') as may
      from pg_roles p
      where p.rolname = actor) as r);
end
$roles$;

revoke all on function holdfast.open_for_roll_forward(), holdfast.repeat_on_copy(text), holdfast.make_roles_on_copy(jsonb, text) from public;
grant execute on function holdfast.make_roles_on_copy(jsonb, text) to holdfast_roll_forward;
grant execute on function holdfast.open_for_roll_forward(), holdfast.repeat_on_copy(text), holdfast.timeline(), holdfast.is_copy(), holdfast.refuse_unless_copy() to holdfast_roll_forward;
grant select on holdfast.heartbeat to holdfast_roll_forward;
