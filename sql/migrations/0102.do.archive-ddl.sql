-- Writes each schema change into the log as a message of its own transaction, in the words in which it was asked for.
-- It runs as whoever changes the schema, so that the message can say whose rights the change had.
create or replace function holdfast.record_ddl()
returns event_trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $record$
declare
  stack text;
  said jsonb;
begin
  if current_setting('holdfast.following', true) = 'on' then
    return;
  end if;
  -- A drop is recorded when its objects are known, any other change when it is done.
  if (tg_event = 'sql_drop') <> (tg_tag like 'DROP %') then
    return;
  end if;
  -- Rebuilding an index changes no schema.
  if tg_tag = 'REINDEX' then
    return;
  end if;
  get diagnostics stack = pg_context;
  begin
    if tg_event = 'sql_drop' then
      if not exists (select from pg_event_trigger_dropped_objects() d where d.original and not d.is_temporary) then
        return;
      end if;
    else
      -- An extension's own script comes back with the extension; a temporary table is nobody else's.
      if tg_tag not like '%EXTENSION' and exists (select from pg_event_trigger_ddl_commands() c where c.in_extension) then
        return;
      end if;
      if exists (select from pg_event_trigger_ddl_commands())
        and not exists (select from pg_event_trigger_ddl_commands() c where c.schema_name is distinct from 'pg_temp') then
        return;
      end if;
    end if;
    said := jsonb_build_object(
      'version', 1,
      'tag', tg_tag,
      'query', current_query(),
      'stack', stack,
      'role', current_user,
      'searchPath', holdfast.caller_search_path(),
      'statementAt', statement_timestamp()
    );
  exception
    when others then
      -- A change that could not be described is still told of, so that a roll-forward stops instead of going wrong.
      said := jsonb_build_object('version', 1, 'tag', tg_tag, 'error', sqlerrm);
  end;
  perform pg_logical_emit_message(true, 'holdfast.ddl', said::text);
end
$record$;
