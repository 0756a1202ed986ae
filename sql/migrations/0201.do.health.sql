-- What a health check asks, on any instance: how full it is of sessions, and how far behind. Facts and no verdict: how
-- much is too much is the asker's own. The role is for services: grant holdfast_health to <service>.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'holdfast_health') then
    begin
      create role holdfast_health nologin;
    exception when duplicate_object or unique_violation then null;
    end;
  end if;
end
$$;

-- A replica's age is that of its newest heartbeat, not of its last replayed transaction: the one grows when either the
-- replication or the primary stops, the other says nothing of a replica that lost its primary. Null where there was
-- none within the table's memory. `replicas` and what the slowest of them has not replayed are the primary's alone.
create or replace function holdfast.health()
returns table (
  is_replica boolean,
  connections integer,
  max_connections integer,
  connections_percent double precision,
  seconds_behind double precision,
  replicas integer,
  slowest_replica_seconds double precision
)
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $health$
  select
    pg_is_in_recovery(),
    used.count,
    current_setting('max_connections')::integer,
    round(100.0 * used.count / current_setting('max_connections')::integer, 1)::double precision,
    case
      when pg_is_in_recovery()
      then (select extract(epoch from clock_timestamp() - h.at) from holdfast.heartbeat h order by h.seq desc limit 1)
      else 0
    end,
    case when not pg_is_in_recovery() then followers.count end,
    case when not pg_is_in_recovery() then followers.slowest end
  from
    (select count(*)::integer from pg_stat_activity where backend_type = 'client backend') as used,
    (
      -- A replica that has replayed all there is has no lag to show.
      select count(*)::integer, max(coalesce(extract(epoch from replay_lag), 0)) as slowest
      from pg_stat_replication
      where state = 'streaming'
    ) as followers
$health$;

comment on function holdfast.health() is 'Sessions, their limit, and how far behind this instance or its slowest replica is';

revoke all on function holdfast.health() from public;
grant usage on schema holdfast to holdfast_health;
grant execute on function holdfast.health() to holdfast_health;
