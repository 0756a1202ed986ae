-- Who may what in this database, a line each: roles with their attributes, memberships, owners and access lists.
create function holdfast.rights_of_copy()
returns setof text
language sql
stable
set search_path = pg_catalog, pg_temp
as $rights$
  select format('role %I: super %s, createrole %s, createdb %s, replication %s, bypassrls %s, login %s, inherit %s, limit %s',
    rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin, rolinherit, rolconnlimit)
  from pg_roles where rolname !~ '^pg_'
  union all
  select format('%s in %s by %s: admin %s, inherit %s, set %s',
    member::regrole, roleid::regrole, grantor::regrole, admin_option, inherit_option, set_option)
  from pg_auth_members
  union all
  select format('%s of %s: %s', pg_describe_object(o.class, o.oid, 0), o.owner::regrole, o.acl)
  from (
    select 'pg_class'::regclass as class, c.oid, c.relowner as owner, c.relacl as acl
    from pg_class c where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
      and c.relnamespace not in (select n.oid from pg_namespace n where n.nspname ~ '^(pg_toast|pg_temp|holdfast_roll_forward$)')
    union all select 'pg_namespace'::regclass, oid, nspowner, nspacl from pg_namespace
      where nspname !~ '^(pg_toast|pg_temp|holdfast_roll_forward$)'
    union all select 'pg_proc'::regclass, oid, proowner, proacl from pg_proc where oid >= 16384 or proacl is not null
    union all select 'pg_type'::regclass, oid, typowner, typacl from pg_type
      where (oid >= 16384 or typacl is not null) and typtype in ('d', 'e', 'r') and typnamespace::regnamespace::text !~ '^pg_temp'
    union all select 'pg_language'::regclass, oid, lanowner, lanacl from pg_language
    union all select 'pg_foreign_server'::regclass, oid, srvowner, srvacl from pg_foreign_server
    union all select 'pg_foreign_data_wrapper'::regclass, oid, fdwowner, fdwacl from pg_foreign_data_wrapper
    union all select 'pg_database'::regclass, oid, datdba, datacl from pg_database where datname = current_database()
  ) as o
  union all
  select format('column %s.%I: %s', attrelid::regclass, attname, attacl) from pg_attribute where attacl is not null
  union all
  select format('policy %I on %s: %s to %s', polname, polrelid::regclass, polcmd, polroles::regrole[]) from pg_policy
  union all
  select format('row security of %s: %s, forced %s', oid::regclass, relrowsecurity, relforcerowsecurity)
  from pg_class where relrowsecurity or relforcerowsecurity
  union all
  select format('default of %s in %s for %s: %s', defaclrole::regrole, defaclnamespace, defaclobjtype, defaclacl) from pg_default_acl
$rights$;

-- What differs from what was noted last: changes of rights that no recorded change of the schema made.
create function holdfast.unexplained_rights(key text)
returns text[]
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $unexplained$
begin
  perform holdfast.refuse_unless_holder(key);
  return array(
    select 'now: ' || l from (select holdfast.rights_of_copy() except select line from holdfast_roll_forward.rights) as n (l)
    union all
    select 'before: ' || l from (select line from holdfast_roll_forward.rights except select holdfast.rights_of_copy()) as b (l)
    order by 1);
end
$unexplained$;

-- Notes the rights as they are: at first, and after each recorded change. `anew` is false where a note that stands must stay.
create function holdfast.note_rights(key text, anew boolean)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $note$
begin
  perform holdfast.refuse_unless_holder(key);
  if to_regclass('holdfast_roll_forward.rights') is null then
    create table holdfast_roll_forward.rights (line text primary key);
  elsif not anew then
    return;
  end if;
  delete from holdfast_roll_forward.rights r where r.line not in (select holdfast.rights_of_copy());
  insert into holdfast_roll_forward.rights select distinct holdfast.rights_of_copy() on conflict do nothing;
end
$note$;

revoke all on function holdfast.rights_of_copy(), holdfast.unexplained_rights(text), holdfast.note_rights(text, boolean) from public;
grant execute on function holdfast.unexplained_rights(text), holdfast.note_rights(text, boolean) to holdfast_schema;
