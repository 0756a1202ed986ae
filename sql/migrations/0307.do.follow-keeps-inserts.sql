-- As before, except that a table which stays locked at a second try goes back to where its inserts are archived: it
-- had left that publication for the other one, and was in neither.

-- Brings the two publications in step with holdfast.archive_plan: all of it, or only the tables named. Answers a line
-- for each change and for each thing that could not be done; it never raises for one table's sake, because it also runs
-- inside other people's DDL. It gives up a lock before anybody's deadlock detection would look for a victim.
create or replace function holdfast.follow_tables(only_tables oid[] default null)
returns table (thing text, done boolean, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms'
as $follow$
declare
  target record;
  other text;
begin
  if not exists (select from pg_publication where pubname = 'holdfast_archive') then
    perform holdfast.run_own($$create publication holdfast_archive with (publish = 'insert, update, delete, truncate')$$,
      'CREATE PUBLICATION', null, null);
  end if;
  if not exists (select from pg_publication where pubname = 'holdfast_archive_inserts') then
    perform holdfast.run_own($$create publication holdfast_archive_inserts with (publish = 'insert, truncate')$$,
      'CREATE PUBLICATION', null, null);
  end if;
  -- A whole row holds the stored generated columns too, and 18 refuses to update a table whose identity is not published.
  if exists (select from pg_publication p where p.pubname = 'holdfast_archive' and to_jsonb(p) ->> 'pubgencols' <> 's') then
    thing := 'holdfast_archive';
    begin
      perform holdfast.run_own('alter publication holdfast_archive set (publish_generated_columns = stored)',
        'ALTER PUBLICATION', null, null);
      done := true;
      detail := 'publishes stored generated columns';
    exception
      when others then
        done := false;
        detail := format('does not publish stored generated columns: %s', sqlerrm);
    end;
    return next;
  end if;

  for target in
    select p.*
    from holdfast.archive_plan p
    where (only_tables is null or p.oid = any (only_tables))
      and (p.wanted_identity <> p.identity or p.ours and p.identity <> 'f'
        or p.in_archive <> (p.wanted_publication = 'holdfast_archive')
        or p.in_inserts <> (p.wanted_publication = 'holdfast_archive_inserts'))
    order by p.oid
  loop
    thing := format('%I.%I', target.schema, target.name);
    other := case target.wanted_publication when 'holdfast_archive' then 'holdfast_archive_inserts' else 'holdfast_archive' end;

    -- Out of the publication of all changes first, where it is to leave that: nothing that fails below may keep it in.
    if (case other when 'holdfast_archive' then target.in_archive else target.in_inserts end) then
      begin
        perform holdfast.run_own(format('alter publication %I drop table only %I.%I', other, target.schema, target.name),
          'ALTER PUBLICATION', null, null);
        done := true;
        detail := format('left %s', other);
      exception
        when others then
          done := false;
          detail := format('could not leave %s: %s', other, sqlerrm);
      end;
      return next;
    end if;

    if target.wanted_identity <> target.identity then
      begin
        perform holdfast.run_own(format('alter table only %I.%I replica identity %s', target.schema, target.name,
          case target.wanted_identity when 'f' then 'full' else 'default' end), 'ALTER TABLE', target.oid, target.owner);
        if target.wanted_identity = 'f' then
          insert into holdfast.archive_whole_row values (target.oid) on conflict do nothing;
          detail := 'identified by its whole row, since it has no usable key';
        else
          delete from holdfast.archive_whole_row where relation = target.oid;
          detail := case when target.wanted_publication = 'holdfast_archive'
            then 'identified by its key again' else 'no longer identified by its whole row' end;
        end if;
        done := true;
      exception
        when others then
          done := false;
          detail := format('its replica identity could not be changed: %s', sqlerrm);
      end;
      return next;
    elsif target.ours and target.identity <> 'f' then
      delete from holdfast.archive_whole_row where relation = target.oid;
    end if;

    if not (case target.wanted_publication when 'holdfast_archive' then target.in_archive else target.in_inserts end) then
      begin
        -- Asked again: what was to make this harmless may not have been possible.
        if target.wanted_publication = 'holdfast_archive' and exists (
            select from holdfast.archive_rule r
            where r.oid = target.oid
              and (case when r.identity = 'f' and r.ours then r.by_whole_row
                when r.untouched then r.by_key else 3 end) & ~r.without_us <> 0) then
          -- Asked again too: it has just left that publication, to join the other one.
          if not exists (select from holdfast.archive_rule r where r.oid = target.oid and r.in_inserts) then
            perform holdfast.run_own(format('alter publication holdfast_archive_inserts add table only %I.%I',
              target.schema, target.name), 'ALTER PUBLICATION', null, target.owner);
          end if;
          done := false;
          detail := 'only its inserts are archived';
        else
          perform holdfast.run_own(format('alter publication %I add table only %I.%I', target.wanted_publication,
            target.schema, target.name), 'ALTER PUBLICATION', null, target.owner);
          done := true;
          detail := concat_ws(': ', format('joined %s', target.wanted_publication), target.reason);
        end if;
      exception
        when others then
          done := false;
          detail := format('not archived: %s', sqlerrm);
      end;
      return next;
    end if;
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
      perform holdfast.run_own(format('alter publication %I drop table only %I.%I', target.pubname, target.nspname, target.relname),
        'ALTER PUBLICATION', null, null);
      done := true;
      detail := format('left %s: no pattern names it', target.pubname);
    exception
      when others then
        done := false;
        detail := format('could not leave %s: %s', target.pubname, sqlerrm);
    end;
    return next;
  end loop;

  -- Known, not hoped: no write is refused that would not be refused without us.
  for target in
    select r.oid, r.schema, r.name
    from holdfast.archive_rule r
    where (only_tables is null or r.oid = any (only_tables)) and r.in_archive and r.refused & ~r.without_us <> 0
  loop
    thing := format('%I.%I', target.schema, target.name);
    begin
      perform holdfast.run_own(format('alter publication holdfast_archive drop table only %I.%I', target.schema, target.name),
        'ALTER PUBLICATION', null, null);
      done := true;
      detail := 'left holdfast_archive, which refused its writes';
    exception
      when others then
        done := false;
        detail := format('WRITES ARE REFUSED: it could not leave holdfast_archive: %s', sqlerrm);
    end;
    return next;
  end loop;
end
$follow$;

revoke all on function holdfast.follow_tables(oid[]) from public;
grant execute on function holdfast.follow_tables(oid[]) to holdfast_archiver;
