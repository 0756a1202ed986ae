-- Brings the two publications in step with holdfast.archive_table: all of it, or only the tables named.
-- Answers a line for each change and for each thing that could not be done; it never raises for one table's sake,
-- because it also runs inside other people's DDL.
create or replace function holdfast.follow_tables(only_tables oid[] default null)
returns table (thing text, done boolean, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $follow$
declare
  target record;
  wanted text;
  other text;
begin
  -- Our own DDL must not set off our own event triggers.
  perform set_config('holdfast.following', 'on', true);
  if not exists (select from pg_publication where pubname = 'holdfast_archive') then
    create publication holdfast_archive with (publish = 'insert, update, delete, truncate');
  end if;
  if not exists (select from pg_publication where pubname = 'holdfast_archive_inserts') then
    create publication holdfast_archive_inserts with (publish = 'insert, truncate');
  end if;

  for target in
    select t.oid, t.schema, t.name, t.identity, t.identified, t.keyed, t.owner, w.relation is not null as ours
    from holdfast.archive_table t
    left join holdfast.archive_whole_row w on w.relation = t.oid
    where only_tables is null or t.oid = any (only_tables)
    order by t.oid
  loop
    thing := format('%I.%I', target.schema, target.name);
    begin
      -- Whoever may grant the owner's role may take it: RDS's master user is no superuser and does not inherit it.
      if not pg_has_role(current_user, target.owner, 'usage') then
        execute format('grant %I to %I with inherit true', target.owner::regrole::text, current_user);
      end if;
    exception
      when others then
        null; -- The statements below say what is missing.
    end;

    -- Without a key the whole old row identifies a row. Someone who chose `nothing` meant it.
    if not target.identified and target.identity <> 'n' then
      begin
        execute format('alter table %I.%I replica identity full', target.schema, target.name);
        insert into holdfast.archive_whole_row values (target.oid) on conflict do nothing;
        target.identified := true;
        done := true;
        detail := 'identified by its whole row, since it has no usable key';
        return next;
      exception
        when others then
          done := false;
          detail := format('only its inserts are archived: %s', sqlerrm);
          return next;
      end;
    end if;

    -- What we did for want of a key ends with the key: a whole row for each change is a scan for each change elsewhere.
    if target.ours and (target.keyed or target.identity <> 'f') then
      begin
        if target.identity = 'f' then
          execute format('alter table %I.%I replica identity default', target.schema, target.name);
          done := true;
          detail := 'identified by its key again';
          return next;
        end if;
        delete from holdfast.archive_whole_row where relation = target.oid;
      exception
        when others then
          done := false;
          detail := format('still identified by its whole row: %s', sqlerrm);
          return next;
      end;
    end if;

    wanted := case when target.identified then 'holdfast_archive' else 'holdfast_archive_inserts' end;
    other := case when target.identified then 'holdfast_archive_inserts' else 'holdfast_archive' end;
    begin
      -- Out of the other first: a table that lost its key must leave the publication that blocks its updates,
      -- whether or not it can join the one that does not.
      if exists (select from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
          where r.prrelid = target.oid and p.pubname = other) then
        execute format('alter publication %I drop table %I.%I', other, target.schema, target.name);
      end if;
    exception
      when others then
        done := false;
        detail := format('could not leave %s: %s', other, sqlerrm);
        return next;
    end;
    begin
      if not exists (select from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
          where r.prrelid = target.oid and p.pubname = wanted) then
        execute format('alter publication %I add table only %I.%I', wanted, target.schema, target.name);
        done := true;
        detail := format('joined %s', wanted);
        return next;
      end if;
    exception
      when others then
        done := false;
        detail := format('not archived: %s', sqlerrm);
        return next;
    end;
  end loop;

  delete from holdfast.archive_whole_row w
  where not exists (select from pg_class c where c.oid = w.relation);

  -- What no pattern names any more.
  for target in
    select p.pubname, n.nspname, c.relname
    from pg_publication_rel r
    join pg_publication p on p.oid = r.prpubid
    join pg_class c on c.oid = r.prrelid
    join pg_namespace n on n.oid = c.relnamespace
    where p.pubname in ('holdfast_archive', 'holdfast_archive_inserts')
      and (only_tables is null or c.oid = any (only_tables))
      and not exists (select from holdfast.archive_table t where t.oid = c.oid)
  loop
    thing := format('%I.%I', target.nspname, target.relname);
    begin
      execute format('alter publication %I drop table %I.%I', target.pubname, target.nspname, target.relname);
      done := true;
      detail := format('left %s: no pattern names it', target.pubname);
    exception
      when others then
        done := false;
        detail := format('could not leave %s: %s', target.pubname, sqlerrm);
    end;
    return next;
  end loop;
  perform set_config('holdfast.following', 'off', true);
end
$follow$;

-- What migrate calls: remembers the patterns and follows them.
create or replace function holdfast.set_archive_tables(patterns text[])
returns table (thing text, done boolean, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $set$
begin
  delete from holdfast.archive_pattern where pattern <> all (patterns);
  insert into holdfast.archive_pattern select distinct unnest(patterns) on conflict do nothing;
  return query select f.thing, f.done, f.detail from holdfast.follow_tables() f;
end
$set$;

-- For the archiver, when a publication is gone: the rights are the owner's, the decision is not the caller's.
revoke all on function holdfast.follow_tables(oid[]), holdfast.set_archive_tables(text[]) from public;
grant execute on function holdfast.follow_tables(oid[]) to holdfast_archiver;
