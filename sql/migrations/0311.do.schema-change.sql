-- How our own DDL is told apart, where nothing better does it yet.
do $own$
begin
  if pg_catalog.to_regprocedure('holdfast.is_own_change(text)') is null then
    create function holdfast.is_own_change(tag pg_catalog.text)
    returns pg_catalog.bool
    language sql
    volatile
    set search_path = pg_catalog, pg_temp
    as 'select current_setting(''holdfast.following'', true) = ''on''';
    revoke all on function holdfast.is_own_change(pg_catalog.text) from public;
  end if;
end
$own$;

-- Each schema change as a row of its own transaction. Nobody but the owner writes here, so that what a roll-forward
-- repeats was seen by the trigger below: a logical message anybody may write.
create table holdfast.schema_change (
  seq bigint generated always as identity primary key,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  record jsonb not null
) with (
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000
);

comment on table holdfast.schema_change is 'Each change of the schema, as the event trigger saw it; kept for 48 hours';

revoke all on holdfast.schema_change from public;

-- Fires right before the recorder, as whoever changes the schema: a definer function sees neither the caller's role
-- nor its search_path. Whatever a session put into these settings before is overwritten here, and between the two
-- nothing of a session's own can run.
create function holdfast.note_actor()
returns event_trigger
language plpgsql
as $note$
begin
  perform pg_catalog.set_config('holdfast.actor', current_user::pg_catalog.text, true);
  perform pg_catalog.set_config('holdfast.actor_path', pg_catalog.current_setting('search_path'), true);
end
$note$;

-- Cuts from the text the statements that may have made the change, and what ends a transaction beside them. Everything
-- else in the text is nobody's business.
create function holdfast.statements_for(tag text, words text, nested boolean, names text[])
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $statements$
declare
  verb text := case when tag = 'SELECT INTO' then '(?:select|with)' else lower(split_part(tag, ' ', 1)) end;
  kept jsonb;
begin
  if octet_length(words) > 131072 then
    raise exception 'the text is too large: % bytes', octet_length(words);
  end if;
  with every as (
    select s.place, s.said,
      s.code ~* ('^[\s(]*' || verb || '\M')
        and s.code !~* '^(?:create|alter|drop|comment\s+on)\s+(?:role|user(?!\s+mapping)|group|database|system|tablespace)\M'
        and not (tag in ('GRANT', 'REVOKE') and s.code !~* '\son\s') as made,
      not nested and s.code ~* '^(?:begin|start|commit|end|rollback|abort|savepoint|prepare)\M' as ends,
      s.code ~* '^(?:create|alter)\s+extension\M' as brings,
      coalesce((select bool_or(strpos(lower(s.said), lower(n)) > 0) from unnest(names) as n), false) as named
    from holdfast.cut_statements(words, nested) s
  ), chosen as (
    select e.place, e.said, holdfast.redact(e.said) as kept
    from every e
    where e.ends or e.brings
      or e.made and (e.named or not exists (select from every o where o.made and o.named))
  )
  select jsonb_agg(jsonb_build_object('text', c.kept, 'redacted', c.kept <> c.said) order by c.place) into kept from chosen c;
  if octet_length(kept::text) > 262144 then
    raise exception 'the statement is too large: % bytes', octet_length(kept::text);
  end if;
  return coalesce(kept, '[]');
end
$statements$;

-- Writes the row. It runs as the owner; who acted was noted by the trigger before.
create or replace function holdfast.record_ddl()
returns event_trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $record$
declare
  stack text;
  actor text := current_setting('holdfast.actor', true);
  said jsonb;
  names text[];
  kept text;
begin
  get diagnostics stack = pg_context;
  begin
    -- On a copy the roll-forward repeats what is recorded already.
    if holdfast.is_own_change(tg_tag) or session_user = 'holdfast_schema' and holdfast.is_copy() then
      return;
    end if;
    -- A drop is recorded when its objects are known, any other change when it is done; rebuilding an index is none.
    if (tg_event = 'sql_drop') <> (tg_tag like 'DROP %') or tg_tag = 'REINDEX' then
      return;
    end if;
    -- A temporary table is nobody else's; of those that REFRESH MATERIALIZED VIEW CONCURRENTLY makes no command is told.
    if tg_event = 'ddl_command_end'
      and (exists (select from pg_event_trigger_ddl_commands())
        or stack ~ '^[^\n]*\nSQL statement "[A-Z ]+ TABLE pg_temp_[0-9]+\.pg_temp_')
      and not exists (select from pg_event_trigger_ddl_commands() c where c.schema_name is distinct from 'pg_temp') then
      return;
    end if;
    if tg_event = 'sql_drop' then
      if not exists (select from pg_event_trigger_dropped_objects() d where d.original and not d.is_temporary) then
        return;
      end if;
      select jsonb_agg(o.said), array_agg(o.said->>'name') filter (where o.said->>'name' is not null) into said, names
      from (
        select jsonb_build_object('type', d.object_type, 'identity', d.object_identity,
          'name', d.address_names[array_upper(d.address_names, 1)]) as said
        from pg_event_trigger_dropped_objects() d where d.original limit 20) as o;
    else
      -- An extension's own script comes back with the extension.
      if tg_tag not like '%EXTENSION' and exists (select from pg_event_trigger_ddl_commands() c where c.in_extension) then
        return;
      end if;
      select jsonb_agg(o.said), array_agg(o.said->>'name') filter (where o.said->>'name' is not null) into said, names
      from (
        select jsonb_build_object('type', c.object_type, 'identity', c.object_identity,
          'name', a.object_names[array_upper(a.object_names, 1)]) as said
        from pg_event_trigger_ddl_commands() c
        left join lateral pg_identify_object_as_address(c.classid, c.objid, c.objsubid) a on c.objid <> 0
        limit 20) as o;
    end if;
    if not exists (
      select from pg_event_trigger e
      where e.evtname = case tg_event when 'sql_drop' then 'holdfast_0_actor_drop' else 'holdfast_0_actor' end
        and e.evtenabled = 'A' and e.evtfoid = 'holdfast.note_actor()'::regprocedure
    ) then
      raise exception 'nobody noted who acted';
    end if;
    said := jsonb_build_object('version', 2, 'tag', tg_tag, 'role', actor,
      'searchPath', current_setting('holdfast.actor_path', true), 'statementAt', statement_timestamp(), 'objects', said);
    -- The client's text is the statement only where no function stands between: else it is whatever its caller sent.
    if strpos(stack, E'\n') = 0 then
      said := said || jsonb_build_object('statements', holdfast.statements_for(tg_tag, current_query(), false, names));
    elsif stack ~ '^[^\n]*\nSQL statement "' then
      said := said || jsonb_build_object('statements', holdfast.statements_for(tg_tag,
        substr(stack, strpos(stack, E'\nSQL statement "') + 16), true, names));
    else
      raise exception 'a function made it whose statement PostgreSQL does not tell';
    end if;
    kept := lower(said->>'statements');
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
          where r.oid >= 16384 and (r.rolname = actor or position(lower(r.rolname) in kept) > 0)
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
  exception
    when others then
      -- A change that could not be described is still told of, so that a roll-forward stops instead of going wrong. What
      -- the server says of it may quote the text.
      said := jsonb_build_object('version', 2, 'tag', tg_tag, 'statementAt', statement_timestamp(),
        'error', case when sqlstate = 'P0001' then sqlerrm else 'SQLSTATE ' || sqlstate end);
  end;
  insert into holdfast.schema_change (record) values (said);
end
$record$;

revoke all on function holdfast.note_actor(), holdfast.statements_for(text, text, boolean, text[]), holdfast.record_ddl() from public;

-- Forgets heartbeats, canaries and schema changes older than 48 hours, at most `batch` of each a call; answers how many
-- heartbeats went.
create or replace function holdfast.prune(batch integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $prune$
declare
  gone integer;
begin
  delete from holdfast.heartbeat
  where seq in (
    select h.seq
    from holdfast.heartbeat h
    where h.at < clock_timestamp() - interval '48 hours'
      -- The oldest rows have the lowest numbers: walking the key in order stops after the batch.
      and h.seq < (select min(o.seq) + batch from holdfast.heartbeat o)
  );
  get diagnostics gone = row_count;
  delete from holdfast.canary
  where id in (select c.id from holdfast.canary c where c.at < clock_timestamp() - interval '48 hours' limit batch);
  delete from holdfast.schema_change
  where seq in (
    select s.seq
    from holdfast.schema_change s
    where s.at < clock_timestamp() - interval '48 hours'
      and s.seq < (select min(o.seq) + batch from holdfast.schema_change o)
  );
  return gone;
end
$prune$;

-- The archive holds this table like the heartbeats, whatever the patterns are.
do $view$
declare
  definition text := pg_catalog.pg_get_viewdef('holdfast.archive_table'::pg_catalog.regclass);
begin
  if pg_catalog.strpos(definition, 'schema_change') = 0 then
    execute 'create or replace view holdfast.archive_table as '
      || pg_catalog.replace(definition, '''canary''::name', '''canary''::name, ''schema_change''::name');
  end if;
  if pg_catalog.strpos(pg_catalog.pg_get_viewdef('holdfast.archive_table'::pg_catalog.regclass), 'schema_change') = 0 then
    raise exception 'holdfast.archive_table does not hold holdfast.schema_change';
  end if;
end
$view$;
