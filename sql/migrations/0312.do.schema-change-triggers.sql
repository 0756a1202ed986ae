-- Event triggers fire in the order of their names: whoever acts is noted right before the change is recorded. Where the
-- owner may not make event triggers each segment says that schema changes are not recorded.
do $triggers$
begin
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'holdfast_0_actor') then
    create event trigger holdfast_0_actor on ddl_command_end
      execute function holdfast.note_actor();
  end if;
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'holdfast_0_actor_drop') then
    create event trigger holdfast_0_actor_drop on sql_drop
      execute function holdfast.note_actor();
  end if;
  alter event trigger holdfast_0_actor enable always;
  alter event trigger holdfast_0_actor_drop enable always;
exception
  when insufficient_privilege then
    raise warning 'event triggers could not be made, schema changes will not be recorded: %', sqlerrm;
end
$triggers$;
