-- A session with standard_conforming_strings off reads every function that it calls in its own way: there '\s' is the
-- letter s. Such a session's schema changes were recorded without their statements, or with what must not be kept.
-- Whatever names its search_path names this too.
do $pin$
declare
  found record;
begin
  for found in
    select p.oid::pg_catalog.regprocedure as function
    from pg_catalog.pg_proc p
    where p.pronamespace = 'holdfast'::pg_catalog.regnamespace
      and exists (select from pg_catalog.unnest(p.proconfig) as c (setting) where pg_catalog.starts_with(c.setting, 'search_path='))
  loop
    execute pg_catalog.format('alter function %s set standard_conforming_strings = on', found.function);
  end loop;
end
$pin$;
