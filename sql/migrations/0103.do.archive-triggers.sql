-- Where the owner may not make event triggers the archive still follows the tables at each migration, and each segment
-- says that schema changes are not recorded, so that a roll-forward across one is never called exact.
do $triggers$
begin
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'holdfast_1_record') then
    create event trigger holdfast_1_record on ddl_command_end
      execute function holdfast.record_ddl();
  end if;
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'holdfast_1_record_drop') then
    create event trigger holdfast_1_record_drop on sql_drop
      execute function holdfast.record_ddl();
  end if;
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'holdfast_2_follow') then
    create event trigger holdfast_2_follow on ddl_command_end
      when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE SCHEMA', 'ALTER TABLE', 'ALTER INDEX', 'DROP INDEX', 'ALTER SCHEMA')
      execute function holdfast.follow_ddl();
  end if;
  -- Also where triggers are silenced: a bulk load changes the schema like anybody else, and a copy that is rolled
  -- forward must follow its tables as the primary did.
  alter event trigger holdfast_1_record enable always;
  alter event trigger holdfast_1_record_drop enable always;
  alter event trigger holdfast_2_follow enable always;
exception
  when insufficient_privilege then
    raise warning 'event triggers could not be made, schema changes will not be recorded: %', sqlerrm;
end
$triggers$;
