/**
 * One property at a time: what is refused there, and what just is not, in the surroundings that either needs. For
 * the sentences see the cases; here is every bound and every member of a list.
 */
export type Edge = {
  readonly at: string
  readonly refused?: readonly unknown[]
  readonly taken?: readonly unknown[]
  readonly beside?: { readonly [key: string]: unknown }
}

const NO_VAULT = { vault: { enabled: false } }
const ONE_ZONE = { database: { multiAz: false } }
const NO_STANDBY = { standby: { enabled: false }, objectives: { 'region-loss': { rpo: '1h', rto: '8h' } } }
const RICH = { budget: { monthlyUsd: 99_999 } }

export const EDGES: readonly Edge[] = [
  // Names
  { at: 'database.name', refused: ['template0', 'template1', 'rdsadmin', '1app', `a${'x'.repeat(63)}`] },
  { at: 'database.name', taken: [`a${'x'.repeat(62)}`] },
  { at: 'database.masterUsername', refused: ['1admin', 'rds_superuser', 'holdfast_archiver', 'user'] },
  { at: 'costCentre', refused: ['R&D', '', 'x'.repeat(257)], taken: ['x'.repeat(256)] },
  // Network
  { at: 'network.cidr', refused: [' 10.40.0.0/16', '10.40.0.0/16 ', '10.40.0.0'] },
  { at: 'network.cidr', refused: ['172.32.0.0/16', '192.169.0.0/16', '100.128.0.0/16', '9.0.0.0/16'] },
  { at: 'region', refused: ['virginia', 'xus-east-1', 'us-east-1a'] },
  { at: 'standbyRegion', taken: ['us-west-2'] },
  // Instances
  {
    at: 'database.replicas',
    beside: { ...NO_STANDBY, ...RICH },
    refused: [replicas(16)],
    taken: [replicas(15)],
  },
  {
    at: 'pool.maxConnectionsPercent',
    beside: { database: { instance: 't3.medium' } },
    refused: [96],
    taken: [95],
  },
  {
    at: 'pool.maxConnectionsPercent',
    beside: { database: { instance: 't3.micro' } },
    refused: [81],
    taken: [80],
  },
  { at: 'pool.borrowTimeout', refused: ['0s', '3601s'], taken: ['1s', '3600s'] },
  { at: 'pool.idleClientTimeout', refused: ['0s', '28801s'], taken: ['1s', '28800s'] },
  { at: 'cache.node', refused: ['xt3.micro', 't3.micro2', 'xr7g.large', 'r7g.large2', 't3.large'] },
  { at: 'cache.node', taken: ['t3.micro', 'm7g.2xlarge'], beside: RICH },
  // Disk
  { at: 'database.storage', taken: [{ type: 'io2', size: 400, max: 500, iops: 2_000 }], beside: RICH },
  {
    at: 'database.storage.iops',
    refused: [1_999],
    taken: [2_000],
    beside: { ...RICH, database: { storage: { type: 'io2', size: 4_000, max: 5_000 } } },
  },
  { at: 'database.storage', taken: [{ type: 'gp3', size: 59_578, max: 65_536 }], beside: RICH },
  // Time
  { at: 'database.backup.window', refused: [' 03:30-04:30', '03:30-04:30Z', '24:00-01:00', '03:60-04:30'] },
  { at: 'database.backup.window', refused: ['23:45-00:14'], taken: ['23:45-00:15'] },
  { at: 'database.maintenanceWindow', refused: ['xsun:05:30-sun:06:30', 'sun:05:30-sun:06:30Z'] },
  { at: 'database.maintenanceWindow', refused: ['xyz:05:30-sun:06:30', 'sun:05:30-xyz:06:30'] },
  { at: 'database.maintenanceWindow', taken: ['tue:09:01-tue:10:01', 'tue:07:00-tue:08:00'] },
  {
    at: 'database.maintenanceWindow',
    beside: { ...NO_VAULT, cache: { enabled: false }, database: { backup: { window: '23:45-00:15' } } },
    refused: ['mon:00:00-mon:00:30', 'sun:23:30-mon:00:00'],
    taken: ['mon:00:15-mon:00:45', 'sun:23:15-sun:23:45'],
  },
  { at: 'archive.retention', refused: ['36501d', '36h'], taken: ['36500d'] },
  { at: 'vault.retention', refused: ['36501d', '0d'], taken: ['36500d', '1d'], beside: RICH },
  { at: 'evidence.retention', refused: ['14h'] },
  // Objectives
  { at: "objectives['bad-write'].rto", refused: ['9m'], taken: ['10m'] },
  {
    at: "objectives['bad-write'].rto",
    beside: { archive: { enabled: false } },
    refused: ['9m'],
    taken: ['10m'],
  },
  {
    at: "objectives['instance-loss'].rto",
    beside: { ...ONE_ZONE, objectives: { 'instance-loss': { rpo: '5m', rto: '10m' } } },
    refused: ['9m'],
    taken: ['10m'],
  },
  {
    at: "drills['bad-write'].every",
    beside: { database: { backup: { retention: '1d' } } },
    refused: ['2d'],
    taken: ['1d'],
  },
  // Parameters
  ...[
    'archive_command',
    'archive_mode',
    'archive_timeout',
    'data_directory',
    'fsync',
    'full_page_writes',
    'hba_file',
    'listen_addresses',
    'port',
    'primary_conninfo',
    'restore_command',
    'ssl',
    'ssl_cert_file',
    'ssl_key_file',
    'unix_socket_directories',
    'wal_level',
  ].map(name => ({ at: `database.parameters.${name}`, refused: ['1'] })),
  ...['work_mem ', ' work_mem', '1work_mem', 'a.b.c'].map(name => ({
    at: `database.parameters['${name}']`,
    refused: ['1'],
  })),
  {
    at: 'database.parameters.synchronous_commit',
    refused: ['off', 'local', '0', 'FALSE'],
    taken: ['on', '1'],
  },
  {
    at: 'database.parameters.random_page_cost',
    refused: ['-1', 'low', '1,1', ''],
    taken: ['0', '1.1', '1e2'],
  },
  {
    at: 'database.parameters.vacuum_cost_limit',
    refused: ['0', '10001', '1.5', ' 200'],
    taken: ['1', '10000'],
  },
  { at: 'database.parameters.max_parallel_workers', refused: ['1025'], taken: ['1024'] },
  { at: 'database.parameters.track_io_timing', refused: ['2', 'yep', ''], taken: ['0', 'ON', 'true', 'no'] },
  { at: 'database.parameters.log_temp_files', refused: ['2147483648'], taken: ['2147483647', '-1'] },
  { at: 'database.parameters.TimeZone', taken: ['UTC'] },
  { at: 'database.parameters.track_commit_timestamp', refused: ['0', 'off', 'false', 'no'], taken: ['1'] },
  { at: 'database.parameters.password_encryption', refused: ['xscram-sha-256', 'scram-sha-256x', '1'] },
  { at: 'archive.tables[0]', refused: ['a.b.c', ' public.*', 'public.* ', '*.orders'] },
  { at: 'archive.tables[0]', refused: ['information_schema.*', 'holdfast.heartbeat', 'pg_toast.*'] },
  { at: 'archive.tables[0]', taken: ['my_pg_catalog.*', 'pgx.*', 'holdfast_2.*', 'public.a$b'] },
  // People
  { at: 'paging.email', refused: ['a b@c.d', 'a@b.c d', 'a@b'], taken: ['a@b.c'] },
  {
    at: 'paging.slack',
    refused: [
      { workspaceId: 'xT0123456789', channelId: 'C0123456789' },
      { workspaceId: 'T0123456789x', channelId: 'C0123456789' },
      { workspaceId: 'T0123456789', channelId: 'xC0123456789' },
      { workspaceId: 'T0123456789', channelId: 'C0123456789x' },
    ],
  },
]

function replicas(count: number) {
  return Array.from({ length: count }, (_, index) => ({ name: `read-${index + 1}` }))
}
