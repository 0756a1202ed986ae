-- What the archiver writes beside the changes and what no stream carries: sequences, the shape of the tables, and the
-- tables that it should archive and cannot.
create or replace function holdfast.archive_state()
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
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
      select count(*) = 2
      from pg_event_trigger e
      where e.evtname in ('holdfast_1_record', 'holdfast_1_record_drop') and e.evtenabled in ('O', 'A')),
    'schemaDigest', encode(sha256(convert_to(coalesce((
      select string_agg(concat_ws(' ', t.schema, t.name, t.identity, a.attnum, a.attname,
        format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated), E'\n' order by t.schema, t.name, a.attnum)
      from holdfast.archive_table t
      join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped), ''), 'UTF8')), 'hex'))
$state$;

revoke all on function holdfast.archive_state() from public;
grant execute on function holdfast.archive_state() to holdfast_archiver;
