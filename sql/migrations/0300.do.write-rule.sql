-- Our own DDL must set off neither our recorder nor our follower. The mark is a setting of the transaction, which everybody
-- can make, sealed with what only the owner can read. A row for a mark would be read and written by everybody's schema
-- changes: of two serializable transactions that made a table at once one would fail, because of us.
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
create function holdfast.is_own_change(tag pg_catalog.text)
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

revoke all on function holdfast.seal_own(text, oid), holdfast.is_own_change(text) from public;

-- With the meaning that PostgreSQL's own operators give it: a database whose owner had made others could have bound this
-- view to those. The tables of ours that are archived are so whatever the patterns are.
create or replace view holdfast.archive_table as
select
  c.oid as oid,
  n.nspname as schema,
  c.relname as name,
  c.relowner as owner,
  c.relreplident as identity,
  -- What PostgreSQL itself asks before it lets an update of a published table through.
  c.relreplident = 'f' or exists (
    select
    from pg_catalog.pg_index i
    where i.indrelid = c.oid
      and i.indisvalid
      and i.indimmediate
      and case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end
  ) as identified,
  exists (
    select
    from pg_catalog.pg_index i
    where i.indrelid = c.oid and i.indisprimary and i.indisvalid and i.indimmediate
  ) as keyed
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r'
  and c.relpersistence = 'p'
  and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'holdfast_roll_forward')
  and (
    (n.nspname = 'holdfast' and c.relname in ('heartbeat', 'canary', 'schema_change'))
    or exists (
      select
      from holdfast.archive_pattern p
      join (
        select an.nspname, ac.relname
        from pg_catalog.pg_partition_ancestors(c.oid) a
        join pg_catalog.pg_class ac on ac.oid = a.relid
        join pg_catalog.pg_namespace an on an.oid = ac.relnamespace
        union
        select n.nspname, c.relname
      ) as family on p.pattern in (family.nspname || '.' || family.relname, family.nspname || '.*', '*.*')
      where n.nspname <> 'holdfast'
    )
  );

-- Which writes PostgreSQL refuses for each archived table: its own condition (GetRelationPublicationActions,
-- CheckCmdReplicaIdentity, pub_rf_contains_invalid_column, pub_contains_invalid_column), asked over every publication
-- that the table is in, ours and others', by name, by schema, by all tables and through the roots of partitions.
-- Refused writes are 1 for updates, 2 for deletes, 3 for both:
--   refused       as things are
--   without_us    with the identity that is not ours, outside holdfast_archive
--   by_key        with that identity, in holdfast_archive
--   by_whole_row  with replica identity full, in holdfast_archive
-- `base` is the identity that is not ours: the owner's choice, or the default where the index that was chosen is gone.
-- `follows` is whether a row can be told by that identity from what the stream carries.
create view holdfast.archive_rule as
select
  t.oid, t.schema, t.name, t.owner, t.identity, b.base, b.base = t.identity as untouched,
  w.relation is not null as ours,
  in_archive.yes as in_archive, in_inserts.yes as in_inserts,
  s.identified and (s.stored_travels or not (coalesce(b.key, '{}') && coalesce(g.generated, '{}'))) as follows,
  s.refused, s.without_us, s.by_key, s.by_whole_row,
  g.has_stored, g.has_virtual
from holdfast.archive_table t
join pg_catalog.pg_class c on c.oid = t.oid
left join holdfast.archive_whole_row w on w.relation = t.oid
cross join lateral (
  select
    (select (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1] from pg_catalog.pg_index i
     where i.indrelid = t.oid and i.indisprimary and i.indisvalid and i.indimmediate) as primary_key,
    (select (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1] from pg_catalog.pg_index i
     where i.indrelid = t.oid and i.indisreplident and i.indisvalid and i.indimmediate) as named_key
) as k
cross join lateral (
  select x.base, case x.base when 'd' then k.primary_key when 'i' then k.named_key end as key,
    case t.identity when 'd' then k.primary_key when 'i' then k.named_key end as key_now
  from (select case
    when t.identity = 'f' and w.relation is not null then 'd'
    when t.identity = 'i' and k.named_key is null then 'd'
    else t.identity end::pg_catalog."char" as base) as x
) as b
cross join lateral (
  select coalesce(bool_or(a.attgenerated = 's'), false) as has_stored,
    coalesce(bool_or(a.attgenerated = 'v'), false) as has_virtual,
    array_agg(a.attnum) filter (where a.attgenerated <> '') as generated
  from pg_catalog.pg_attribute a
  where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
) as g
cross join lateral (
  select exists (select from pg_catalog.pg_publication_rel r join pg_catalog.pg_publication p on p.oid = r.prpubid
    where r.prrelid = t.oid and p.pubname = 'holdfast_archive') as yes
) as in_archive
cross join lateral (
  select exists (select from pg_catalog.pg_publication_rel r join pg_catalog.pg_publication p on p.oid = r.prpubid
    where r.prrelid = t.oid and p.pubname = 'holdfast_archive_inserts') as yes
) as in_inserts
cross join lateral (
  select
    (b.base = 'f' or b.key is not null) as identified,
    coalesce(bool_or(p.is_ours and p.stored), false) as stored_travels,
    coalesce(bit_or(p.writes) filter (where p.refuses_now and (in_archive.yes or not p.is_ours)), 0) as refused,
    coalesce(bit_or(p.writes) filter (where p.refuses_base and not p.is_ours), 0) as without_us,
    coalesce(bit_or(p.writes) filter (where p.refuses_base), 0) as by_key,
    coalesce(bit_or(p.writes) filter (where p.refuses_whole), 0) as by_whole_row
  from (
    select q.is_ours, q.stored, q.writes,
      q.columns is not null or q.unpublished as refuses_whole,
      case when b.base = 'f' then q.columns is not null or q.unpublished
        else b.key is null or not q.filter <@ b.key
          or case when q.columns is not null then not b.key <@ q.columns
            else q.knows_generated and not q.stored and b.key && coalesce(g.generated, '{}') end
      end as refuses_base,
      case when t.identity = 'f' then q.columns is not null or q.unpublished
        else b.key_now is null or not q.filter <@ b.key_now
          or case when q.columns is not null then not b.key_now <@ q.columns
            else q.knows_generated and not q.stored and b.key_now && coalesce(g.generated, '{}') end
      end as refuses_now
    from (
      select
        p.pubname = 'holdfast_archive' as is_ours,
        p.pubupdate::pg_catalog.int4 + 2 * p.pubdelete::pg_catalog.int4 as writes,
        -- From 18 on a generated column of the identity must be published, and a virtual one never is.
        v.gencols is not null as knows_generated,
        v.gencols is not distinct from 's' as stored,
        v.gencols is not null and (g.has_virtual or g.has_stored and v.gencols <> 's') as unpublished,
        -- Of a partition that is published as its root: the root's list and filter, by the names of the columns.
        (select array_agg(own.attnum)
         from unnest(r.prattrs::pg_catalog.int2[]) as listed (attnum)
         join pg_catalog.pg_attribute theirs on theirs.attrelid = r.prrelid and theirs.attnum = listed.attnum
         join pg_catalog.pg_attribute own on own.attrelid = t.oid and own.attname = theirs.attname) as columns,
        coalesce((select array_agg(own.attnum)
         from pg_catalog.regexp_matches(r.prqual::pg_catalog.text, ':varattno (\d+)', 'g') as used (words)
         join pg_catalog.pg_attribute theirs on theirs.attrelid = r.prrelid and theirs.attnum = used.words[1]::pg_catalog.int2
         join pg_catalog.pg_attribute own on own.attrelid = t.oid and own.attname = theirs.attname), '{}') as filter
      from pg_catalog.pg_publication p
      cross join lateral (select pg_catalog.to_jsonb(p) ->> 'pubgencols' as gencols) as v
      left join lateral (
        select a.relid
        from pg_catalog.pg_partition_ancestors(t.oid) with ordinality as a (relid, place)
        join pg_catalog.pg_class ac on ac.oid = a.relid
        where c.relispartition and a.relid <> t.oid
          and (exists (select from pg_catalog.pg_publication_rel x where x.prpubid = p.oid and x.prrelid = a.relid)
            or exists (select from pg_catalog.pg_publication_namespace x where x.pnpubid = p.oid and x.pnnspid = ac.relnamespace))
        order by a.place desc
        limit 1
      ) as root on true
      left join pg_catalog.pg_publication_rel r on r.prpubid = p.oid and not p.puballtables
        and r.prrelid = case when p.pubviaroot then coalesce(root.relid, t.oid) else t.oid end
      where (p.pubupdate or p.pubdelete)
        and (p.pubname = 'holdfast_archive' or p.puballtables or root.relid is not null
          or exists (select from pg_catalog.pg_publication_rel x where x.prpubid = p.oid and x.prrelid = t.oid)
          or exists (select from pg_catalog.pg_publication_namespace x where x.pnpubid = p.oid and x.pnnspid = c.relnamespace))
    ) as q
  ) as p
) as s;

comment on view holdfast.archive_rule is 'Which writes PostgreSQL refuses for each archived table: as it is, without the archive, and in either way of archiving it';

revoke all on holdfast.archive_rule from public;

-- What the archive wants of each table: the way in which the fewest writes are refused, never more than without it.
-- Of two that are equal, the owner's identity before the whole row, and either before inserts alone.
create view holdfast.archive_plan as
select
  r.*,
  case w.way when 'key' then r.base when 'whole' then 'f'::pg_catalog."char"
    else case when r.ours then r.base else r.identity end end as wanted_identity,
  case w.way when 'inserts' then 'holdfast_archive_inserts' else 'holdfast_archive' end as wanted_publication,
  case
    when w.way <> 'inserts' then null
    when r.base = 'n' then 'its owner wants no replica identity'
    when r.has_virtual then 'it has no usable key, and a virtual generated column can be no part of a whole row'
    else 'any other way, another publication of it would refuse its updates or deletes'
  end as reason
from holdfast.archive_rule r
cross join lateral (
  select x.way
  from (values
    ('key', 1, r.follows, r.by_key),
    -- The whole row only for want of a key, or where it stands already and something leans on it.
    ('whole', 2, r.base <> 'n' and (not r.follows or r.ours and r.identity = 'f'), r.by_whole_row),
    ('inserts', 3, true, r.without_us)
  ) as x (way, preference, possible, refuses)
  where x.possible
  order by pg_catalog.bit_count(x.refuses::pg_catalog.bit(2)), x.preference
  limit 1
) as w;

comment on view holdfast.archive_plan is 'How each archived table should be identified and published';

revoke all on holdfast.archive_plan from public;
