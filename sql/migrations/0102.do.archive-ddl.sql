-- Writes each schema change into the log as a message of its own transaction, in the words in which it was asked for.
-- It runs as whoever changes the schema, so that the message can say whose rights the change had and which
-- search_path; hence no SET clause, which would hide the caller's path.
create or replace function holdfast.record_ddl()
returns event_trigger
language plpgsql
as $record$
declare
  caller_path text := pg_catalog.current_setting('search_path');
  stack text;
  words text;
  said jsonb;
begin
  -- From here on nobody else's operators and functions can be meant.
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  get diagnostics stack = pg_context;
  begin
    said := case
      when current_setting('holdfast.following', true) = 'on' then null
      -- A drop is recorded when its objects are known, any other change when it is done.
      when (tg_event = 'sql_drop') <> (tg_tag like 'DROP %') then null
      -- Rebuilding an index changes no schema.
      when tg_tag = 'REINDEX' then null
      -- What REFRESH MATERIALIZED VIEW CONCURRENTLY makes for itself.
      when stack ~ 'SQL statement "[A-Z ]+ TABLE pg_temp_[0-9]+\.pg_temp_' then null
      else jsonb_build_object('version', 1, 'tag', tg_tag, 'query', current_query(), 'stack', stack,
        'role', current_user, 'searchPath', caller_path, 'statementAt', statement_timestamp())
    end;
    if said is not null and tg_event = 'sql_drop' then
      if not exists (select from pg_event_trigger_dropped_objects() d where d.original and not d.is_temporary) then
        said := null;
      else
        said := said || jsonb_build_object('objects', (
          select jsonb_agg(o.said) from (
            select jsonb_build_object('type', d.object_type, 'identity', d.object_identity,
              'name', d.address_names[array_upper(d.address_names, 1)]) as said
            from pg_event_trigger_dropped_objects() d where d.original limit 20) as o));
      end if;
    elsif said is not null then
      -- An extension's own script comes back with the extension; a temporary table is nobody else's.
      if tg_tag not like '%EXTENSION' and exists (select from pg_event_trigger_ddl_commands() c where c.in_extension) then
        said := null;
      elsif exists (select from pg_event_trigger_ddl_commands())
        and not exists (select from pg_event_trigger_ddl_commands() c where c.schema_name is distinct from 'pg_temp') then
        said := null;
      else
        said := said || jsonb_build_object('objects', (
          select jsonb_agg(o.said) from (
            select jsonb_build_object('type', c.object_type, 'identity', c.object_identity,
              'name', a.object_names[array_upper(a.object_names, 1)]) as said
            from pg_event_trigger_ddl_commands() c
            left join lateral pg_identify_object_as_address(c.classid, c.objid, c.objsubid) a on c.objid <> 0
            limit 20) as o));
      end if;
    end if;
    if said is not null then
      words := lower(concat(current_query(), stack));
      said := said || jsonb_build_object(
        -- What the statement's constants mean, and where its tables go.
        'settings', (
          select jsonb_object_agg(name, current_setting(name))
          from unnest(array['TimeZone', 'DateStyle', 'IntervalStyle', 'lc_monetary', 'standard_conforming_strings',
            'xmloption', 'default_tablespace', 'default_table_access_method', 'default_toast_compression']) as name),
        -- Roles belong to the cluster and set off no event trigger: whoever acts or may be named, with what it is a member of.
        'roles', (
          with recursive named as (
            select r.oid, r.rolname
            from pg_roles r
            where r.oid >= 16384 and (r.rolname = current_user or position(lower(r.rolname) in words) > 0)
            union
            select r.oid, r.rolname
            from named n join pg_auth_members m on m.member = n.oid join pg_roles r on r.oid = m.roleid
            where r.oid >= 16384 and r.rolname !~ '^rds'
          )
          select jsonb_agg(jsonb_build_object('name', n.rolname, 'memberOf', (
            select coalesce(jsonb_agg(distinct g.rolname), '[]')
            from pg_auth_members m join pg_roles g on g.oid = m.roleid
            where m.member = n.oid and (m.set_option or m.inherit_option))))
          from named n));
    end if;
  exception
    when others then
      -- A change that could not be described is still told of, so that a roll-forward stops instead of going wrong.
      said := pg_catalog.jsonb_build_object('version', 1, 'tag', tg_tag, 'error', sqlerrm);
  end;
  if said is not null then
    perform pg_catalog.pg_logical_emit_message(true, 'holdfast.ddl', said::pg_catalog.text);
  end if;
  perform pg_catalog.set_config('search_path', caller_path, true);
end
$record$;

-- Keeps the publications in step inside the very transaction that makes or changes a table: a new table is archived
-- from its first row, and a table that lost its key never blocks a write. It runs as its owner.
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
  if current_setting('holdfast.following', true) = 'on' then
    return;
  end if;
  get diagnostics stack = pg_context;
  if tg_tag in ('DROP INDEX', 'ALTER SCHEMA') then
    -- Which table lost its index is not known any more: look at those without a usable key, and at all after a rename.
    select array_agg(t.oid) into changed
    from holdfast.archive_table t
    where tg_tag = 'ALTER SCHEMA' or not t.identified;
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
    ) as f;
  end if;
  -- Whoever asks for the whole row, by hand or in a function, shall keep it.
  if tg_tag = 'ALTER TABLE' and concat(current_query(), stack) ~* 'replica\s+identity\s+full' then
    delete from holdfast.archive_whole_row where relation = any (changed);
  end if;
  if changed is not null then
    perform holdfast.follow_tables(changed);
  end if;
exception
  when others then
    raise warning 'holdfast could not follow this change of the schema: %', sqlerrm;
end
$follow$;

revoke all on function holdfast.record_ddl(), holdfast.follow_ddl() from public;
