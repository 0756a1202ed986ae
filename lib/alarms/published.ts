import type { Unit } from './row.ts'

/** One metric as AWS publishes it: its unit, and the statistics that say something about it. */
type Published = readonly [unit: Unit, ...statistics: string[]]

/** What a service publishes under one set of dimensions. */
type Publication = {
  readonly namespace: string
  /** In alphabetical order. */
  readonly dimensions: readonly string[]
  readonly metrics: Readonly<Record<string, Published>>
  /**
   * The dimension whose resource says in which region the metrics appear, where they are told of two: a bucket's name
   * ends with its region. @default the region of the one resource
   */
  readonly region?: string
  /** The page that says so. */
  readonly source: string
}

const RDS = 'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide'
const REPLICATION = {
  namespace: 'AWS/S3',
  dimensions: ['DestinationBucket', 'RuleId', 'SourceBucket'],
  source: 'https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html',
}

/**
 * Every metric of AWS that an alarm may watch. An alarm on a name, a set of dimensions or a region that nobody
 * publishes stays silent for ever, and looks like one that has nothing to say.
 */
export const PUBLISHED: readonly Publication[] = [
  {
    namespace: 'AWS/RDS',
    dimensions: ['DBInstanceIdentifier'],
    metrics: {
      CPUSurplusCreditsCharged: ['count', 'Sum'],
      CPUUtilization: ['percent', 'Average'],
      DatabaseConnections: ['count', 'Average', 'Maximum'],
      DBLoad: ['sessions', 'Average'],
      'EBSByteBalance%': ['percent', 'Minimum'],
      'EBSIOBalance%': ['percent', 'Minimum'],
      FreeableMemory: ['bytes', 'Minimum'],
      FreeStorageSpace: ['bytes', 'Minimum'],
      MaximumUsedTransactionIDs: ['transactions', 'Maximum'],
      OldestReplicationSlotLag: ['bytes', 'Maximum'],
      ReadLatency: ['seconds', 'p90'],
      ReplicaLag: ['seconds', 'Maximum'],
      TransactionLogsDiskUsage: ['bytes', 'Maximum'],
      WriteLatency: ['seconds', 'p90'],
    },
    source: `${RDS}/rds-metrics.html`,
  },
  {
    namespace: 'AWS/RDS',
    dimensions: ['ProxyName'],
    metrics: {
      ClientConnections: ['count', 'Average'],
      ClientConnectionsSetupFailedAuth: ['count', 'Sum'],
      DatabaseConnectionsBorrowLatency: ['microseconds', 'Average'],
    },
    source: `${RDS}/rds-proxy.monitoring.html`,
  },
  {
    namespace: 'AWS/RDS',
    dimensions: ['ProxyName', 'TargetGroup', 'TargetRole'],
    metrics: {
      AvailabilityPercentage: ['percent', 'Minimum'],
      DatabaseConnections: ['count', 'Maximum'],
      DatabaseConnectionsCurrentlyBorrowed: ['count', 'Maximum'],
      DatabaseConnectionsCurrentlySessionPinned: ['count', 'Maximum'],
      MaxDatabaseConnectionsAllowed: ['count', 'Maximum'],
    },
    source: `${RDS}/rds-proxy.monitoring.html`,
  },
  {
    namespace: 'AWS/ElastiCache',
    dimensions: ['CacheClusterId'],
    metrics: {
      CacheHits: ['count', 'Sum'],
      CacheMisses: ['count', 'Sum'],
      CurrConnections: ['count', 'Maximum'],
      DatabaseMemoryUsagePercentage: ['percent', 'Maximum'],
      EngineCPUUtilization: ['percent', 'Average'],
      MasterLinkHealthStatus: ['healthy', 'Minimum'],
      ReplicationLag: ['seconds', 'Maximum'],
      SwapUsage: ['bytes', 'Maximum'],
    },
    source: 'https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.Redis.html',
  },
  {
    ...REPLICATION,
    region: 'DestinationBucket',
    metrics: { ReplicationLatency: ['seconds', 'Maximum'] },
  },
  {
    ...REPLICATION,
    region: 'SourceBucket',
    metrics: { OperationsFailedReplication: ['count', 'Sum'] },
  },
  {
    namespace: 'AWS/SNS',
    dimensions: ['TopicName'],
    metrics: { NumberOfNotificationsFailed: ['count', 'Sum'] },
    source: 'https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html',
  },
  {
    namespace: 'AWS/Backup',
    dimensions: ['BackupVaultName'],
    metrics: { NumberOfBackupJobsFailed: ['count', 'Sum'], NumberOfCopyJobsFailed: ['count', 'Sum'] },
    source: 'https://docs.aws.amazon.com/aws-backup/latest/devguide/cloudwatch.html',
  },
  {
    namespace: 'AWS/Lambda',
    dimensions: ['FunctionName'],
    metrics: {
      Duration: ['milliseconds', 'Maximum'],
      Errors: ['count', 'Sum'],
      Throttles: ['count', 'Sum'],
    },
    source: 'https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html',
  },
]
