-- Repeats a recorded statement as the role that it was recorded of, under its search_path. It runs in a function of
-- that role's, from which nobody can change to another role, and with which the role gets nothing that it has not.
-- What a trigger was to do at the commit it does there too: before PostgreSQL 18 it would run as whoever commits.
-- The owner stands in for a superuser alone, who could do everything that it can. Answers whether it did.
create or replace function holdfast.repeat_on_copy(key text, actor text, path text, tag text, statement text)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $repeat$
declare
  stands_in boolean := exists (select from pg_roles r where r.rolname = actor and r.rolsuper);
  lent boolean := false;
begin
  perform holdfast.refuse_unless_holder(key);
  if actor is null or not exists (select from pg_roles r where r.rolname = actor) then
    raise exception 'the role % is not here', coalesce(actor, '(none)') using errcode = 'insufficient_privilege';
  end if;
  perform set_config('check_function_bodies', 'off', true);
  -- PL/pgSQL would take the INTO of a SELECT for its own.
  execute case when tag = 'SELECT INTO'
    then format('create function holdfast_roll_forward.act() returns void language sql security definer as %L',
      statement || E'\n; set constraints all immediate')
    else format('create function holdfast_roll_forward.act() returns void language plpgsql security definer as %L',
      format('begin execute %L; execute ''set constraints all immediate''; end', statement))
  end;
  if not stands_in and actor <> current_user then
    lent := holdfast.lend(actor);
    execute format('grant create on schema holdfast_roll_forward to %I', actor);
    execute format('alter function holdfast_roll_forward.act() owner to %I', actor);
    execute format('revoke create on schema holdfast_roll_forward from %I', actor);
    if lent then
      perform holdfast.take_back(actor);
    end if;
  end if;
  perform pg_catalog.set_config('search_path', path, true);
  perform holdfast_roll_forward.act();
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  drop function holdfast_roll_forward.act();
  return stands_in;
end
$repeat$;
