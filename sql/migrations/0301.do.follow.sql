-- Runs one DDL statement of ours, as the owner of the table where that is needed. RDS's master user is no superuser: it
-- may grant itself an owner's role. The membership begins and ends inside this function, and with a statement that
-- fails it is rolled back: one that stayed would, with an owner who logs in by IAM, make the master user a member of
-- rds_iam, which RDS then refuses every password. A membership that was there before is as it was afterwards.
create function holdfast.run_own(statement pg_catalog.text, tag pg_catalog.text, relation pg_catalog.oid, owner pg_catalog.oid)
returns pg_catalog.void
language plpgsql
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $run$
declare
  lender oid;
  had_inherit boolean;
  had_set boolean;
begin
  if owner is not null and not pg_has_role(current_user, owner, 'usage') then
    select m.inherit_option, m.set_option into had_inherit, had_set
    from pg_auth_members m
    where m.roleid = run_own.owner and m.member = current_user::regrole and m.grantor = current_user::regrole;
    begin
      execute format('grant %s to %s with inherit true', owner::regrole, current_user::regrole);
    exception
      when others then
        null; -- The statement below says what is missing.
    end;
    select m.grantor into lender
    from pg_auth_members m
    where m.roleid = run_own.owner and m.member = current_user::regrole and m.inherit_option
    order by m.oid desc
    limit 1;
  end if;
  perform set_config('holdfast.own_change', concat_ws(' ', relation, holdfast.seal_own(tag, relation)), true);
  execute statement;
  perform set_config('holdfast.own_change', '', true);
  if lender is not null then
    if had_inherit is not null then
      execute format('grant %s to %s with inherit %s, set %s', owner::regrole, current_user::regrole,
        had_inherit::text, had_set::text);
    else
      execute format('revoke %s from %s granted by %s', owner::regrole, current_user::regrole, lender::regrole);
    end if;
  end if;
end
$run$;

revoke all on function holdfast.run_own(text, text, oid, oid) from public;

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

-- Takes back what earlier versions granted the owner of this function for good: a membership that came in the very
-- transaction in which a table of that role joined a publication of ours. One that somebody made at any other moment is
-- theirs; where it leads to rds_iam it is told of, since RDS may refuse the member's password.
create function holdfast.take_grants_back()
returns table (thing text, done boolean, detail text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $back$
declare
  found record;
  timed boolean := current_setting('track_commit_timestamp') = 'on';
begin
  for found in
    select g.rolname,
      exists (
        select
        from pg_publication_rel r
        join pg_publication p on p.oid = r.prpubid and p.pubname in ('holdfast_archive', 'holdfast_archive_inserts')
        join pg_class c on c.oid = r.prrelid and c.relowner = m.roleid
        -- Subtransactions of one transaction commit together; without those times, in a row.
        where case when timed and pg_xact_commit_timestamp(m.xmin) is not null
          then pg_xact_commit_timestamp(m.xmin) = pg_xact_commit_timestamp(r.xmin)
          else age(m.xmin) - age(r.xmin) between 0 and 8 end) as is_ours,
      exists (select from pg_roles i where i.rolname = 'rds_iam' and pg_has_role(g.oid, i.oid, 'member')) as by_iam
    from pg_auth_members m
    join pg_roles g on g.oid = m.roleid
    where m.member = current_user::regrole and m.grantor = current_user::regrole
      and m.inherit_option and not m.admin_option and g.rolname !~ '^(pg_|rds)'
  loop
    thing := format('membership in %I', found.rolname);
    if found.is_ours then
      begin
        execute format('revoke %I from %s granted by %s', found.rolname, current_user::regrole, current_user::regrole);
        done := true;
        detail := 'taken back: an earlier version had granted it for good';
      exception
        when others then
          done := false;
          detail := format('could not be taken back: %s', sqlerrm);
      end;
      return next;
    elsif found.by_iam then
      done := false;
      detail := format('leads %s to rds_iam, and RDS may refuse its password; it was not granted by Holdfast: revoke %I from %1$s',
        current_user::regrole, found.rolname);
      return next;
    end if;
  end loop;
end
$back$;

revoke all on function holdfast.take_grants_back() from public;

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
