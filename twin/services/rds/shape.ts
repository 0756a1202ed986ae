import type * as rdsTypes from '@aws-sdk/client-rds'
import { restoreWindow } from './backups.ts'
import { applyStatus } from './configuration.ts'
import { arnOf, keyOf, type Rds } from './context.ts'
import type { InstanceRecord } from './records.ts'
import { describeSubnetGroup, findSubnetGroup } from './subnet-groups.ts'

/** RDS does not say where an instance is before it is made. */
const isWithoutEndpoint = (record: InstanceRecord) => record.hostPort === 0 || !record.isMade

const LOOPBACK_ZONE = 'Z2R2ITUGPM61AM'

/** An instance as DescribeDBInstances shows it. */
export async function describeInstance(rds: Rds, record: InstanceRecord): Promise<rdsTypes.DBInstance> {
  const backup = rds.backups.get(keyOf(record.region, record.resourceId))
  const window = backup && restoreWindow(backup)
  const replicas = rds.instances
    .values()
    .filter(each => each.source?.resourceId === record.resourceId && !each.source.isTerminated)
  return {
    ...record.shown,
    DBInstanceIdentifier: record.id,
    DBInstanceArn: arnOf(rds, record.region, 'db', record.id),
    DbiResourceId: record.resourceId,
    DBInstanceStatus: record.status,
    Engine: 'postgres',
    Endpoint: isWithoutEndpoint(record)
      ? undefined
      : { Address: '127.0.0.1', Port: record.hostPort, HostedZoneId: LOOPBACK_ZONE },
    InstanceCreateTime: record.isMade ? new Date(record.createdAt) : undefined,
    LatestRestorableTime: window && new Date(window.latest),
    DBSubnetGroup: describeSubnetGroup(rds, findSubnetGroup(rds, record.region, record.subnetGroup)),
    VpcSecurityGroups: record.securityGroups.map(id => ({ VpcSecurityGroupId: id, Status: 'active' })),
    DBSecurityGroups: [],
    DBParameterGroups: [
      {
        DBParameterGroupName: record.parameterGroup,
        ParameterApplyStatus: record.isMade ? await applyStatus(rds, record) : 'in-sync',
      },
    ],
    OptionGroupMemberships: [{ OptionGroupName: `default:postgres-${record.version}`, Status: 'in-sync' }],
    PendingModifiedValues: record.pending,
    ReadReplicaSourceDBInstanceIdentifier: record.source?.shownAs,
    ReadReplicaDBInstanceIdentifiers: replicas.map(each =>
      each.region === record.region ? each.id : arnOf(rds, each.region, 'db', each.id),
    ),
    StatusInfos: record.source && record.isMade ? [replicationStatus(rds, record)] : undefined,
    TagList: [...record.tags],
    DBInstanceAutomatedBackupsReplications: rds.backups
      .values()
      .filter(copy => copy.resourceId === record.resourceId && copy.region !== record.region)
      .map(copy => ({ DBInstanceAutomatedBackupsArn: arnOf(rds, copy.region, 'auto-backup', copy.id) })),
    CertificateDetails: {
      CAIdentifier: record.shown.CACertificateIdentifier,
      ValidTill: new Date(record.createdAt + 365 * 86_400_000),
    },
  }
}

function replicationStatus(rds: Rds, record: InstanceRecord): rdsTypes.DBInstanceStatusInfo {
  const StatusType = 'read replication'
  if (record.source?.isTerminated)
    return {
      StatusType,
      Normal: false,
      Status: 'terminated',
      Message: 'Replication was terminated because the source was deleted.',
    }
  const state = rds.hosts.get(record.resourceId)?.replication
  if (state === 'stopped') return { StatusType, Normal: false, Status: 'stopped' }
  if (state === 'connecting')
    return {
      StatusType,
      Normal: false,
      Status: 'error',
      Message: 'The replica cannot connect to its source.',
    }
  return { StatusType, Normal: true, Status: 'replicating' }
}

/** What every new instance has unless its maker says otherwise. */
export const defaultShown = (region: string, zone: string) => ({
  AvailabilityZone: zone,
  AutoMinorVersionUpgrade: true,
  LicenseModel: 'postgresql-license',
  MultiAZ: false,
  PubliclyAccessible: false,
  StorageType: 'gp2',
  DbInstancePort: 0,
  CopyTagsToSnapshot: false,
  MonitoringInterval: 0,
  IAMDatabaseAuthenticationEnabled: false,
  PerformanceInsightsEnabled: false,
  DeletionProtection: false,
  CustomerOwnedIpEnabled: false,
  NetworkType: 'IPV4',
  BackupTarget: 'region',
  CACertificateIdentifier: 'rds-ca-rsa2048-g1',
  MultiTenant: false,
  DedicatedLogVolume: false,
  ActivityStreamStatus: 'stopped' as const,
  EngineLifecycleSupport: 'open-source-rds-extended-support',
  PreferredBackupWindow: windowOf(region, 30),
  PreferredMaintenanceWindow: `sun:${windowOf(region, 30).replace('-', '-sun:')}`,
})

/** RDS picks a window per region; the twin's are at night in UTC. */
function windowOf(region: string, minutes: number): string {
  const start = 3 * 60 + ([...region].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 180)
  const clock = (at: number) =>
    `${String(Math.floor(at / 60)).padStart(2, '0')}:${String(at % 60).padStart(2, '0')}`
  return `${clock(start)}-${clock(start + minutes)}`
}
