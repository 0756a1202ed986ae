-- Keeps the publications in step inside the very transaction that makes or changes a table or anybody's publication: a
-- new table is archived from its first row, and no write is refused because of the archive. It runs as its owner, and
-- whatever goes wrong in it is a warning: only the end of the client's own statement (a cancel, a timeout) passes.
create or replace function holdfast.follow_ddl()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $follow$
declare
  changed oid[];
  stack text;
begin
  if holdfast.is_own_change(tg_tag) then
    return;
  end if;
  if tg_tag like '% PUBLICATION' then
    -- Whoever drops ours wants them gone; the archiver makes them anew and writes down the gap.
    if 2 > (select count(*) from pg_publication where pubname in ('holdfast_archive', 'holdfast_archive_inserts')) then
      return;
    end if;
    select array_agg(p.oid) into changed
    from holdfast.archive_plan p
    where p.wanted_identity <> p.identity
      or p.in_archive <> (p.wanted_publication = 'holdfast_archive')
      or p.in_inserts <> (p.wanted_publication = 'holdfast_archive_inserts');
    -- Ours may have been changed, and of no table at all.
    changed := coalesce(changed, '{}');
  elsif tg_tag like 'DROP %' or tg_tag = 'ALTER SCHEMA' then
    -- Which table lost its key with a type, a function or an index is not known any more: those without a usable one.
    select array_agg(t.oid) into changed
    from holdfast.archive_table t
    where tg_tag = 'ALTER SCHEMA' or not t.identified
      or exists (select from holdfast.archive_whole_row w where w.relation = t.oid);
  else
    select array_agg(distinct f.oid) into changed
    from (
      select c.objid as oid
      from pg_event_trigger_ddl_commands() c
      where c.classid = 'pg_class'::regclass and c.schema_name is distinct from 'pg_temp'
      union
      -- A table attached to a followed root is followed from now on.
      select i.relid
      from pg_event_trigger_ddl_commands() c, pg_partition_tree(c.objid) i
      where c.classid = 'pg_class'::regclass and c.object_type = 'table'
      union
      -- Children take the columns of a table that they inherit from.
      select h.inhrelid
      from pg_event_trigger_ddl_commands() c join pg_inherits h on h.inhparent = c.objid
      where c.classid = 'pg_class'::regclass and c.object_type = 'table'
    ) as f;
  end if;
  -- Whoever asks for the whole row, by hand or in a function, shall keep it. A statement that a function runs stands in
  -- the call stack, and only else is the client's text asked for, once and its beginning.
  if tg_tag = 'ALTER TABLE' and exists (
      select from holdfast.archive_whole_row w join pg_class c on c.oid = w.relation
      where w.relation = any (changed) and c.relreplident = 'f') then
    get diagnostics stack = pg_context;
    if strpos(stack, 'SQL statement "') = 0 then
      stack := left(current_query(), 100000);
    end if;
    if left(stack, 100000) ~* 'replica\s+identity\s+full' then
      delete from holdfast.archive_whole_row where relation = any (changed);
    end if;
  end if;
  if changed is not null then
    perform holdfast.follow_tables(changed);
  end if;
exception
  when others then
    raise warning 'holdfast could not follow this change of the schema: %', sqlerrm;
end
$follow$;

revoke all on function holdfast.follow_ddl() from public;
