-- A row a second. The snapshot makes the cut readable inside a copy without trusting a clock: what it shows as
-- finished had its commit record in the log before this row's.
create table if not exists holdfast.heartbeat (
  seq bigint generated always as identity primary key,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  lsn pg_lsn not null default pg_catalog.pg_current_wal_insert_lsn(),
  snapshot text not null default pg_catalog.pg_current_snapshot()::text,
  -- The first eight digits of a log file's name are its timeline.
  timeline integer not null default
    ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer,
  instance text not null,
  code text not null
) with (
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 7200,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 20000,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 20000
);

comment on table holdfast.heartbeat is 'A row a second, written on the primary only: the newest one that survives in a copy says where the copy ends';

revoke all on holdfast.heartbeat from public;
-- Only these two columns: the time, the place in the log and the snapshot are the server's own word.
grant insert (instance, code) on holdfast.heartbeat to holdfast_heartbeat;
grant select on holdfast.heartbeat to holdfast_heartbeat, holdfast_examine, holdfast_archiver;

-- Forgets heartbeats and canaries older than 48 hours, at most `batch` of each a call; answers how many heartbeats went.
create or replace function holdfast.prune(batch integer)
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $prune$
declare
  gone integer;
begin
  delete from holdfast.heartbeat
  where seq in (
    select h.seq
    from holdfast.heartbeat h
    where h.at < clock_timestamp() - interval '48 hours'
      -- The oldest rows have the lowest numbers: walking the key in order stops after the batch.
      and h.seq < (select min(o.seq) + batch from holdfast.heartbeat o)
  );
  get diagnostics gone = row_count;
  delete from holdfast.canary
  where id in (select c.id from holdfast.canary c where c.at < clock_timestamp() - interval '48 hours' limit batch);
  return gone;
end
$prune$;

revoke all on function holdfast.prune(integer) from public;
grant execute on function holdfast.prune(integer) to holdfast_heartbeat;
