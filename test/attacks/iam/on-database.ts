import {
  AddTagsToResourceCommand,
  CopyDBSnapshotCommand,
  CreateDBInstanceCommand,
  CreateDBInstanceReadReplicaCommand,
  CreateDBSnapshotCommand,
  DeleteDBInstanceAutomatedBackupCommand,
  DeleteDBInstanceCommand,
  DeleteDBParameterGroupCommand,
  DeleteDBProxyCommand,
  DeleteDBSnapshotCommand,
  DeleteDBSubnetGroupCommand,
  DeregisterDBProxyTargetsCommand,
  ModifyDBInstanceCommand,
  ModifyDBParameterGroupCommand,
  ModifyDBProxyCommand,
  ModifyDBSubnetGroupCommand,
  PromoteReadReplicaCommand,
  RebootDBInstanceCommand,
  RemoveTagsFromResourceCommand,
  ResetDBParameterGroupCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
  StartExportTaskCommand,
  StopDBInstanceAutomatedBackupsReplicationCommand,
  StopDBInstanceCommand,
} from '@aws-sdk/client-rds'
import { type Attack, attack } from './attack.ts'
import { ACCOUNT, AWAY, COPY, HOME, OTHERS_COPY, PROVING } from './scene.ts'

const arnOf = (kind: string, name: string, region = HOME) =>
  `arn:aws:rds:${region}:${ACCOUNT}:${kind}:${name}`
const DRILL_TAG = [{ Key: 'holdfast:drill', Value: 'x' }]
const COPYS_TAGS = [
  ...DRILL_TAG,
  { Key: 'holdfast:environment', Value: 'shop-prod' },
  { Key: 'holdfast:expires', Value: '2030-01-01T00:00:00Z' },
]
const COPYS_CLASS = 'db.r6g.xlarge'
const SNAPSHOT = 'shop-prod-by-hand'
const GROUP = 'shop-prod-postgres18'
const COPYS_GROUPS = { DBSubnetGroupName: 'shop-prod', DBParameterGroupName: 'shop-prod-drill-postgres18' }
const ONE_PARAMETER = [{ ParameterName: 'fsync', ParameterValue: '0', ApplyMethod: 'immediate' as const }]

function onInstance(DBInstanceIdentifier: string, away = false): Attack[] {
  const region = away ? AWAY : HOME
  const ResourceName = arnOf('db', DBInstanceIdentifier, region)
  const change = (what: string, members: object) =>
    attack(`${what} of ${DBInstanceIdentifier}`, ({ rds }) =>
      rds.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier, ApplyImmediately: true, ...members })),
    )
  const on = (what: string, strike: Attack['strike']) => attack(`${what} ${DBInstanceIdentifier}`, strike)
  return [
    on('delete', ({ rds }) =>
      rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier, SkipFinalSnapshot: true })),
    ),
    change('take away the protection', { DeletionProtection: false }),
    change('stop the backups', { BackupRetentionPeriod: 0 }),
    change('set the password', { MasterUserPassword: 'taken-over-now' }),
    change('change the name', { NewDBInstanceIdentifier: 'shop-lost' }),
    change('change the security groups', { VpcSecurityGroupIds: ['sg-0'] }),
    change('change the parameter group', { DBParameterGroupName: 'default.postgres18' }),
    change('open to the world', { PubliclyAccessible: true }),
    on('stop', ({ rds }) => rds.send(new StopDBInstanceCommand({ DBInstanceIdentifier }))),
    on('fail over', ({ rds }) =>
      rds.send(new RebootDBInstanceCommand({ DBInstanceIdentifier, ForceFailover: true })),
    ),
    on('promote', ({ rds }) => rds.send(new PromoteReadReplicaCommand({ DBInstanceIdentifier }))),
    on('pass off as a drill’s', ({ rds }) =>
      rds.send(new AddTagsToResourceCommand({ ResourceName, Tags: DRILL_TAG })),
    ),
    on('take the owner’s tag from', ({ rds }) =>
      rds.send(new RemoveTagsFromResourceCommand({ ResourceName, TagKeys: ['holdfast:owner'] })),
    ),
    on('fill the quota of snapshots with', ({ rds }) =>
      rds.send(new CreateDBSnapshotCommand({ DBInstanceIdentifier, DBSnapshotIdentifier: 'one-more' })),
    ),
  ].map(one => ({ ...one, away }))
}

const BACKUPS: Attack[] = [
  attack('delete the automated backups', ({ rds }, { backupArn }) =>
    rds.send(new DeleteDBInstanceAutomatedBackupCommand({ DBInstanceAutomatedBackupsArn: backupArn })),
  ),
  attack('delete the automated backups by the resource’s id', ({ rds }, { resourceId }) =>
    rds.send(new DeleteDBInstanceAutomatedBackupCommand({ DbiResourceId: resourceId })),
  ),
  attack('tag the automated backups as a drill’s', ({ rds }, { backupArn }) =>
    rds.send(new AddTagsToResourceCommand({ ResourceName: backupArn, Tags: DRILL_TAG })),
  ),
  {
    ...attack('stop the replication of the backups', ({ rds }) =>
      rds.send(
        new StopDBInstanceAutomatedBackupsReplicationCommand({
          SourceDBInstanceArn: arnOf('db', 'shop-prod'),
        }),
      ),
    ),
    away: true,
  },
  attack('delete a snapshot', ({ rds }) =>
    rds.send(new DeleteDBSnapshotCommand({ DBSnapshotIdentifier: SNAPSHOT })),
  ),
  attack('tag a snapshot as a drill’s', ({ rds }) =>
    rds.send(new AddTagsToResourceCommand({ ResourceName: arnOf('snapshot', SNAPSHOT), Tags: DRILL_TAG })),
  ),
  attack('carry a snapshot off', ({ rds }) =>
    rds.send(
      new CopyDBSnapshotCommand({
        SourceDBSnapshotIdentifier: SNAPSHOT,
        TargetDBSnapshotIdentifier: 'drill-shop-prod-stolen',
      }),
    ),
  ),
  attack('export a snapshot', ({ rds }) =>
    rds.send(
      new StartExportTaskCommand({
        ExportTaskIdentifier: 'stolen',
        SourceArn: arnOf('snapshot', SNAPSHOT),
        S3BucketName: `shop-prod-exports-${ACCOUNT}-${HOME}`,
        IamRoleArn: `arn:aws:iam::${ACCOUNT}:role/any`,
        KmsKeyId: 'alias/shop-prod',
      }),
    ),
  ),
]

const PASSING_OFF: Attack[] = [
  attack('bring up another production', ({ rds }) =>
    rds.send(
      new CreateDBInstanceCommand({
        DBInstanceIdentifier: 'shop-prod-2',
        DBInstanceClass: 'db.t4g.micro',
        Engine: 'postgres',
        AllocatedStorage: 20,
        MasterUsername: 'attack',
        MasterUserPassword: 'only-for-this-test',
      }),
    ),
  ),
  attack('give production one more replica', ({ rds }) =>
    rds.send(
      new CreateDBInstanceReadReplicaCommand({
        DBInstanceIdentifier: 'drill-shop-prod-replica',
        SourceDBInstanceIdentifier: 'shop-prod',
        Tags: DRILL_TAG,
      }),
    ),
  ),
  attack('restore under a name that is not a drill’s', ({ rds }) =>
    rds.send(
      new RestoreDBInstanceToPointInTimeCommand({
        SourceDBInstanceIdentifier: 'shop-prod',
        TargetDBInstanceIdentifier: 'copy-of-shop-prod',
        UseLatestRestorableTime: true,
        Tags: DRILL_TAG,
        ...COPYS_GROUPS,
      }),
    ),
  ),
  ...COPYS_TAGS.map(({ Key }) =>
    attack(`restore without the tag ${Key}`, ({ rds }) =>
      rds.send(
        new RestoreDBInstanceToPointInTimeCommand({
          SourceDBInstanceIdentifier: 'shop-prod',
          TargetDBInstanceIdentifier: 'drill-shop-prod-untagged',
          UseLatestRestorableTime: true,
          DBInstanceClass: COPYS_CLASS,
          Tags: COPYS_TAGS.filter(tag => tag.Key !== Key),
          ...COPYS_GROUPS,
        }),
      ),
    ),
  ),
  ...[{ PubliclyAccessible: true }, { DBInstanceClass: 'db.r6g.16xlarge' }].flatMap(asked => [
    attack(`restore with ${JSON.stringify(asked)}`, ({ rds }) =>
      rds.send(
        new RestoreDBInstanceToPointInTimeCommand({
          SourceDBInstanceIdentifier: 'shop-prod',
          TargetDBInstanceIdentifier: 'drill-shop-prod-wide',
          UseLatestRestorableTime: true,
          DBInstanceClass: COPYS_CLASS,
          Tags: COPYS_TAGS,
          ...COPYS_GROUPS,
          ...asked,
        }),
      ),
    ),
    attack(`restore a snapshot with ${JSON.stringify(asked)}`, ({ rds }) =>
      rds.send(
        new RestoreDBInstanceFromDBSnapshotCommand({
          DBSnapshotIdentifier: SNAPSHOT,
          DBInstanceIdentifier: 'drill-shop-prod-wide',
          DBInstanceClass: COPYS_CLASS,
          Tags: COPYS_TAGS,
          ...COPYS_GROUPS,
          ...asked,
        }),
      ),
    ),
    attack(`change a copy to ${JSON.stringify(asked)}`, ({ rds }) =>
      rds.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: COPY, ApplyImmediately: true, ...asked })),
    ),
  ]),
  attack('delete a copy of an environment whose name goes on from ours', ({ rds }) =>
    rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: OTHERS_COPY, SkipFinalSnapshot: true })),
  ),
  attack('delete what a restore is proving', ({ rds }) =>
    rds.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: PROVING, SkipFinalSnapshot: true })),
  ),
  attack('restore without the drill’s tag', ({ rds }) =>
    rds.send(
      new RestoreDBInstanceToPointInTimeCommand({
        SourceDBInstanceIdentifier: 'shop-prod',
        TargetDBInstanceIdentifier: 'drill-shop-prod-untagged',
        UseLatestRestorableTime: true,
        ...COPYS_GROUPS,
      }),
    ),
  ),
  attack('restore with production’s parameter group', ({ rds }) =>
    rds.send(
      new RestoreDBInstanceFromDBSnapshotCommand({
        DBSnapshotIdentifier: SNAPSHOT,
        DBInstanceIdentifier: 'drill-shop-prod-groups',
        Tags: DRILL_TAG,
        DBSubnetGroupName: 'shop-prod',
        DBParameterGroupName: GROUP,
      }),
    ),
  ),
  attack(
    'restore over production',
    ({ rds }) =>
      rds.send(
        new RestoreDBInstanceToPointInTimeCommand({
          SourceDBInstanceIdentifier: 'shop-prod',
          TargetDBInstanceIdentifier: 'shop-prod',
          UseLatestRestorableTime: true,
          ...COPYS_GROUPS,
        }),
      ),
    /^(AccessDenied|DBInstanceAlreadyExistsFault)$/,
  ),
  attack(
    'give a copy production’s name',
    ({ rds }) =>
      rds.send(
        new ModifyDBInstanceCommand({
          DBInstanceIdentifier: COPY,
          NewDBInstanceIdentifier: 'shop-prod',
          ApplyImmediately: true,
        }),
      ),
    /^(AccessDenied|DBInstanceAlreadyExistsFault)$/,
  ),
  attack('hide a copy from the reaper', ({ rds }) =>
    rds.send(
      new RemoveTagsFromResourceCommand({ ResourceName: arnOf('db', COPY), TagKeys: ['holdfast:drill'] }),
    ),
  ),
]

const GROUPS: Attack[] = [
  attack('change the parameter group', ({ rds }) =>
    rds.send(new ModifyDBParameterGroupCommand({ DBParameterGroupName: GROUP, Parameters: ONE_PARAMETER })),
  ),
  attack('reset the parameter group', ({ rds }) =>
    rds.send(new ResetDBParameterGroupCommand({ DBParameterGroupName: GROUP, ResetAllParameters: true })),
  ),
  attack('delete the parameter group', ({ rds }) =>
    rds.send(new DeleteDBParameterGroupCommand({ DBParameterGroupName: GROUP })),
  ),
  attack('change the subnet group', ({ rds }) =>
    rds.send(new ModifyDBSubnetGroupCommand({ DBSubnetGroupName: 'shop-prod', SubnetIds: ['subnet-0'] })),
  ),
  attack('delete the subnet group', ({ rds }) =>
    rds.send(new DeleteDBSubnetGroupCommand({ DBSubnetGroupName: 'shop-prod' })),
  ),
  attack('delete the proxy', ({ rds }) => rds.send(new DeleteDBProxyCommand({ DBProxyName: 'shop-prod' }))),
  attack('let the proxy take plain connections', ({ rds }) =>
    rds.send(new ModifyDBProxyCommand({ DBProxyName: 'shop-prod', RequireTLS: false })),
  ),
  attack('take the database from the proxy', ({ rds }) =>
    rds.send(
      new DeregisterDBProxyTargetsCommand({ DBProxyName: 'shop-prod', DBInstanceIdentifiers: ['shop-prod'] }),
    ),
  ),
]

/** On production's instances, their backups, their groups, and on what could be taken for them. */
export const ON_DATABASE: readonly Attack[] = [
  ...['shop-prod', 'shop-prod-read-1', 'shop-prod-read-2', 'shop-prod-analytics'].flatMap(name =>
    onInstance(name),
  ),
  ...onInstance('shop-prod-standby', true),
  ...BACKUPS,
  ...PASSING_OFF,
  ...GROUPS,
]
