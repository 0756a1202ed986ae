-- Our own statement bore a mark that was a row, and to look for it was to read a table that everybody's schema changes
-- write: of two serializable transactions that made a table at once one failed, because of us. The mark is a setting of
-- the transaction now, sealed with what only the owner can read and nobody writes: PostgreSQL follows no such reading.
create table holdfast.own_seal (
  one boolean primary key default true check (one),
  word text not null
);

comment on table holdfast.own_seal is 'Seals the mark of our own statements; only the owner reads it';

revoke all on holdfast.own_seal from public;

insert into holdfast.own_seal (word)
values (pg_catalog.concat(pg_catalog.gen_random_uuid(), pg_catalog.gen_random_uuid()));

-- Good for one kind of statement on one table, or on any, in this transaction alone.
create function holdfast.seal_own(tag text, relation oid)
returns text
language sql
volatile
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $seal$
  select encode(sha256(convert_to(concat_ws(' ', s.word, pg_backend_pid(), pg_current_xact_id(), coalesce($2::text, 'any'), $1), 'UTF8')), 'hex')
  from holdfast.own_seal s
$seal$;

-- Whether what an event trigger was called for is our own statement. DDL that somebody else's event trigger runs inside
-- ours has another tag or another table, and is theirs. A mark of somebody's own has not our seal.
create or replace function holdfast.is_own_change(tag pg_catalog.text)
returns pg_catalog.bool
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $own$
declare
  mark text := coalesce(current_setting('holdfast.own_change', true), '');
  marked oid;
begin
  if mark !~ '^(?:[0-9]{1,10} )?[0-9a-f]{64}$' then
    return false;
  end if;
  marked := nullif(split_part(mark, ' ', 1), mark)::bigint::oid;
  if right(mark, 64) <> holdfast.seal_own(tag, marked) then
    return false;
  end if;
  return marked is null or not exists (
    select from pg_event_trigger_ddl_commands() c where c.classid = 'pg_class'::regclass and c.objid <> marked);
end
$own$;

create or replace function holdfast.run_own(statement pg_catalog.text, tag pg_catalog.text, relation pg_catalog.oid, owner pg_catalog.oid)
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

drop table holdfast.own_change;

revoke all on function holdfast.seal_own(text, oid), holdfast.is_own_change(text),
  holdfast.run_own(text, text, oid, oid) from public;
