-- The login under which SQL runs that users wrote: assertions and warm queries, and every function and view that they
-- name. It reads everything and may execute nothing of ours that changes a copy, which holdfast_examine may. It exists on
-- the primary since a copy is physical; the stack denies its login there.
do $role$
begin
  if not exists (select from pg_catalog.pg_roles where rolname operator(pg_catalog.=) 'holdfast_assert') then
    begin
      create role holdfast_assert login;
    exception
      when duplicate_object or unique_violation then
        null;
    end;
  end if;
  begin
    grant pg_read_all_data to holdfast_assert;
  exception
    when insufficient_privilege then
      raise warning 'pg_read_all_data could not be granted to holdfast_assert: assertions will be answered as unknown';
  end;
  begin
    alter role holdfast_assert bypassrls;
  exception
    when insufficient_privilege then
      raise warning 'bypassrls could not be given to holdfast_assert: assertions will not see rows that a policy hides';
  end;
  if exists (select from pg_catalog.pg_roles where rolname operator(pg_catalog.=) 'rds_iam')
    and not pg_catalog.pg_has_role('holdfast_assert', 'rds_iam', 'member') then
    grant rds_iam to holdfast_assert;
  end if;
end
$role$;

-- The server says in the same session that it is a copy, before the first word of a user's runs.
grant usage on schema holdfast to holdfast_assert;
grant execute on function holdfast.is_copy() to holdfast_assert;
