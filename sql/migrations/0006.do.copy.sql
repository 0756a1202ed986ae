-- What may be done to a copy, and to nothing else. Everything below asks holdfast.is_copy() first.

-- The timeline that this server writes on.
create or replace function holdfast.timeline()
returns integer
language sql
stable
set search_path = pg_catalog, pg_temp
as $timeline$
  select case
    when pg_is_in_recovery() then null
    else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer
  end
$timeline$;

-- True only on a server that was recovered onto a timeline on which no heartbeat was ever written. On the primary the
-- newest heartbeats carry the primary's own timeline, also after a failover; without any heartbeat the answer is false.
create or replace function holdfast.is_copy()
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $is_copy$
  select coalesce(holdfast.timeline() > (select max(timeline) from holdfast.heartbeat), false)
$is_copy$;

create or replace function holdfast.refuse_unless_copy()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $refuse$
begin
  if not holdfast.is_copy() then
    raise exception 'this database is not a drill copy'
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'only a server recovered from a backup, on a timeline without heartbeats, may be changed by a drill';
  end if;
end
$refuse$;

-- Stops what a restored database would do by itself. Answers a line for each thing that it did or could not do.
create or replace function holdfast.quarantine()
returns table (thing text, done boolean, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $quarantine$
declare
  found record;
begin
  perform holdfast.refuse_unless_copy();
  for found in select slot_name from pg_replication_slots where not active loop
    thing := format('slot %I', found.slot_name);
    begin
      perform pg_drop_replication_slot(found.slot_name);
      done := true;
      detail := 'dropped';
    exception
      when others then
        done := false;
        detail := sqlerrm;
    end;
    return next;
  end loop;
  -- Disabled, not dropped: dropping would reach the publisher, whose slot belongs to production.
  for found in select s.subname from pg_subscription s join pg_database d on d.oid = s.subdbid
    where d.datname = current_database() and s.subenabled loop
    thing := format('subscription %I', found.subname);
    begin
      execute format('alter subscription %I disable', found.subname);
      done := true;
      detail := 'disabled';
    exception
      when others then
        done := false;
        detail := sqlerrm;
    end;
    return next;
  end loop;
  -- Where pg_cron is not loaded its table stays as it is: a change would be a difference to explain.
  if to_regclass('cron.job') is not null and current_setting('shared_preload_libraries') like '%pg_cron%' then
    thing := 'pg_cron jobs';
    begin
      execute 'update cron.job set active = false where active';
      done := true;
      detail := 'made inactive';
    exception
      when others then
        done := false;
        detail := sqlerrm;
    end;
    return next;
  end if;
end
$quarantine$;

-- Damages one thing, for a negative control. `place` is the ctid of the row for row-deleted and row-changed.
-- Answers what was damaged; raises when the owner of this function has not the right.
create or replace function holdfast.damage(kind text, target regclass, place tid)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $damage$
declare
  found record;
  touched bigint;
begin
  perform holdfast.refuse_unless_copy();
  begin
    -- Neither triggers nor foreign keys may spread the damage.
    perform set_config('session_replication_role', 'replica', true);
  exception
    when insufficient_privilege then
      null;
  end;

  if kind = 'row-deleted' then
    execute format('delete from only %s where ctid = $1', target) using place;
    get diagnostics touched = row_count;
    if touched <> 1 then
      raise exception 'no row at % of %', place, target using errcode = 'no_data_found';
    end if;
    return format('row %s of %s', place, target);
  end if;

  if kind = 'row-changed' then
    for found in
      select a.attname, t.typcategory, a.atttypid::regtype as type
      from pg_attribute a
      join pg_type t on t.oid = a.atttypid
      where a.attrelid = target and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        and t.typcategory in ('S', 'N', 'D', 'B') and t.typtype = 'b'
        and not exists (
          select from pg_index i where i.indrelid = target and i.indisunique and a.attnum = any (i.indkey)
        )
      order by t.typcategory <> 'N', a.attnum
    loop
      begin
        execute format(
          case found.typcategory
            when 'S' then 'update only %s set %I = case when left(%2$I, 1) = ''X'' then ''Y'' else ''X'' end || substr(coalesce(%2$I, ''''), 2) where ctid = $1'
            when 'N' then 'update only %s set %I = coalesce(%2$I, 0) + 1 where ctid = $1'
            when 'B' then 'update only %s set %I = not coalesce(%2$I, false) where ctid = $1'
            else 'update only %s set %I = coalesce(%2$I, ''2000-01-01'') + interval ''1 day'' where ctid = $1'
          end, target, found.attname) using place;
        get diagnostics touched = row_count;
        if touched = 1 then
          return format('column %I of row %s of %s', found.attname, place, target);
        end if;
      exception
        when others then
          -- A check or a domain forbids this value: the next column may take one.
          null;
      end;
    end loop;
    raise exception 'no column of % could be changed', target using errcode = 'feature_not_supported';
  end if;

  if kind = 'row-added' then
    if target = 'holdfast.canary'::regclass then
      insert into holdfast.canary (id, drill) values (gen_random_uuid(), 'damage');
      return 'a row of holdfast.canary that nobody planted';
    end if;
    execute format('insert into %s select t.* from only %1$s t where ctid = $1', target) using place;
    return format('a second row like %s of %s', place, target);
  end if;

  if kind = 'index-dropped' then
    for found in
      select i.indexrelid::regclass as index, c.conname
      from pg_index i
      left join pg_constraint c on c.conindid = i.indexrelid and c.conrelid = i.indrelid
      where i.indrelid = target
      order by c.conname is not null, i.indexrelid
    loop
      begin
        if found.conname is null then
          execute format('drop index %s', found.index);
        else
          execute format('alter table %s drop constraint %I', target, found.conname);
        end if;
        return format('index %s of %s', found.index, target);
      exception
        when dependent_objects_still_exist then
          -- A foreign key leans on it: the next index may be free.
          null;
      end;
    end loop;
    raise exception 'no index of % could be dropped', target using errcode = 'feature_not_supported';
  end if;

  if kind = 'grant-lost' then
    for found in
      select a.grantee::regrole as grantee, a.privilege_type as privilege
      from pg_class c, aclexplode(c.relacl) a
      where c.oid = target and a.grantee <> 0 and a.grantee <> c.relowner
    loop
      execute format('revoke %s on %s from %s', found.privilege, target, found.grantee);
      -- A REVOKE by one who did not grant warns and changes nothing.
      if not exists (
        select from pg_class c, aclexplode(c.relacl) a
        where c.oid = target and a.grantee = found.grantee and a.privilege_type = found.privilege
      ) then
        return format('%s on %s of %s', found.privilege, target, found.grantee);
      end if;
    end loop;
    raise exception '% has no grant to lose', target using errcode = 'feature_not_supported';
  end if;

  if kind = 'sequence-behind' then
    for found in
      select s.oid::regclass as sequence
      from pg_depend d
      join pg_class s on s.oid = d.objid and s.relkind = 'S'
      where d.refobjid = target and d.deptype in ('a', 'i')
    loop
      perform setval(found.sequence, (select seqmin from pg_sequence where seqrelid = found.sequence), false);
      return format('sequence %s of %s', found.sequence, target);
    end loop;
    raise exception '% has no sequence', target using errcode = 'feature_not_supported';
  end if;

  raise exception 'unknown damage "%"', kind using errcode = 'invalid_parameter_value';
end
$damage$;

revoke all on function holdfast.timeline(), holdfast.is_copy(), holdfast.refuse_unless_copy(), holdfast.quarantine(), holdfast.damage(text, regclass, tid) from public;
grant execute on function holdfast.timeline(), holdfast.is_copy(), holdfast.refuse_unless_copy(), holdfast.quarantine(), holdfast.damage(text, regclass, tid) to holdfast_examine;
