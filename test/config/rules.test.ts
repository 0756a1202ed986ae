import { describe, expect, test } from '@jest/globals'
import { RULES } from '../../config/rules.ts'
import { environmentSchema } from '../../config/schema.ts'
import { draft, faultsOf } from './draft.ts'

type Patch = { readonly [key: string]: unknown }

/** Behaviour, what breaks it, what must not, where the fault is told and what it says. */
type Case = readonly [behaviour: string, fault: Patch, nearMiss: Patch, path: string, sentence: RegExp]

const CASES: Readonly<Record<string, readonly Case[]>> = {
  names: [
    [
      'refuses an app name that makes a derived AWS name too long',
      { app: 'a23456789012345678901234567' },
      { app: 'a2345678901234567890123456' },
      'app',
      /"a23.*-prod-evidence-111111111111-us-east-1" of the bucket in us-east-1 has 64 characters, AWS takes 63/,
    ],
    [
      'refuses a replica whose identifier RDS would not take',
      { database: { replicas: [{ name: `r${'x'.repeat(53)}` }] } },
      { database: { replicas: [{ name: `r${'x'.repeat(52)}` }] } },
      'database.replicas[0].name',
      /longer than the 63 characters/,
    ],
    [
      'refuses an app that would let drills delete production',
      { app: 'drill' },
      { app: 'drills' },
      'app',
      /production would be called "drill-prod"/,
    ],
    [
      'refuses two replicas of one name',
      { database: { replicas: [{ name: 'read' }, { name: 'read' }] } },
      { database: { replicas: [{ name: 'read' }, { name: 'read-2' }] } },
      'database.replicas[1].name',
      /another replica has this name/,
    ],
    [
      'refuses a replica that takes the standby’s name',
      { database: { replicas: [{ name: 'standby' }] } },
      { database: { replicas: [{ name: 'standby-2' }] } },
      'database.replicas[0].name',
      /the standby database/,
    ],
    [
      'refuses a database name with a hyphen',
      { database: { name: 'my-app' } },
      { database: { name: 'my_app' } },
      'database.name',
      /1 to 63 letters, digits and underscores/,
    ],
    [
      'refuses a database that exists already',
      { database: { name: 'postgres' } },
      { database: { name: 'postgres2' } },
      'database.name',
      /exists already or a reserved word/,
    ],
    [
      'refuses a reserved word as a database name',
      { database: { name: 'Order' } },
      { database: { name: 'orders' } },
      'database.name',
      /reserved word/,
    ],
    [
      'refuses a master name of 17 characters',
      { database: { masterUsername: 'a2345678901234567' } },
      { database: { masterUsername: 'a234567890123456' } },
      'database.masterUsername',
      /1 to 16 letters/,
    ],
    [
      'refuses a reserved master name',
      { database: { masterUsername: 'admin' } },
      { database: { masterUsername: 'administrator' } },
      'database.masterUsername',
      /reserved by RDS/,
    ],
    [
      'refuses an owner that no tag can hold',
      { owner: 'R&D' },
      { owner: 'R+D @ shop' },
      'owner',
      /a tag takes/,
    ],
  ],
  network: [
    [
      'refuses a range with address bits beyond its prefix',
      { network: { cidr: '10.40.1.0/16' } },
      { network: { cidr: '10.40.0.0/16' } },
      'network.cidr',
      /no IPv4 range/,
    ],
    [
      'refuses a range larger than a VPC',
      { network: { cidr: '10.32.0.0/15' } },
      { network: { cidr: '10.32.0.0/16' } },
      'network.cidr',
      /\/16 to \/28/,
    ],
    [
      'refuses a range of the internet',
      { network: { cidr: '11.40.0.0/16' } },
      { network: { cidr: '100.64.0.0/16' } },
      'network.cidr',
      /belongs to the internet/,
    ],
    [
      'refuses a network too small for its subnets',
      { network: { standbyCidr: '10.41.0.0/25' } },
      { network: { standbyCidr: '10.41.0.0/24' } },
      'network.standbyCidr',
      /fewer than 32 addresses/,
    ],
    [
      'refuses overlapping networks of the two regions',
      { network: { cidr: '10.40.0.0/16', standbyCidr: '10.40.128.0/17' } },
      { network: { cidr: '10.40.0.0/17', standbyCidr: '10.40.128.0/17' } },
      'network.standbyCidr',
      /overlaps network.cidr/,
    ],
    [
      'refuses a region that is none',
      { standbyRegion: 'oregon' },
      { standbyRegion: 'us-west-2' },
      'standbyRegion',
      /no AWS region/,
    ],
    [
      'refuses the same region twice',
      { standbyRegion: 'us-east-1' },
      { standbyRegion: 'us-west-2' },
      'standbyRegion',
      /losing it would lose both/,
    ],
    [
      'refuses regions of two partitions',
      { standbyRegion: 'us-gov-west-1' },
      { standbyRegion: 'us-west-2' },
      'standbyRegion',
      /partition/,
    ],
    [
      'refuses more NAT gateways than zones',
      { network: { zones: 2, natGateways: 3 } },
      { network: { zones: 3, natGateways: 3 } },
      'network.natGateways',
      /more NAT gateways/,
    ],
  ],
  instances: [
    [
      'refuses an instance class nobody knows',
      { database: { instance: 'r6g.huge' } },
      { database: { instance: 'r6g.2xlarge' } },
      'database.instance',
      /no instance class/,
    ],
    [
      'refuses a replica whose max_connections would stop replay',
      { database: { instance: 'r6g.xlarge', replicas: [{ name: 'read', instance: 'r6g.large' }] } },
      { database: { instance: 'r6g.xlarge', replicas: [{ name: 'read', instance: 'm6g.2xlarge' }] } },
      'database.replicas[0].instance',
      /stops replay on a standby/,
    ],
    [
      'refuses a standby smaller than its source',
      { standby: { instance: 't4g.medium' } },
      { standby: { instance: 'r6g.large' } },
      'standby.instance',
      /stops replay on a standby/,
    ],
    [
      'refuses more than 15 replicas, the standby counted',
      { database: { replicas: replicas(15) }, budget: { monthlyUsd: 99_999 } },
      { database: { replicas: replicas(14) }, budget: { monthlyUsd: 99_999 } },
      'database.replicas',
      /at most 15 replicas, these are 16 with the standby/,
    ],
    [
      'refuses a managed master password beside a replica',
      {
        database: { password: 'rds-managed', replicas: [{ name: 'read' }] },
        standby: { enabled: false },
        ...NO_REGION_LOSS(),
      },
      { database: { password: 'rds-managed' }, standby: { enabled: false }, ...NO_REGION_LOSS() },
      'database.password',
      /cannot create a read replica/,
    ],
    [
      'refuses a managed master password beside a standby',
      { database: { password: 'rds-managed' } },
      { database: { password: 'rotated-secret' } },
      'database.password',
      /cannot create a read replica/,
    ],
    [
      'refuses a major version that is too old',
      { database: { engineVersion: '16' } },
      { database: { engineVersion: '17' } },
      'database.engineVersion',
      /PostgreSQL 16 is not supported/,
    ],
    [
      'refuses a minor version that RDS does not offer',
      { database: { engineVersion: '18.9' } },
      { database: { engineVersion: '18.3' } },
      'database.engineVersion',
      /18\.1 to 18\.3/,
    ],
    [
      'refuses a pool that leaves nobody else a connection',
      { pool: { maxConnectionsPercent: 99 } },
      { pool: { maxConnectionsPercent: 98 } },
      'pool.maxConnectionsPercent',
      /would leave 16 of 1622 connections/,
    ],
    [
      'refuses a pool that waits longer than the proxy does',
      { pool: { borrowTimeout: '2h' } },
      { pool: { borrowTimeout: '1h' } },
      'pool.borrowTimeout',
      /1 second and 1 hour/,
    ],
    [
      'refuses an idle client beyond the proxy’s limit',
      { pool: { idleClientTimeout: '9h' } },
      { pool: { idleClientTimeout: '8h' } },
      'pool.idleClientTimeout',
      /1 second and 8 hours/,
    ],
    [
      'refuses a Valkey that ElastiCache does not offer',
      { cache: { engineVersion: '6.0' } },
      { cache: { engineVersion: '8.0' } },
      'cache.engineVersion',
      /Valkey 7\.2, 8\.0, 8\.1/,
    ],
    [
      'refuses a single cache node beside a Multi-AZ database',
      { cache: { nodes: 1 } },
      { cache: { nodes: 2 } },
      'cache.nodes',
      /has one node/,
    ],
  ],
  disk: [
    [
      'refuses gp3 below 20 GiB',
      { database: { storage: { size: 19 } } },
      { database: { storage: { size: 20 } } },
      'database.storage.size',
      /gp3 takes 20 to 65536 GiB/,
    ],
    [
      'refuses io2 below 100 GiB',
      { database: { storage: { type: 'io2', size: 99, iops: 2_000 } } },
      { database: { storage: { type: 'io2', size: 100, iops: 2_000 } } },
      'database.storage.size',
      /io2 takes 100/,
    ],
    [
      'refuses a ceiling less than a tenth above the size',
      { database: { storage: { size: 100, max: 109 } } },
      { database: { storage: { size: 100, max: 110 } } },
      'database.storage.max',
      /at least a tenth above/,
    ],
    [
      'refuses a ceiling beyond the largest disk',
      { database: { storage: { max: 65_537 } } },
      { database: { storage: { max: 65_536 } } },
      'database.storage.max',
      /ends at 65536/,
    ],
    [
      'refuses IOPS on a small gp3',
      { database: { storage: { size: 399, iops: 12_000 } } },
      { database: { storage: { size: 400, iops: 12_000 } } },
      'database.storage.iops',
      /below 400 GiB/,
    ],
    [
      'refuses throughput on a small gp3',
      { database: { storage: { throughput: 500 } } },
      { database: { storage: { size: 400, throughput: 500 } } },
      'database.storage.throughput',
      /below 400 GiB/,
    ],
    [
      'refuses gp3 IOPS below the free baseline',
      { database: { storage: { size: 400, iops: 11_999 } } },
      { database: { storage: { size: 400, iops: 12_000 } } },
      'database.storage.iops',
      /12000 to 64000/,
    ],
    [
      'refuses gp3 throughput beyond its limit',
      {
        database: { storage: { size: 400, iops: 64_000, throughput: 4_001 } },
        budget: { monthlyUsd: 99_999 },
      },
      {
        database: { storage: { size: 400, iops: 64_000, throughput: 4_000 } },
        budget: { monthlyUsd: 99_999 },
      },
      'database.storage.throughput',
      /500 to 4000/,
    ],
    [
      'refuses gp3 throughput that its IOPS cannot carry',
      { database: { storage: { size: 400, throughput: 3_001 } }, budget: { monthlyUsd: 99_999 } },
      { database: { storage: { size: 400, throughput: 3_000 } }, budget: { monthlyUsd: 99_999 } },
      'database.storage.throughput',
      /12000 IOPS carry 3000/,
    ],
    [
      'refuses io2 without IOPS',
      { database: { storage: { type: 'io2' } } },
      { database: { storage: { type: 'io2', iops: 1_000 } } },
      'database.storage.iops',
      /io2 needs IOPS: 1000 to 100000/,
    ],
    [
      'refuses throughput on io2',
      { database: { storage: { type: 'io2', iops: 1_000, throughput: 500 } } },
      { database: { storage: { type: 'io2', iops: 1_000 } } },
      'database.storage.throughput',
      /on gp3 only/,
    ],
  ],
  time: [
    [
      'refuses a backup window that is none',
      { database: { backup: { window: '3:30-4:30' } } },
      { database: { backup: { window: '03:30-04:00' } } },
      'database.backup.window',
      /at least 30 minutes/,
    ],
    [
      'refuses a backup window below half an hour',
      { database: { backup: { window: '03:30-03:59' } } },
      { database: { backup: { window: '03:30-04:00' } } },
      'database.backup.window',
      /at least 30 minutes/,
    ],
    [
      'refuses a backup window without length',
      { database: { backup: { window: '03:30-03:30' } } },
      { database: { backup: { window: '23:45-00:15' } } },
      'database.backup.window',
      /at least 30 minutes/,
    ],
    [
      'refuses a maintenance window without length',
      { database: { maintenanceWindow: 'sun:05:30-sun:05:30' } },
      { database: { maintenanceWindow: 'sun:23:30-mon:00:30' } },
      'database.maintenanceWindow',
      /at least 30 minutes/,
    ],
    [
      'refuses a maintenance window that is none',
      { database: { maintenanceWindow: 'Sun:05:30-Sun:06:30' } },
      { database: { maintenanceWindow: 'sat:23:30-sun:00:30' } },
      'database.maintenanceWindow',
      /lower case/,
    ],
    [
      'refuses windows that overlap',
      { database: { backup: { window: '03:30-05:31' } } },
      { database: { backup: { window: '03:30-05:30' } } },
      'database.maintenanceWindow',
      /overlaps the daily backup window/,
    ],
    [
      'sees an overlap through Sunday midnight',
      {
        vault: { enabled: false },
        database: { maintenanceWindow: 'sun:23:30-mon:00:30', backup: { window: '00:00-00:30' } },
      },
      {
        vault: { enabled: false },
        database: { maintenanceWindow: 'sun:23:30-mon:00:30', backup: { window: '00:30-01:00' } },
      },
      'database.maintenanceWindow',
      /overlaps/,
    ],
    [
      'refuses a backup window that blocks the vault’s snapshot',
      { database: { backup: { window: '03:00-03:30' } } },
      { database: { backup: { window: '03:01-03:31' } } },
      'database.backup.window',
      /AWS Backup starts a snapshot at 02:00/,
    ],
    [
      'refuses a maintenance window that blocks the vault’s snapshot',
      { database: { maintenanceWindow: 'sun:08:30-sun:09:30' } },
      { database: { maintenanceWindow: 'sun:09:01-sun:09:31' } },
      'database.maintenanceWindow',
      /AWS Backup starts a snapshot at 08:00/,
    ],
    [
      'sees a snapshot that starts inside the backup window',
      { database: { backup: { window: '01:31-02:01' } } },
      { database: { backup: { window: '01:30-02:00' } } },
      'database.backup.window',
      /AWS Backup starts a snapshot at 02:00/,
    ],
    [
      'refuses a maintenance window of a whole day',
      {
        vault: { enabled: false },
        database: { maintenanceWindow: 'sun:04:30-mon:04:30' },
      },
      {
        vault: { enabled: false },
        database: { maintenanceWindow: 'sun:04:30-mon:03:30' },
      },
      'database.maintenanceWindow',
      /less than a day/,
    ],
    [
      'refuses to keep no backups',
      { database: { backup: { retention: '0d' } } },
      { database: { backup: { retention: '1d' } }, drills: { 'bad-write': { every: '1d' } } },
      'database.backup.retention',
      /1 to 35 days/,
    ],
    [
      'refuses to keep backups longer than RDS does',
      { database: { backup: { retention: '36d' } }, archive: { retention: '36d' } },
      { database: { backup: { retention: '35d' } }, archive: { retention: '35d' } },
      'database.backup.retention',
      /1 to 35 days/,
    ],
    [
      'refuses a retention of a day and a half',
      { vault: { retention: '36h' } },
      { vault: { retention: '24h' } },
      'vault.retention',
      /whole days/,
    ],
    [
      'refuses a lock beyond a hundred years',
      { evidence: { retention: '36501d' } },
      { evidence: { retention: '36500d' } },
      'evidence.retention',
      /36,500 days/,
    ],
    [
      'refuses an archive shorter than the backups',
      { archive: { retention: '13d' } },
      { archive: { retention: '14d' } },
      'archive.retention',
      /could not be rolled forward/,
    ],
    [
      'refuses a log retention that CloudWatch does not know',
      { logs: { retention: '31d' } },
      { logs: { retention: '60d' } },
      'logs.retention',
      /certain numbers of days/,
    ],
  ],
  parameters: [
    [
      'refuses a parameter that RDS keeps for itself',
      { database: { parameters: { wal_level: 'logical' } } },
      { database: { parameters: { work_mem: '65536' } } },
      'database.parameters.wal_level',
      /does not let anybody set/,
    ],
    [
      'refuses a parameter name in capitals',
      { database: { parameters: { WORK_MEM: '65536' } } },
      { database: { parameters: { 'auto_explain.log_min_duration': '1000' } } },
      "database.parameters['WORK_MEM']",
      /no parameter name/,
    ],
    [
      'refuses to let connections go unencrypted',
      { database: { parameters: { 'rds.force_ssl': '0' } } },
      { database: { parameters: { 'rds.force_ssl': '1' } } },
      "database.parameters['rds.force_ssl']",
      /unencrypted/,
    ],
    [
      'refuses an override that contradicts logical replication',
      { database: { parameters: { 'rds.logical_replication': '0' } } },
      { database: { parameters: { 'rds.logical_replication': '1' } } },
      "database.parameters['rds.logical_replication']",
      /contradicts/,
    ],
    [
      'refuses to forget commit times',
      { database: { parameters: { track_commit_timestamp: 'off' } } },
      { database: { parameters: { track_commit_timestamp: 'on' } } },
      'database.parameters.track_commit_timestamp',
      /when a lost transaction was committed/,
    ],
    [
      'refuses slots without a limit',
      { database: { parameters: { max_slot_wal_keep_size: '-1' } } },
      { database: { parameters: { max_slot_wal_keep_size: '10240' } } },
      'database.parameters.max_slot_wal_keep_size',
      /fills the primary/,
    ],
    [
      'refuses early acknowledgement beside an objective to lose nothing',
      { database: { parameters: { synchronous_commit: 'off' } } },
      {
        database: { parameters: { synchronous_commit: 'off' } },
        objectives: { 'instance-loss': { rpo: '5m', rto: '15m' } },
      },
      'database.parameters.synchronous_commit',
      /before they are safe/,
    ],
    [
      'refuses to silence triggers',
      { database: { parameters: { session_replication_role: 'replica' } } },
      { database: { parameters: { session_replication_role: 'origin' } } },
      'database.parameters.session_replication_role',
      /triggers and foreign keys/,
    ],
    [
      'refuses a primary that only reads',
      { database: { parameters: { default_transaction_read_only: 'on' } } },
      { database: { parameters: { default_transaction_read_only: 'off' } } },
      'database.parameters.default_transaction_read_only',
      /heartbeat could not write/,
    ],
    [
      'refuses MD5 passwords',
      { database: { parameters: { password_encryption: 'md5' } } },
      { database: { parameters: { password_encryption: 'scram-sha-256' } } },
      'database.parameters.password_encryption',
      /MD5/,
    ],
    [
      'refuses to lose pg_stat_statements',
      { database: { parameters: { shared_preload_libraries: 'pg_cron' } } },
      { database: { parameters: { shared_preload_libraries: 'pg_cron,pg_stat_statements' } } },
      'database.parameters.shared_preload_libraries',
      /slow query/,
    ],
    [
      'refuses an archive without a logical stream',
      { database: { logicalReplication: false } },
      { database: { logicalReplication: false }, archive: { enabled: false } },
      'database.logicalReplication',
      /gives none without it/,
    ],
    [
      'refuses to archive all tables',
      { archive: { tables: ['*.*'] } },
      { archive: { tables: ['sales.*', 'public.orders'] } },
      'archive.tables[0]',
      /updates fail/,
    ],
    [
      'refuses to archive a system schema',
      { archive: { tables: ['pg_catalog.*'] } },
      { archive: { tables: ['pgcatalog.*'] } },
      'archive.tables[0]',
      /system schemas/,
    ],
    [
      'refuses an archive of nothing',
      { archive: { tables: [] } },
      { archive: { tables: [], enabled: false } },
      'archive.tables',
      /restores nothing/,
    ],
  ],
  objectives: [
    [
      'refuses a failover faster than Multi-AZ',
      { objectives: { 'instance-loss': { rpo: '0s', rto: '119s' } } },
      { objectives: { 'instance-loss': { rpo: '0s', rto: '120s' } } },
      "objectives['instance-loss'].rto",
      /Multi-AZ takes 2m/,
    ],
    [
      'refuses to lose nothing with one instance',
      { database: { multiAz: false }, objectives: { 'instance-loss': { rpo: '4m', rto: '1h' } } },
      { database: { multiAz: false }, objectives: { 'instance-loss': { rpo: '5m', rto: '1h' } } },
      "objectives['instance-loss'].rpo",
      /point-in-time recovery loses up to 5m/,
    ],
    [
      'refuses less than five minutes of bad-write loss without the archive',
      { archive: { enabled: false }, objectives: { 'bad-write': { rpo: '4m', rto: '1h' } } },
      { archive: { enabled: false }, objectives: { 'bad-write': { rpo: '5m', rto: '1h' } } },
      "objectives['bad-write'].rpo",
      /loses up to 5m/,
    ],
    [
      'takes a minute of bad-write loss with the archive, and not less',
      { objectives: { 'bad-write': { rpo: '59s', rto: '1h' } } },
      { objectives: { 'bad-write': { rpo: '60s', rto: '1h' } } },
      "objectives['bad-write'].rpo",
      /and the archive loses up to 1m/,
    ],
    [
      'refuses a region recovery faster than a promotion',
      { objectives: { 'region-loss': { rpo: '60s', rto: '4m' } } },
      { objectives: { 'region-loss': { rpo: '60s', rto: '5m' } } },
      "objectives['region-loss'].rto",
      /standby replica takes 5m/,
    ],
    [
      'refuses minutes of region loss with replicated backups alone',
      { standby: { enabled: false }, objectives: { 'region-loss': { rpo: '29m', rto: '4h' } } },
      { standby: { enabled: false }, objectives: { 'region-loss': { rpo: '30m', rto: '4h' } } },
      "objectives['region-loss'].rpo",
      /replicated automated backups loses up to 30m/,
    ],
    [
      'refuses a quick region recovery from replicated backups',
      { standby: { enabled: false }, objectives: { 'region-loss': { rpo: '1h', rto: '1h' } } },
      { standby: { enabled: false }, objectives: { 'region-loss': { rpo: '1h', rto: '2h' } } },
      "objectives['region-loss'].rto",
      /replicated automated backups takes 2h/,
    ],
    [
      'refuses hours of region loss with the vault alone',
      {
        standby: { enabled: false },
        database: { backup: { replicate: false } },
        objectives: { 'region-loss': { rpo: '5h', rto: '4h' } },
      },
      {
        standby: { enabled: false },
        database: { backup: { replicate: false } },
        objectives: { 'region-loss': { rpo: '6h', rto: '4h' } },
      },
      "objectives['region-loss'].rpo",
      /vault's copies loses up to 6h/,
    ],
    [
      'refuses an objective for region loss when nothing is kept elsewhere',
      {
        standby: { enabled: false },
        vault: { enabled: false },
        database: { backup: { replicate: false } },
        objectives: { 'region-loss': { rpo: '1d', rto: '1d' } },
      },
      {
        standby: { enabled: false },
        vault: { enabled: true },
        database: { backup: { replicate: false } },
        objectives: { 'region-loss': { rpo: '1d', rto: '1d' } },
      },
      "objectives['region-loss']",
      /nothing in this environment survives that/,
    ],
    [
      'refuses an objective for account loss without the vault',
      { vault: { enabled: false }, objectives: { 'account-loss': { rpo: '1d', rto: '1d' } } },
      { vault: { enabled: true }, objectives: { 'account-loss': { rpo: '1d', rto: '1d' } } },
      "objectives['account-loss']",
      /nothing in this environment survives that/,
    ],
    [
      'refuses an environment that promises nothing',
      {
        objectives: { 'instance-loss': undefined, 'bad-write': undefined, 'region-loss': undefined },
        drills: { 'bad-write': undefined },
      },
      { objectives: { 'instance-loss': undefined, 'region-loss': undefined } },
      'objectives',
      /promises nothing/,
    ],
    [
      'refuses a bad-write objective that is never drilled',
      { drills: { 'bad-write': undefined } },
      { drills: { 'bad-write': { every: '7d' } } },
      "drills['bad-write']",
      /has no drill/,
    ],
    [
      'refuses a drill without an objective',
      { objectives: { 'region-loss': undefined }, drills: { 'region-loss': { every: '7d' } } },
      { drills: { 'region-loss': { every: '7d' } } },
      "drills['region-loss']",
      /nothing to be measured against/,
    ],
    [
      'refuses a drill that no function runs',
      { drills: { 'instance-loss': { every: '7d' } } },
      { drills: { 'region-loss': { every: '7d' } } },
      "drills['instance-loss']",
      /would never run/,
    ],
    [
      'refuses a region drill without a standby to compare with',
      {
        standby: { enabled: false },
        objectives: { 'region-loss': { rpo: '1h', rto: '8h' } },
        drills: { 'region-loss': { every: '7d' } },
      },
      {
        objectives: { 'region-loss': { rpo: '1h', rto: '8h' } },
        drills: { 'region-loss': { every: '7d' } },
      },
      "drills['region-loss']",
      /compares them with the standby/,
    ],
    [
      'refuses a region drill without a backup to restore',
      { database: { backup: { replicate: false } }, drills: { 'region-loss': { every: '7d' } } },
      { database: { backup: { replicate: true } }, drills: { 'region-loss': { every: '7d' } } },
      "drills['region-loss']",
      /restores replicated backups/,
    ],
    [
      'refuses drills more than once a day',
      { drills: { 'bad-write': { every: '23h' } } },
      { drills: { 'bad-write': { every: '24h' } } },
      "drills['bad-write'].every",
      /at most daily/,
    ],
    [
      'refuses drills less than once a month',
      {
        database: { backup: { retention: '35d' } },
        archive: { retention: '35d' },
        drills: { 'bad-write': { every: '32d' } },
      },
      {
        database: { backup: { retention: '35d' } },
        archive: { retention: '35d' },
        drills: { 'bad-write': { every: '31d' } },
      },
      "drills['bad-write'].every",
      /at least monthly/,
    ],
    [
      'refuses a drill that may compare next to nothing',
      { drills: { 'bad-write': { coverageFloor: 0.49 } } },
      { drills: { 'bad-write': { coverageFloor: 0.5 } } },
      "drills['bad-write'].coverageFloor",
      /proves nothing/,
    ],
    [
      'refuses evidence that is gone before the next drill',
      { evidence: { retention: '13d' } },
      { evidence: { retention: '14d' } },
      'evidence.retention',
      /the chain with it/,
    ],
    [
      'refuses drills rarer than the backups live',
      { drills: { 'bad-write': { every: '15d' } } },
      { drills: { 'bad-write': { every: '14d' } } },
      "drills['bad-write'].every",
      /without ever having been restored/,
    ],
  ],
  people: [
    [
      'refuses the pager’s URL where its name belongs',
      { paging: { pageUrlParameter: 'https://events.pagerduty.com/integration/abc' } },
      { paging: { pageUrlParameter: '/shop/prod/pager' } },
      'paging.pageUrlParameter',
      /the URL itself is a secret/,
    ],
    [
      'refuses an address that is none',
      { paging: { warnEmail: 'ops' } },
      { paging: { warnEmail: 'ops@shop.example' } },
      'paging.warnEmail',
      /no e-mail address/,
    ],
    [
      'refuses a Slack workspace by name',
      { paging: { slack: { workspaceId: 'shop', channelId: 'C0123456789' } } },
      { paging: { slack: { workspaceId: 'T0123456789', channelId: 'C0123456789' } } },
      'paging.slack.workspaceId',
      /begins with T/,
    ],
    [
      'refuses a Slack channel by name',
      { paging: { slack: { workspaceId: 'T0123456789', channelId: '#ops' } } },
      { paging: { slack: { workspaceId: 'T0123456789', channelId: 'C0123456789' } } },
      'paging.slack.channelId',
      /begins with C or G/,
    ],
    [
      'refuses an assertion that writes',
      { assertions: [{ name: 'orders', sql: 'delete from orders' }] },
      { assertions: [{ name: 'orders', sql: 'select count(*) > 0 from orders;' }] },
      'assertions[0].sql',
      /only reads/,
    ],
    [
      'refuses two assertions of one name',
      {
        assertions: [
          { name: 'a', sql: 'select true' },
          { name: 'a', sql: 'select true' },
        ],
      },
      {
        assertions: [
          { name: 'a', sql: 'select true' },
          { name: 'b', sql: 'select true' },
        ],
      },
      'assertions[1].name',
      /this name already/,
    ],
  ],
  budget: [
    [
      'refuses an environment dearer than its budget',
      { budget: { monthlyUsd: 993 } },
      { budget: { monthlyUsd: 994 } },
      'budget.monthlyUsd',
      /costs about \$994 a month; the most for shop-prod cache cache.r7g.large hours \$384/,
    ],
    [
      'refuses a price that nobody knows, instead of counting nothing',
      { cache: { node: 'r6gd.xlarge' } },
      { cache: { node: 'r6gd.xlarge' }, budget: { prices: { 'us-east-1/cache.r6gd.xlarge': 0.6248 } } },
      'budget.prices',
      /no price for us-east-1\/cache\.r6gd\.xlarge is known/,
    ],
  ],
}

for (const [topic, cases] of Object.entries(CASES))
  describe(topic, () => {
    test.each(cases)('%s', (_, fault, nearMiss, path, sentence) => {
      expect(faultsOf(nearMiss)).toEqual([])
      const found = faultsOf(fault)
      expect(found).toContainEqual(
        expect.objectContaining({
          path,
          sentence: expect.stringMatching(sentence),
          hint: expect.any(String),
        }),
      )
    })
  })

test('finds nothing wrong with the specimen', () => {
  expect(faultsOf({})).toEqual([])
})

test.each(RULES.map(rule => [rule.name, rule] as const))('%s is broken by a case above', (_, rule) => {
  const faults = Object.values(CASES).flatMap(cases =>
    cases.flatMap(([, fault]) => {
      const config = environmentSchema.parse(draft(fault))
      return rule({ ...config, name: `${config.app}-${config.environment}` })
    }),
  )
  expect(faults).not.toEqual([])
})

function replicas(count: number) {
  return Array.from({ length: count }, (_, index) => ({ name: `read-${index + 1}` }))
}

function NO_REGION_LOSS() {
  return { objectives: { 'region-loss': { rpo: '1h', rto: '8h' } } }
}
