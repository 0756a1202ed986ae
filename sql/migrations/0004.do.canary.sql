-- Sentinels committed around the asked time, and the marks that tell a copy from the primary: a mark that was just
-- committed on the primary can be read in the primary and in its replicas, and in nothing else.
create table if not exists holdfast.canary (
  id uuid primary key,
  drill text not null,
  target timestamptz,
  planned integer,
  at timestamptz not null default pg_catalog.clock_timestamp()
);

comment on table holdfast.canary is 'Sentinels of drills; kept for 48 hours';

revoke all on holdfast.canary from public;
grant insert (id, drill, target, planned) on holdfast.canary to holdfast_examine;
grant select on holdfast.canary to holdfast_examine;
