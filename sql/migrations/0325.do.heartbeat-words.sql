-- What the heartbeat's login may write are two words, and both are read by people, pages and evidence: an RDS
-- identifier, and a version of our code. Existing rows are not asked: they are forgotten after two days.
do $words$
begin
  if not exists (
    select from pg_catalog.pg_constraint c
    where c.conrelid operator(pg_catalog.=) 'holdfast.heartbeat'::pg_catalog.regclass
      and c.conname operator(pg_catalog.=) 'heartbeat_instance_is_an_identifier'
  ) then
    alter table holdfast.heartbeat add constraint heartbeat_instance_is_an_identifier
      check (instance operator(pg_catalog.~) '^[a-z](-?[a-z0-9])*$' and pg_catalog.length(instance) operator(pg_catalog.<=) 63)
      not valid;
  end if;
  if not exists (
    select from pg_catalog.pg_constraint c
    where c.conrelid operator(pg_catalog.=) 'holdfast.heartbeat'::pg_catalog.regclass
      and c.conname operator(pg_catalog.=) 'heartbeat_code_is_short'
  ) then
    alter table holdfast.heartbeat add constraint heartbeat_code_is_short
      check (code operator(pg_catalog.~) '^[ -~]{1,100}$')
      not valid;
  end if;
end
$words$;
