import { BackupClient } from '@aws-sdk/client-backup'
import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch'
import { CloudWatchLogsClient, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs'
import { IAMClient } from '@aws-sdk/client-iam'
import { KMSClient, ListAliasesCommand } from '@aws-sdk/client-kms'
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda'
import {
  AddTagsToResourceCommand,
  CreateDBInstanceCommand,
  CreateDBSnapshotCommand,
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBInstancesCommand,
  RDSClient,
  waitUntilDBInstanceAvailable,
  waitUntilDBSnapshotAvailable,
} from '@aws-sdk/client-rds'
import { ListHostedZonesCommand, Route53Client } from '@aws-sdk/client-route-53'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler'
import { ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { ListSubscriptionsByTopicCommand, SNSClient } from '@aws-sdk/client-sns'
import type { LiveTwin } from '../../../bin/target.ts'

export const HOME = 'us-east-1'
export const AWAY = 'us-west-2'
export const ACCOUNT = '111111111111'
/** A copy of a drill, which is what a drill's role may touch. */
export const COPY = 'drill-shop-prod-attack'
/** A copy of the environment `shop-prod-eu`, whose name begins as ours do. */
export const OTHERS_COPY = 'drill-shop-prod-eu-0123456789'
/** What `holdfast restore` is proving. */
export const PROVING = 'drill-proving-shop-prod-again'

export type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string }

/** The SDK's clients under one caller's key. */
export function clientsOf(twin: LiveTwin, credentials: Keys, region: string) {
  const options = { region, endpoint: twin.endpoint, credentials, maxAttempts: 1 }
  const clients = {
    rds: new RDSClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
    kms: new KMSClient(options),
    secrets: new SecretsManagerClient(options),
    backup: new BackupClient(options),
    route53: new Route53Client(options),
    lambda: new LambdaClient(options),
    sns: new SNSClient(options),
    cloudwatch: new CloudWatchClient(options),
    logs: new CloudWatchLogsClient(options),
    scheduler: new SchedulerClient(options),
    iam: new IAMClient(options),
  }
  return {
    ...clients,
    [Symbol.dispose]: () => {
      for (const client of Object.values(clients)) client.destroy()
    },
  }
}

export type Clients = ReturnType<typeof clientsOf>

/**
 * What there is to hurt, found and set up as the account's root. Production carries a drill's tag, so that a tag alone
 * opens no door.
 */
export async function setScene(root: Clients) {
  await root.rds.send(
    new AddTagsToResourceCommand({
      ResourceName: `arn:aws:rds:${HOME}:${ACCOUNT}:db:shop-prod-read-1`,
      Tags: [{ Key: 'holdfast:drill', Value: 'x' }],
    }),
  )
  const drill = { 'holdfast:drill': 'attack' }
  await makeInstance(root, COPY, { ...drill, 'holdfast:environment': 'shop-prod' })
  await makeInstance(root, OTHERS_COPY, { ...drill, 'holdfast:environment': 'shop-prod-eu' })
  await makeInstance(root, PROVING, {
    'holdfast:drill': 'restoring',
    'holdfast:restored': 'shop-prod',
    'holdfast:environment': 'shop-prod',
  })
  await root.rds.send(
    new CreateDBSnapshotCommand({
      DBInstanceIdentifier: 'shop-prod',
      DBSnapshotIdentifier: 'shop-prod-by-hand',
    }),
  )
  const waiting = { client: root.rds, maxWaitTime: 120, minDelay: 1, maxDelay: 1 }
  await waitUntilDBSnapshotAvailable(waiting, { DBSnapshotIdentifier: 'shop-prod-by-hand' })
  for (const DBInstanceIdentifier of [COPY, OTHERS_COPY, PROVING])
    await waitUntilDBInstanceAvailable(waiting, { DBInstanceIdentifier })
  const { DBInstanceAutomatedBackups = [] } = await root.rds.send(
    new DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceIdentifier: 'shop-prod' }),
  )
  const { DBInstances = [] } = await root.rds.send(
    new DescribeDBInstancesCommand({ DBInstanceIdentifier: 'shop-prod' }),
  )
  const alarms = await root.cloudwatch.send(new DescribeAlarmsCommand({ MaxRecords: 1 }))
  const functions = await root.lambda.send(new ListFunctionsCommand({}))
  const zones = await root.route53.send(new ListHostedZonesCommand({}))
  const secrets = await root.secrets.send(new ListSecretsCommand({}))
  const pages = `arn:aws:sns:${HOME}:${ACCOUNT}:shop-prod-pages`
  const { Subscriptions = [] } = await root.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: pages }))
  const { Aliases = [] } = await root.kms.send(new ListAliasesCommand({}))
  const { Schedules = [] } = await root.scheduler.send(new ListSchedulesCommand({}))
  const { logGroups = [] } = await root.logs.send(new DescribeLogGroupsCommand({}))
  return {
    backupArn: DBInstanceAutomatedBackups[0]!.DBInstanceAutomatedBackupsArn!,
    resourceId: DBInstances[0]!.DbiResourceId!,
    alarm: alarms.MetricAlarms![0]!.AlarmName!,
    zone: zones.HostedZones![0]!.Id!,
    secret: secrets.SecretList![0]!.ARN!,
    pages,
    keyOf: new Map(Aliases.map(({ AliasName, TargetKeyId }) => [AliasName!, TargetKeyId!])),
    schedule: Schedules[0]!.Name!,
    logGroup: logGroups[0]!.logGroupName!,
    subscription: Subscriptions[0]!.SubscriptionArn!,
    functionNames: functions.Functions!.map(({ FunctionName }) => FunctionName!),
    evidence: await putLocked(root, 'evidence', 'evidence/1.json'),
    segment: await putLocked(root, 'segments', 'segments/1'),
  }
}

function makeInstance({ rds }: Clients, identifier: string, tags: Readonly<Record<string, string>>) {
  return rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: identifier,
      DBInstanceClass: 'db.t4g.micro',
      Engine: 'postgres',
      AllocatedStorage: 20,
      BackupRetentionPeriod: 0,
      MasterUsername: 'attack',
      MasterUserPassword: 'only-for-this-test',
      Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
    }),
  )
}

export type Scene = Awaited<ReturnType<typeof setScene>>

export type Locked = { readonly Bucket: string; readonly Key: string; readonly VersionId: string }

async function putLocked({ s3 }: Clients, purpose: string, Key: string): Promise<Locked> {
  const Bucket = `shop-prod-${purpose}-${ACCOUNT}-${HOME}`
  const { VersionId } = await s3.send(
    new PutObjectCommand({ Bucket, Key, Body: 'as it was written', IfNoneMatch: '*' }),
  )
  return { Bucket, Key, VersionId: VersionId! }
}
