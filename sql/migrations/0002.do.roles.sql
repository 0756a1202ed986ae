-- A role belongs to the whole cluster: another database's migration may make it between our look and our create.
do $roles$
declare
  wanted text;
begin
  foreach wanted in array array['holdfast_heartbeat', 'holdfast_archiver', 'holdfast_examine'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
      begin
        execute pg_catalog.format('create role %I login', wanted);
      exception
        when duplicate_object or unique_violation then
          null;
      end;
    end if;
    execute pg_catalog.format('grant usage on schema holdfast to %I', wanted);
  end loop;
end
$roles$;

-- On RDS a member of rds_iam logs in with a signed token and never with a password.
do $iam$
declare
  wanted text;
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'rds_iam') then
    foreach wanted in array array['holdfast_heartbeat', 'holdfast_archiver', 'holdfast_examine'] loop
      if not pg_catalog.pg_has_role(wanted, 'rds_iam', 'member') then
        execute pg_catalog.format('grant rds_iam to %I', wanted);
      end if;
    end loop;
  end if;
end
$iam$;
