import type pg from 'pg'
import type { Check } from '../../runtime/verdict.ts'
import { ask, several } from '../check.ts'

/** Categories of settings that are looked at one by one: each setting of these stands in one of the two lists below. */
export const WATCHED =
  /^(Client Connection Defaults|Version and Platform Compatibility|Preset Options|Developer Options)/

/** Settings that change what the same SQL answers, or does. */
export const COMPARED: readonly string[] = [
  ...['DateStyle', 'IntervalStyle', 'TimeZone', 'timezone_abbreviations', 'default_text_search_config'],
  ...['extra_float_digits', 'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time', 'icu_validation_level'],
  ...['gin_fuzzy_search_limit', 'bytea_output', 'check_function_bodies', 'createrole_self_grant'],
  ...['default_table_access_method', 'default_tablespace', 'default_toast_compression', 'temp_tablespaces'],
  ...['default_transaction_deferrable', 'default_transaction_isolation', 'default_transaction_read_only'],
  ...['event_triggers', 'restrict_nonsystem_relation_kind', 'row_security', 'search_path'],
  ...['session_replication_role', 'xmlbinary', 'xmloption', 'local_preload_libraries'],
  ...['session_preload_libraries', 'transform_null_equals', 'array_nulls', 'backslash_quote'],
  ...['lo_compat_privileges', 'quote_all_identifiers', 'standard_conforming_strings'],
  ...['block_size', 'data_checksums', 'integer_datetimes', 'max_function_args', 'max_identifier_length'],
  ...['max_index_keys', 'server_encoding', 'allow_system_table_mods', 'ignore_system_indexes'],
  ...['zero_damaged_pages', 'password_encryption', 'track_commit_timestamp'],
]

/** Settings of the watched categories that may differ, by their reason. */
export const MAY_DIFFER: Readonly<Record<string, readonly string[]>> = {
  'our own session sets them': [
    ...['client_encoding', 'transaction_deferrable', 'transaction_isolation', 'transaction_read_only'],
  ],
  'how long somebody may wait: no answer changes': [
    ...['idle_in_transaction_session_timeout', 'idle_session_timeout', 'lock_timeout', 'statement_timeout'],
    ...['transaction_timeout'],
  ],
  'when VACUUM freezes': [
    ...['vacuum_failsafe_age', 'vacuum_freeze_min_age', 'vacuum_freeze_table_age'],
    ...[
      'vacuum_multixact_failsafe_age',
      'vacuum_multixact_freeze_min_age',
      'vacuum_multixact_freeze_table_age',
    ],
  ],
  'what is said beside an answer': ['client_min_messages', 'escape_string_warning'],
  'the order of rows that nobody asked to be in order': ['synchronize_seqscans'],
  'how fast, or how much memory': ['gin_pending_list_limit', 'jit_provider'],
  'quarantine takes pg_cron out of the copy': ['shared_preload_libraries'],
  'the machine, not the database': [
    ...['dynamic_library_path', 'extension_control_path', 'data_directory_mode', 'debug_assertions'],
    ...['huge_pages_status', 'num_os_semaphores', 'shared_memory_size', 'shared_memory_size_in_huge_pages'],
    ...['segment_size', 'ssl_library', 'wal_block_size', 'wal_segment_size', 'allow_alter_system'],
  ],
  'identify compares the version': ['server_version', 'server_version_num'],
  'identify asks whether the copy still recovers': ['in_hot_standby'],
  'a copy may be read past a bad checksum on purpose; structure.checksums counts them': [
    'ignore_checksum_failure',
  ],
  'for the developers of PostgreSQL: what is done, not what is answered': [
    ...['allow_in_place_tablespaces', 'backtrace_functions', 'debug_discard_caches', 'debug_io_direct'],
    ...['debug_logical_replication_streaming', 'debug_parallel_query', 'ignore_invalid_pages'],
    ...['jit_debugging_support', 'jit_dump_bitcode', 'jit_expressions', 'jit_profiling_support'],
    ...['jit_tuple_deforming', 'post_auth_delay', 'pre_auth_delay', 'remove_temp_files_after_crash'],
    ...['send_abort_for_crash', 'send_abort_for_kill', 'trace_connection_negotiation', 'trace_notify'],
    ...['trace_sort', 'wal_consistency_checking', 'trace_locks', 'trace_lwlocks', 'trace_userlocks'],
    ...['debug_deadlocks', 'log_btree_build_stats', 'trace_syncscan', 'debug_copy_parse_plan_trees'],
    ...['debug_raw_expression_coverage_test', 'debug_write_read_parse_plan_trees'],
  ],
}

/**
 * What a new session gets, whatever ours set for itself. Those that a database or a role sets are rows of a catalog,
 * whose changes since the cut are known: `own` says so.
 */
const SETTINGS = `
select s.name, s.reset_val as setting, exists (
  select
  from pg_catalog.pg_db_role_setting d
  cross join lateral pg_catalog.unnest(d.setconfig) one
  where d.setdatabase in (0, (select b.oid from pg_catalog.pg_database b where b.datname = pg_catalog.current_database()))
    and d.setrole in (0, (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user))
    and pg_catalog.lower(pg_catalog.split_part(one, '=', 1)) = pg_catalog.lower(s.name)
) as own
from pg_catalog.pg_settings s
where s.name = any ($1)
order by 1`

type Setting = { readonly name: string; readonly setting: string | null; readonly own: boolean }

/** Does the same SQL mean the same in the copy? */
export async function compareSettings(copy: pg.Client, primary: pg.Client): Promise<Check> {
  const theirs = (await primary.query<Setting>(SETTINGS, [COMPARED])).rows
  const wanted = new Map(theirs.map(row => [row.name, row]))
  const judge = (rows: Setting[]): Pick<Check, 'verdict' | 'detail'> => {
    const compared = rows.filter(row => !row.own && !wanted.get(row.name)?.own)
    const other = compared.filter(row => wanted.get(row.name)?.setting !== row.setting)
    const words = other.map(
      row => `${row.name} is ${row.setting}, on the primary ${wanted.get(row.name)?.setting}`,
    )
    return words.length === 0
      ? { verdict: 'pass', detail: `${compared.length} settings that change answers are the primary's` }
      : { verdict: 'fail', detail: several(words) }
  }
  return ask<Setting>(copy, 'structure.settings', SETTINGS, judge, [COMPARED])
}
