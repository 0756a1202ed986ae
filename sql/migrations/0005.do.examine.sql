-- The examiner reads everything and owns nothing. Where the master user may not hand a right on, the migration goes
-- on with a warning and the examination reports what it could not read: it never passes what it has not seen.
do $examine$
declare
  extension text;
begin
  begin
    grant pg_monitor to holdfast_examine;
  exception
    when insufficient_privilege then
      raise warning 'pg_monitor could not be granted to holdfast_examine: %', sqlerrm;
  end;
  begin
    grant pg_read_all_data to holdfast_examine;
  exception
    when insufficient_privilege then
      raise warning 'pg_read_all_data could not be granted to holdfast_examine: %', sqlerrm;
  end;
  begin
    alter role holdfast_examine bypassrls;
  exception
    when insufficient_privilege then
      raise warning 'bypassrls could not be given to holdfast_examine: tables with row security will be reported as not compared';
  end;
  -- amcheck reads heaps and btrees, pg_prewarm every page of what amcheck does not know, and pg_visibility compares
  -- the map of rows that everybody sees with the rows, which no other check reads.
  foreach extension in array array['amcheck', 'pg_prewarm', 'pg_visibility'] loop
    begin
      execute pg_catalog.format('create extension if not exists %I with schema holdfast', extension);
    exception
      when insufficient_privilege or undefined_file or feature_not_supported then
        raise warning '% could not be created: %', extension, sqlerrm;
    end;
  end loop;
end
$examine$;

do $readers$
declare
  routine regprocedure;
begin
  for routine in
    select d.objid::regprocedure
    from pg_catalog.pg_depend d
    join pg_catalog.pg_extension e on e.oid = d.refobjid and e.extname in ('amcheck', 'pg_prewarm', 'pg_visibility')
    where d.classid = 'pg_catalog.pg_proc'::regclass
      and d.refclassid = 'pg_catalog.pg_extension'::regclass
      and d.deptype = 'e'
  loop
    begin
      execute pg_catalog.format('grant execute on function %s to holdfast_examine', routine);
    exception
      when insufficient_privilege then
        raise warning '% could not be granted to holdfast_examine: %', routine, sqlerrm;
    end;
  end loop;
end
$readers$;
