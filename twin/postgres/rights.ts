import type { Cluster } from './cluster.ts'
import { quoteIdentifier, quoteLiteral } from './quote.ts'

/**
 * RDS's roles. A master user is a member of rds_superuser with createrole, createdb and bypassrls; it is never a
 * superuser. Where the twin differs from RDS: rds_superuser's powers that PostgreSQL ties to superusers are given
 * by grants, by definer functions and, for event triggers, by the endpoint.
 */
export const perCluster = `
create role rds_superuser nologin;
create role rds_replication nologin;
create role rds_iam nologin;
create role rds_password nologin;
grant pg_monitor, pg_signal_backend, pg_checkpoint, pg_read_all_data, pg_write_all_data,
  pg_create_subscription, pg_use_reserved_connections, pg_maintain to rds_superuser with admin option;
grant rds_replication, rds_password to rds_superuser with admin option;
grant rds_iam to rds_superuser with admin true, inherit false, set false;
grant set on parameter
  session_replication_role, log_min_duration_statement, log_statement, log_min_messages, log_lock_waits,
  log_temp_files, log_autovacuum_min_duration, log_duration, log_parser_stats, log_planner_stats,
  log_executor_stats, log_statement_stats, log_error_verbosity, track_activities, track_counts, track_functions,
  track_io_timing, temp_file_limit, deadlock_timeout, lc_messages, wal_compression, update_process_title
  to rds_superuser;
`

/**
 * Built-in functions that PostgreSQL lets only a role with REPLICATION run, and RDS members of rds_replication.
 * Each is renamed, and a definer function of the same name and internals takes its place: PostgreSQL ignores
 * SECURITY DEFINER on the built-in ones themselves.
 */
const SLOT_FUNCTIONS = `
do $slots$
declare
  builtin record;
  definition text;
begin
  for builtin in
    select p.oid, p.proname, p.prosrc, pg_catalog.pg_get_function_identity_arguments(p.oid) as identity,
      pg_catalog.pg_get_functiondef(p.oid) as definition
    from pg_catalog.pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace and p.oid < 16384
      and p.proname in ('pg_create_logical_replication_slot', 'pg_create_physical_replication_slot',
        'pg_drop_replication_slot', 'pg_logical_slot_get_changes', 'pg_logical_slot_peek_changes',
        'pg_logical_slot_get_binary_changes', 'pg_logical_slot_peek_binary_changes',
        'pg_replication_slot_advance', 'pg_copy_logical_replication_slot', 'pg_copy_physical_replication_slot')
  loop
    execute pg_catalog.format('alter function pg_catalog.%I(%s) rename to %I',
      builtin.proname, builtin.identity, 'rds_' || builtin.proname || '_' || builtin.oid);
    definition := pg_catalog.replace(builtin.definition, 'LANGUAGE internal', 'LANGUAGE internal SECURITY DEFINER');
    execute definition;
    execute pg_catalog.format('revoke all on function pg_catalog.%I(%s) from public', builtin.proname, builtin.identity);
    execute pg_catalog.format('grant execute on function pg_catalog.%I(%s) to rds_replication, rds_superuser with grant option',
      builtin.proname, builtin.identity);
  end loop;
end $slots$;
`

/** Event triggers of rds_superuser: the endpoint hands their statements to this function, which runs them as rdsadmin. */
const EVENT_TRIGGERS = `
create procedure pg_catalog.rds_event_trigger_statement(statement text)
language plpgsql security definer as $body$
begin
  if not pg_catalog.pg_has_role(session_user, 'rds_superuser', 'member') then
    raise exception 'permission denied to change event triggers' using errcode = 'insufficient_privilege',
      hint = 'Must be a member of rds_superuser.';
  end if;
  if statement operator(pg_catalog.!~*) '^\\s*(create|alter|drop|comment\\s+on)\\s+event\\s+trigger\\s' or pg_catalog.strpos(statement, ';') operator(pg_catalog.>) 0 then
    raise exception 'not a statement about an event trigger' using errcode = 'insufficient_privilege';
  end if;
  execute statement;
end $body$;
`

const FUNCTIONS = `
grant execute on function pg_catalog.pg_replication_origin_create(text),
  pg_catalog.pg_replication_origin_drop(text), pg_catalog.pg_replication_origin_oid(text),
  pg_catalog.pg_replication_origin_session_setup(text), pg_catalog.pg_replication_origin_session_reset(),
  pg_catalog.pg_replication_origin_session_is_setup(), pg_catalog.pg_replication_origin_session_progress(boolean),
  pg_catalog.pg_replication_origin_xact_setup(pg_lsn, timestamptz), pg_catalog.pg_replication_origin_xact_reset(),
  pg_catalog.pg_replication_origin_advance(text, pg_lsn), pg_catalog.pg_replication_origin_progress(text, boolean),
  pg_catalog.pg_stat_reset(), pg_catalog.pg_stat_reset_shared(text),
  pg_catalog.pg_stat_reset_single_table_counters(oid), pg_catalog.pg_stat_reset_single_function_counters(oid),
  pg_catalog.pg_stat_reset_replication_slot(text), pg_catalog.pg_ls_waldir(), pg_catalog.pg_ls_archive_statusdir()
  to rds_superuser with grant option;
`

/** Run in every database of the template. */
export const perDatabase = `${SLOT_FUNCTIONS}${EVENT_TRIGGERS}${FUNCTIONS}`

/** In the database `rdsadmin`: the row by which even an idle primary commits, so that its archive has moments. */
export const heartbeatTable =
  'create table public.heartbeat (id int primary key, beaten timestamptz not null)'

/** Makes the master user of a new instance, the owner of its databases. Its password is SCRAM-hashed by the server. */
export async function createMaster(
  cluster: Cluster,
  master: { readonly user: string; readonly password: string; readonly database?: string },
): Promise<void> {
  const user = quoteIdentifier(master.user)
  await cluster.query(
    `create role ${user} login createrole createdb bypassrls password ${quoteLiteral(master.password)} valid until 'infinity'`,
  )
  await cluster.query(`grant rds_superuser to ${user} with admin option`)
  await cluster.query(`alter database postgres owner to ${user}`)
  if (master.database !== undefined && master.database !== 'postgres')
    await cluster.query(`create database ${quoteIdentifier(master.database)} owner ${user}`)
}

/** Gives a user a new password. */
export async function setPassword(cluster: Cluster, user: string, password: string): Promise<void> {
  await cluster.query(`alter role ${quoteIdentifier(user)} password ${quoteLiteral(password)}`)
}

/**
 * Lets a member of rds_replication open replication connections, for which PostgreSQL asks for an attribute of the
 * role. A standby cannot change its roles: there the attribute must have come from its source.
 */
export async function allowReplication(cluster: Cluster, user: string): Promise<boolean> {
  const [row] = await cluster.query(
    `select rolreplication as has, pg_catalog.pg_has_role(oid, 'rds_replication', 'usage') as may,
       pg_catalog.pg_is_in_recovery() as standby
     from pg_catalog.pg_roles where rolname = $1`,
    [user],
  )
  if (!row?.may) return false
  if (!row.has && !row.standby) await cluster.query(`alter role ${quoteIdentifier(user)} replication`)
  return true
}
