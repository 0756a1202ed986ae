-- What could not be done is answered as the SQLSTATE alone: an error's message may quote rows. A table that is merely
-- called cron.job is its owner's, and so are its triggers: only the extension's own is touched.
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
  for found in select s.slot_name from pg_catalog.pg_replication_slots s where not s.active loop
    thing := pg_catalog.format('slot %I', found.slot_name);
    begin
      perform pg_catalog.pg_drop_replication_slot(found.slot_name);
      done := true;
      detail := 'dropped';
    exception
      when others then
        done := false;
        detail := sqlstate;
    end;
    return next;
  end loop;
  -- Disabled, not dropped: dropping would reach the publisher, whose slot belongs to production.
  for found in
    select s.subname
    from pg_catalog.pg_subscription s
    join pg_catalog.pg_database d on d.oid operator(pg_catalog.=) s.subdbid
    where d.datname operator(pg_catalog.=) pg_catalog.current_database() and s.subenabled
  loop
    thing := pg_catalog.format('subscription %I', found.subname);
    begin
      execute pg_catalog.format('alter subscription %I disable', found.subname);
      done := true;
      detail := 'disabled';
    exception
      when others then
        done := false;
        detail := sqlstate;
    end;
    return next;
  end loop;
  -- Where pg_cron is not loaded its table stays as it is: a change would be a difference to explain.
  if pg_catalog.current_setting('shared_preload_libraries') operator(pg_catalog.~~) '%pg_cron%' and exists (
    select
    from pg_catalog.pg_depend d
    join pg_catalog.pg_extension e on e.oid operator(pg_catalog.=) d.refobjid
    where d.classid operator(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
      and d.objid operator(pg_catalog.=) pg_catalog.to_regclass('cron.job')
      and d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
      and e.extname operator(pg_catalog.=) 'pg_cron'
      and d.deptype operator(pg_catalog.=) 'e'
  ) then
    thing := 'pg_cron jobs';
    begin
      execute 'update cron.job set active = false where active';
      done := true;
      detail := 'made inactive';
    exception
      when others then
        done := false;
        detail := sqlstate;
    end;
    return next;
  end if;
end
$quarantine$;
