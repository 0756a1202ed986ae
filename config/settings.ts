/** What PostgreSQL takes for a setting. No `most`: as much as fits into 32 bits, or any real number. */
export type Setting = {
  readonly kind: 'boolean' | 'integer' | 'real' | 'text'
  readonly least?: number
  readonly most?: number
}

/**
 * Every setting of PostgreSQL that can be set at all, with its kind and its range; `@18` and `@17` where only that
 * major has it. What differs between the two is here in the wider form. A test compares with both servers.
 */
const SETTINGS = `
  DateStyle IntervalStyle TimeZone allow_alter_system=bool allow_in_place_tablespaces=bool
  allow_system_table_mods=bool application_name archive_cleanup_command archive_command archive_library
  archive_mode archive_timeout=int:0..1073741823 array_nulls=bool authentication_timeout=int:1..600
  autovacuum=bool autovacuum_analyze_scale_factor=real:0..100 autovacuum_analyze_threshold=int:0..
  autovacuum_freeze_max_age=int:100000..2000000000 autovacuum_max_workers=int:1..262143
  autovacuum_multixact_freeze_max_age=int:10000..2000000000 autovacuum_naptime=int:1..2147483
  autovacuum_vacuum_cost_delay=real:-1..100 autovacuum_vacuum_cost_limit=int:-1..10000
  autovacuum_vacuum_insert_scale_factor=real:0..100 autovacuum_vacuum_insert_threshold=int:-1..
  autovacuum_vacuum_max_threshold=int:-1..@18 autovacuum_vacuum_scale_factor=real:0..100
  autovacuum_vacuum_threshold=int:0.. autovacuum_work_mem=int:-1.. autovacuum_worker_slots=int:1..262143@18
  backend_flush_after=int:0..256 backslash_quote backtrace_functions bgwriter_delay=int:10..10000
  bgwriter_flush_after=int:0..256 bgwriter_lru_maxpages=int:0..1073741823 bgwriter_lru_multiplier=real:0..10
  bonjour=bool bonjour_name bytea_output check_function_bodies=bool checkpoint_completion_target=real:0..1
  checkpoint_flush_after=int:0..256 checkpoint_timeout=int:30..86400 checkpoint_warning=int:0..
  client_connection_check_interval=int:0.. client_encoding client_min_messages cluster_name
  commit_delay=int:0..100000 commit_siblings=int:0..1000 commit_timestamp_buffers=int:0..131072
  compute_query_id config_file constraint_exclusion cpu_index_tuple_cost=real:0.. cpu_operator_cost=real:0..
  cpu_tuple_cost=real:0.. createrole_self_grant cursor_tuple_fraction=real:0..1 data_directory
  data_sync_retry=bool deadlock_timeout=int:1.. debug_discard_caches=int:0..0 debug_io_direct
  debug_logical_replication_streaming debug_parallel_query debug_pretty_print=bool debug_print_parse=bool
  debug_print_plan=bool debug_print_rewritten=bool default_statistics_target=int:1..10000
  default_table_access_method default_tablespace default_text_search_config default_toast_compression
  default_transaction_deferrable=bool default_transaction_isolation default_transaction_read_only=bool
  dynamic_library_path dynamic_shared_memory_type effective_cache_size=int:1..
  effective_io_concurrency=int:0..1000 enable_async_append=bool enable_bitmapscan=bool
  enable_distinct_reordering=bool@18 enable_gathermerge=bool enable_group_by_reordering=bool
  enable_hashagg=bool enable_hashjoin=bool enable_incremental_sort=bool enable_indexonlyscan=bool
  enable_indexscan=bool enable_material=bool enable_memoize=bool enable_mergejoin=bool enable_nestloop=bool
  enable_parallel_append=bool enable_parallel_hash=bool enable_partition_pruning=bool
  enable_partitionwise_aggregate=bool enable_partitionwise_join=bool enable_presorted_aggregate=bool
  enable_self_join_elimination=bool@18 enable_seqscan=bool enable_sort=bool enable_tidscan=bool
  escape_string_warning=bool event_source event_triggers=bool exit_on_error=bool extension_control_path@18
  external_pid_file extra_float_digits=int:-15..3 file_copy_method@18 file_extend_method
  from_collapse_limit=int:1.. fsync=bool full_page_writes=bool geqo=bool geqo_effort=int:1..10
  geqo_generations=int:0.. geqo_pool_size=int:0.. geqo_seed=real:0..1 geqo_selection_bias=real:1.5..2
  geqo_threshold=int:2.. gin_fuzzy_search_limit=int:0.. gin_pending_list_limit=int:64..
  gss_accept_delegation=bool hash_mem_multiplier=real:1..1000 hba_file hot_standby=bool
  hot_standby_feedback=bool huge_page_size=int:0.. huge_pages icu_validation_level ident_file
  idle_in_transaction_session_timeout=int:0.. idle_replication_slot_timeout=int:0..@18
  idle_session_timeout=int:0.. ignore_checksum_failure=bool ignore_invalid_pages=bool
  ignore_system_indexes=bool io_combine_limit=int:1..128 io_max_combine_limit=int:1..128@18
  io_max_concurrency=int:-1..1024@18 io_method@18 io_workers=int:1..32@18 jit=bool jit_above_cost=real:-1..
  jit_debugging_support=bool jit_dump_bitcode=bool jit_expressions=bool jit_inline_above_cost=real:-1..
  jit_optimize_above_cost=real:-1.. jit_profiling_support=bool jit_provider jit_tuple_deforming=bool
  join_collapse_limit=int:1.. krb_caseins_users=bool krb_server_keyfile lc_messages lc_monetary lc_numeric
  lc_time listen_addresses lo_compat_privileges=bool local_preload_libraries lock_timeout=int:0..
  log_autovacuum_min_duration=int:-1.. log_checkpoints=bool log_connections log_destination log_directory
  log_disconnections=bool log_duration=bool log_error_verbosity log_executor_stats=bool
  log_file_mode=int:0..511 log_filename log_hostname=bool log_line_prefix log_lock_failures=bool@18
  log_lock_waits=bool log_min_duration_sample=int:-1.. log_min_duration_statement=int:-1..
  log_min_error_statement log_min_messages log_parameter_max_length=int:-1..1073741823
  log_parameter_max_length_on_error=int:-1..1073741823 log_parser_stats=bool log_planner_stats=bool
  log_recovery_conflict_waits=bool log_replication_commands=bool log_rotation_age=int:0..35791394
  log_rotation_size=int:0.. log_startup_progress_interval=int:0.. log_statement
  log_statement_sample_rate=real:0..1 log_statement_stats=bool log_temp_files=int:-1.. log_timezone
  log_transaction_sample_rate=real:0..1 log_truncate_on_rotation=bool logging_collector=bool
  logical_decoding_work_mem=int:64.. maintenance_io_concurrency=int:0..1000 maintenance_work_mem=int:64..
  max_active_replication_origins=int:0..262143@18 max_connections=int:1..262143
  max_files_per_process=int:64.. max_locks_per_transaction=int:10..
  max_logical_replication_workers=int:0..262143 max_notify_queue_pages=int:64..
  max_parallel_apply_workers_per_subscription=int:0..1024 max_parallel_maintenance_workers=int:0..1024
  max_parallel_workers=int:0..1024 max_parallel_workers_per_gather=int:0..1024
  max_pred_locks_per_page=int:0.. max_pred_locks_per_relation=int:-2147483648..
  max_pred_locks_per_transaction=int:10.. max_prepared_transactions=int:0..262143
  max_replication_slots=int:0..262143 max_slot_wal_keep_size=int:-1.. max_stack_depth=int:100..
  max_standby_archive_delay=int:-1.. max_standby_streaming_delay=int:-1..
  max_sync_workers_per_subscription=int:0..262143 max_wal_senders=int:0..262143 max_wal_size=int:2..
  max_worker_processes=int:0..262143 md5_password_warnings=bool@18 min_dynamic_shared_memory=int:0..
  min_parallel_index_scan_size=int:0..715827882 min_parallel_table_scan_size=int:0..715827882
  min_wal_size=int:2.. multixact_member_buffers=int:16..131072 multixact_offset_buffers=int:16..131072
  notify_buffers=int:16..131072 oauth_validator_libraries@18 parallel_leader_participation=bool
  parallel_setup_cost=real:0.. parallel_tuple_cost=real:0.. password_encryption plan_cache_mode
  port=int:1..65535 post_auth_delay=int:0..2147 pre_auth_delay=int:0..60 primary_conninfo primary_slot_name
  quote_all_identifiers=bool random_page_cost=real:0.. recovery_end_command recovery_init_sync_method
  recovery_min_apply_delay=int:0.. recovery_prefetch recovery_target recovery_target_action
  recovery_target_inclusive=bool recovery_target_lsn recovery_target_name recovery_target_time
  recovery_target_timeline recovery_target_xid recursive_worktable_factor=real:0.001..1000000
  remove_temp_files_after_crash=bool reserved_connections=int:0..262143 restart_after_crash=bool
  restore_command restrict_nonsystem_relation_kind row_security=bool scram_iterations=int:1.. search_path
  send_abort_for_crash=bool send_abort_for_kill=bool seq_page_cost=real:0..
  serializable_buffers=int:16..131072 session_preload_libraries session_replication_role
  shared_buffers=int:16..1073741823 shared_memory_type shared_preload_libraries ssl=bool ssl_ca_file
  ssl_cert_file ssl_ciphers ssl_crl_dir ssl_crl_file ssl_dh_params_file ssl_ecdh_curve@17 ssl_groups@18
  ssl_key_file ssl_max_protocol_version ssl_min_protocol_version ssl_passphrase_command
  ssl_passphrase_command_supports_reload=bool ssl_prefer_server_ciphers=bool ssl_tls13_ciphers@18
  standard_conforming_strings=bool statement_timeout=int:0.. stats_fetch_consistency
  subtransaction_buffers=int:0..131072 summarize_wal=bool superuser_reserved_connections=int:0..262143
  sync_replication_slots=bool synchronize_seqscans=bool synchronized_standby_slots synchronous_commit
  synchronous_standby_names syslog_facility syslog_ident syslog_sequence_numbers=bool
  syslog_split_messages=bool tcp_keepalives_count=int:0.. tcp_keepalives_idle=int:0..
  tcp_keepalives_interval=int:0.. tcp_user_timeout=int:0.. temp_buffers=int:100..1073741823
  temp_file_limit=int:-1.. temp_tablespaces timezone_abbreviations trace_connection_negotiation=bool
  trace_notify=bool trace_sort=bool track_activities=bool track_activity_query_size=int:100..1048576
  track_commit_timestamp=bool track_cost_delay_timing=bool@18 track_counts=bool track_functions
  track_io_timing=bool track_wal_io_timing=bool transaction_buffers=int:0..131072
  transaction_deferrable=bool transaction_isolation transaction_read_only=bool transaction_timeout=int:0..
  transform_null_equals=bool unix_socket_directories unix_socket_group unix_socket_permissions=int:0..511
  update_process_title=bool vacuum_buffer_usage_limit=int:0..16777216 vacuum_cost_delay=real:0..100
  vacuum_cost_limit=int:1..10000 vacuum_cost_page_dirty=int:0..10000 vacuum_cost_page_hit=int:0..10000
  vacuum_cost_page_miss=int:0..10000 vacuum_failsafe_age=int:0..2100000000
  vacuum_freeze_min_age=int:0..1000000000 vacuum_freeze_table_age=int:0..2000000000
  vacuum_max_eager_freeze_failure_rate=real:0..1@18 vacuum_multixact_failsafe_age=int:0..2100000000
  vacuum_multixact_freeze_min_age=int:0..1000000000 vacuum_multixact_freeze_table_age=int:0..2000000000
  vacuum_truncate=bool@18 wal_buffers=int:-1..262143 wal_compression wal_consistency_checking
  wal_decode_buffer_size=int:65536..1073741823 wal_init_zero=bool wal_keep_size=int:0.. wal_level
  wal_log_hints=bool wal_receiver_create_temp_slot=bool wal_receiver_status_interval=int:0..2147483
  wal_receiver_timeout=int:0.. wal_recycle=bool wal_retrieve_retry_interval=int:1..
  wal_sender_timeout=int:0.. wal_skip_threshold=int:0.. wal_summary_keep_time=int:0..35791394
  wal_sync_method wal_writer_delay=int:1..10000 wal_writer_flush_after=int:0.. work_mem=int:64.. xmlbinary
  xmloption zero_damaged_pages=bool
`

const PARTS = /^(\w+)(?:=(bool|int|real)(?::(-?[\d.]+)\.\.(-?[\d.]*))?)?(?:@(\d+))?$/
const KINDS = { bool: 'boolean', int: 'integer', real: 'real' } as const

/** The settings of a major version by name, without those of extensions, which have a dot in theirs. */
export function settingsOf(major: string): ReadonlyMap<string, Setting> {
  const entries = SETTINGS.trim()
    .split(/\s+/)
    .flatMap((token): [string, Setting][] => {
      const [, name = '', kind, least, most, only] = PARTS.exec(token) ?? []
      if (only !== undefined && only !== major) return []
      return [
        [
          name,
          {
            kind: KINDS[kind as keyof typeof KINDS] ?? 'text',
            ...(least && { least: Number(least) }),
            ...(most && { most: Number(most) }),
          },
        ],
      ]
    })
  return new Map(entries)
}

const MOST_INTEGER = 2 ** 31 - 1

/** Whether a parameter group may give the setting that value: a number stands alone there, in PostgreSQL's own unit. */
export function takes({ kind, least = -Infinity, most = Infinity }: Setting, value: string): boolean {
  if (kind === 'text') return true
  if (kind === 'boolean') return /^(0|1|on|off|true|false|yes|no)$/i.test(value)
  const form = kind === 'integer' ? /^-?\d+$/ : /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i
  const end = kind === 'integer' ? Math.min(most, MOST_INTEGER) : most
  return form.test(value) && Number(value) >= least && Number(value) <= end
}

/** What it takes, in words. */
export function wanted({ kind, least, most }: Setting): string {
  if (kind === 'boolean') return '"1" or "0"'
  const number = kind === 'integer' ? 'a whole number without a unit' : 'a number without a unit'
  return most === undefined ? `${number}, at least ${least}` : `${number}, from ${least} to ${most}`
}
