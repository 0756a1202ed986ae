-- The tables that are not as holdfast.archive_plan wants them, for whoever follows them one after the other: a follow of
-- all in one transaction would keep its first table locked until it is done with the last. `locks` is whether the
-- follow shuts everybody else out of the table, which a change of the replica identity does.
create function holdfast.archive_pending()
returns table (relation pg_catalog.oid, locks pg_catalog.bool)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $pending$
  select p.oid, p.wanted_identity <> p.identity
  from holdfast.archive_plan p
  where p.wanted_identity <> p.identity or p.ours and p.identity <> 'f'
    or p.in_archive <> (p.wanted_publication = 'holdfast_archive')
    or p.in_inserts <> (p.wanted_publication = 'holdfast_archive_inserts')
    or p.in_archive and p.refused & ~p.without_us <> 0
  union
  select r.prrelid, false
  from pg_publication_rel r
  join pg_publication p on p.oid = r.prpubid
  where p.pubname in ('holdfast_archive', 'holdfast_archive_inserts')
    and not exists (select from holdfast.archive_table t where t.oid = r.prrelid)
  order by 2, 1
$pending$;

revoke all on function holdfast.archive_pending() from public;
grant execute on function holdfast.archive_pending() to holdfast_archiver;

-- Says what to archive, and follows nothing yet.
create function holdfast.set_archive_patterns(patterns text[])
returns table (thing text, done boolean, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $set$
begin
  delete from holdfast.archive_pattern where pattern <> all (patterns);
  insert into holdfast.archive_pattern select distinct unnest(patterns) on conflict do nothing;
  return query select f.thing, f.done, f.detail from holdfast.take_grants_back() f;
end
$set$;

revoke all on function holdfast.set_archive_patterns(text[]) from public;

-- Both at once, in one transaction.
create or replace function holdfast.set_archive_tables(patterns text[])
returns table (thing text, done boolean, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $set$
begin
  return query select f.thing, f.done, f.detail from holdfast.set_archive_patterns(patterns) f;
  return query select f.thing, f.done, f.detail from holdfast.follow_tables() f;
end
$set$;

revoke all on function holdfast.set_archive_tables(text[]) from public;
