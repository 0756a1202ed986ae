-- As before, but changes of the schema count as recorded only where each trigger that the record needs is in place.
create or replace function holdfast.archive_state()
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $state$
  select jsonb_build_object(
    'publications', coalesce((
      select jsonb_agg(p.pubname || ':' || p.oid order by p.pubname)
      from pg_publication p
      where p.pubname in ('holdfast_archive', 'holdfast_archive_inserts')), '[]'),
    'unpublished', coalesce((
      select jsonb_agg(format('%I.%I', t.schema, t.name) order by t.schema, t.name)
      from holdfast.archive_table t
      where not exists (
        select from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
        where r.prrelid = t.oid and p.pubname in ('holdfast_archive', 'holdfast_archive_inserts'))), '[]'),
    'insertsOnly', coalesce((
      select jsonb_agg(r.prrelid::regclass::text order by r.prrelid::regclass::text)
      from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
      where p.pubname = 'holdfast_archive_inserts'), '[]'),
    'sequences', coalesce((
      select jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', c.relname,
        'last', pg_sequence_last_value(c.oid)::text) order by n.nspname, c.relname)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'S' and c.relpersistence = 'p'
        and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'), '[]'),
    'schemaChangesRecorded', (
      -- Each trigger with its own function, at its own event, whatever a session's replication role is. One that is
      -- missing, disabled or replaced leaves changes out, or leaves out who acted.
      select count(*) = 4
      from pg_event_trigger e
      join (values
        ('holdfast_0_actor', 'ddl_command_end', 'note_actor'), ('holdfast_0_actor_drop', 'sql_drop', 'note_actor'),
        ('holdfast_1_record', 'ddl_command_end', 'record_ddl'), ('holdfast_1_record_drop', 'sql_drop', 'record_ddl')
      ) as n (name, event, function) on n.name = e.evtname and n.event = e.evtevent
      join pg_proc p on p.oid = e.evtfoid and p.proname = n.function and p.pronamespace = 'holdfast'::regnamespace
      where e.evtenabled = 'A' and e.evttags is null),
    'schemaDigest', encode(sha256(convert_to(coalesce((
      select string_agg(concat_ws(' ', t.schema, t.name, t.identity, a.attnum, a.attname,
        format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated), E'\n' order by t.schema, t.name, a.attnum)
      from holdfast.archive_table t
      join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped), ''), 'UTF8')), 'hex'))
$state$;

revoke all on function holdfast.archive_state() from public;
grant execute on function holdfast.archive_state() to holdfast_archiver;
