import * as backup from '@aws-sdk/client-backup'
import * as cloudformation from '@aws-sdk/client-cloudformation'
import * as logs from '@aws-sdk/client-cloudwatch-logs'
import * as route53 from '@aws-sdk/client-route-53'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type BackupService, createBackup } from '../../../twin/services/backup/service.ts'
import { createCloudFormation } from '../../../twin/services/cloudformation/service.ts'
import { createLogs, type LogsService } from '../../../twin/services/logs/service.ts'
import { createRoute53 } from '../../../twin/services/route53/service.ts'
import { code, workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'

const bench = workbench()
const lines: string[] = []
const unwell = new Set<string>()
const removed: string[] = []
let takenBefore = 0
let journal: LogsService
let vaults: BackupService
let twin: Awaited<ReturnType<typeof listenerWith>>
const clients: { destroy(): void }[] = []
const made = <T extends { destroy(): void }>(client: T): T => {
  clients.push(client)
  return client
}

beforeAll(async () => {
  journal = createLogs({ ...bench.dependencies('logs'), dir: bench.dir, onLine: line => lines.push(line) })
  vaults = createBackup({
    ...bench.dependencies('backup'),
    snapshots: {
      take: async (resource, name) => {
        if (resource.endsWith('none')) throw new Error('there is no such database')
        takenBefore++
        return { arn: `arn:aws:rds:eu-west-1:111122223333:snapshot:${name}`, bytes: 100 }
      },
      copy: async (_, region, __, name) => ({
        arn: `arn:aws:rds:${region}:111122223333:snapshot:${name}`,
        bytes: 100,
      }),
      remove: async arn => {
        removed.push(arn)
      },
    },
  })
  const names = createRoute53({
    ...bench.dependencies('route53'),
    isHealthy: config => !unwell.has(config.AlarmIdentifier?.Name ?? ''),
  })
  const stacks = createCloudFormation({
    account: '111122223333',
    stacks: region =>
      region === 'eu-west-1'
        ? [
            {
              name: 'shop-prod-recovery',
              region,
              outputs: { ReaperArn: 'arn:aws:lambda:x' },
              exports: {},
              tags: { a: 'b' },
              createdAt: '2026-11-20T10:00:00Z',
              updatedAt: '2026-11-20T10:00:00Z',
              template: { Resources: {} },
              resources: [{ logicalId: 'Reaper', physicalId: 'reaper-1', type: 'AWS::Lambda::Function' }],
            },
          ]
        : [],
  })
  twin = await listenerWith([journal.service, vaults.service, names.service, stacks])
})

afterAll(async () => {
  for (const client of clients) client.destroy()
  await twin.close()
  bench.remove()
  expect(twin.bugs).toEqual([])
})

describe('logs', () => {
  test('take lines from functions and callers, and find them again', async () => {
    const client = made(new logs.CloudWatchLogsClient(twin.config()))
    const group = '/aws/lambda/reaper'
    const at = bench.time.now
    journal.append('eu-west-1', group, 'one', [
      { at, message: 'START' },
      { at: at + 1, message: 'ERROR it broke' },
    ])
    await client.send(
      new logs.PutLogEventsCommand({
        logGroupName: group,
        logStreamName: 'one',
        logEvents: [{ timestamp: at + 2, message: 'ERROR again, expected' }],
      }),
    )
    const found = await client.send(
      new logs.FilterLogEventsCommand({ logGroupName: group, filterPattern: 'ERROR -expected' }),
    )
    expect(found.events?.map(({ message }) => message)).toEqual(['ERROR it broke'])
    const all = await client.send(
      new logs.GetLogEventsCommand({ logGroupName: group, logStreamName: 'one', startFromHead: true }),
    )
    expect(all.events?.map(({ timestamp }) => timestamp! - at)).toEqual([0, 1, 2])
    expect(lines).toEqual(['START', 'ERROR it broke', 'ERROR again, expected'])
    const refused = new logs.FilterLogEventsCommand({ logGroupName: group, filterPattern: '{ $.a = 1 }' })
    expect(await code(client.send(refused))).toBe('InvalidParameterException')
    expect(
      await code(client.send(new logs.GetLogEventsCommand({ logGroupName: 'none', logStreamName: 'x' }))),
    ).toBe('ResourceNotFoundException')
  })
})

describe('names', () => {
  test('answer by weight among the healthy, and follow an alias', async () => {
    const client = made(new route53.Route53Client(twin.config()))
    const { HostedZone } = await client.send(
      new route53.CreateHostedZoneCommand({
        Name: 'shop.internal',
        CallerReference: 'one',
        VPC: { VPCId: 'vpc-1', VPCRegion: 'eu-west-1' },
      }),
    )
    const HostedZoneId = HostedZone!.Id!
    const { HealthCheck } = await client.send(
      new route53.CreateHealthCheckCommand({
        CallerReference: 'check',
        HealthCheckConfig: {
          Type: 'CLOUDWATCH_METRIC',
          AlarmIdentifier: { Name: 'read-1', Region: 'eu-west-1' },
          InsufficientDataHealthStatus: 'Healthy',
        },
      }),
    )
    const weighted = (SetIdentifier: string, Weight: number, HealthCheckId?: string) => ({
      Action: 'UPSERT' as const,
      ResourceRecordSet: {
        Name: 'read.shop.internal',
        Type: 'CNAME' as const,
        TTL: 5,
        SetIdentifier,
        Weight,
        ...(HealthCheckId && { HealthCheckId }),
        ResourceRecords: [{ Value: `${SetIdentifier}.example` }],
      },
    })
    const change = (Changes: route53.Change[]) =>
      client.send(new route53.ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes } }))
    await change([weighted('one', 1, HealthCheck!.Id), weighted('two', 0)])
    const ask = async () =>
      (
        await client.send(
          new route53.TestDNSAnswerCommand({
            HostedZoneId,
            RecordName: 'READ.shop.internal',
            RecordType: 'CNAME',
          }),
        )
      ).RecordData
    expect(await ask()).toEqual(['one.example'])
    unwell.add('read-1')
    expect(await ask()).toEqual(['two.example'])
    unwell.clear()
    const wrong = { ...weighted('three', 1), Action: 'DELETE' as const }
    expect(await code(change([weighted('four', 1), wrong]))).toBe('InvalidChangeBatch')
    const { ResourceRecordSets } = await client.send(
      new route53.ListResourceRecordSetsCommand({ HostedZoneId }),
    )
    expect(ResourceRecordSets?.map(({ SetIdentifier }) => SetIdentifier)).toEqual(['one', 'two'])
  })
})

describe('stacks', () => {
  test('tell their outputs and template, and that one is not there', async () => {
    const client = made(new cloudformation.CloudFormationClient(twin.config()))
    const { Stacks } = await client.send(
      new cloudformation.DescribeStacksCommand({ StackName: 'shop-prod-recovery' }),
    )
    expect(Stacks).toMatchObject([
      {
        StackStatus: 'CREATE_COMPLETE',
        Outputs: [{ OutputKey: 'ReaperArn', OutputValue: 'arn:aws:lambda:x' }],
      },
    ])
    const { TemplateBody } = await client.send(
      new cloudformation.GetTemplateCommand({ StackName: 'shop-prod-recovery' }),
    )
    expect(JSON.parse(TemplateBody!)).toEqual({ Resources: {} })
    await expect(
      client.send(new cloudformation.DescribeStacksCommand({ StackName: 'none' })),
    ).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'Stack with id none does not exist',
    })
  })
})

describe('a locked vault', () => {
  test('takes backups and their copies, and gives none up before its time', async () => {
    const client = made(new backup.BackupClient(twin.config()))
    const there = made(new backup.BackupClient(twin.config('eu-central-1')))
    await client.send(
      new backup.CreateBackupVaultCommand({ BackupVaultName: 'shop', EncryptionKeyArn: 'arn:aws:kms:x' }),
    )
    await there.send(new backup.CreateBackupVaultCommand({ BackupVaultName: 'shop' }))
    await client.send(
      new backup.PutBackupVaultLockConfigurationCommand({
        BackupVaultName: 'shop',
        MinRetentionDays: 7,
        MaxRetentionDays: 35,
        ChangeableForDays: 3,
      }),
    )
    const at = {
      BackupVaultName: 'shop',
      IamRoleArn: 'arn:aws:iam::111122223333:role/backup',
      ResourceArn: 'arn:aws:rds:eu-west-1:111122223333:db:shop',
    }
    const start = (DeleteAfterDays: number, rest: object = {}) =>
      client.send(new backup.StartBackupJobCommand({ ...at, Lifecycle: { DeleteAfterDays }, ...rest }))
    expect(await code(start(1))).toBe('InvalidParameterValueException')
    const { BackupJobId } = await start(7)
    await vaults.settle()
    const job = await client.send(new backup.DescribeBackupJobCommand({ BackupJobId }))
    expect(job.State).toBe('COMPLETED')
    expect(takenBefore).toBe(1)
    const { RecoveryPoints } = await client.send(
      new backup.ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: 'shop' }),
    )
    expect(RecoveryPoints).toMatchObject([
      {
        RecoveryPointArn: `arn:aws:rds:eu-west-1:111122223333:snapshot:awsbackup:job-${BackupJobId}`,
        ResourceArn: at.ResourceArn,
        CalculatedLifecycle: { DeleteAt: new Date('2026-11-27T10:00:00Z') },
      },
    ])
    const RecoveryPointArn = RecoveryPoints![0]!.RecoveryPointArn!
    await client.send(
      new backup.StartCopyJobCommand({
        RecoveryPointArn,
        SourceBackupVaultName: 'shop',
        DestinationBackupVaultArn: 'arn:aws:backup:eu-central-1:111122223333:backup-vault:shop',
        IamRoleArn: at.IamRoleArn,
      }),
    )
    await vaults.settle()
    expect(
      await there.send(new backup.DescribeBackupVaultCommand({ BackupVaultName: 'shop' })),
    ).toMatchObject({
      NumberOfRecoveryPoints: 1,
      Locked: false,
    })
    const remove = () =>
      code(client.send(new backup.DeleteRecoveryPointCommand({ BackupVaultName: 'shop', RecoveryPointArn })))
    expect(await remove()).toBe('InvalidRequestException')
    bench.time.now += 4 * 86_400_000
    const unlock = new backup.DeleteBackupVaultLockConfigurationCommand({ BackupVaultName: 'shop' })
    expect(await code(client.send(unlock))).toBe('InvalidRequestException')
    bench.time.now += 4 * 86_400_000
    expect(await remove()).toBe('no error')
    expect(removed).toEqual([RecoveryPointArn])
  })

  test('says why a job failed', async () => {
    const client = made(new backup.BackupClient(twin.config('eu-central-1')))
    const { BackupJobId } = await client.send(
      new backup.StartBackupJobCommand({ BackupVaultName: 'shop', IamRoleArn: 'r', ResourceArn: 'arn:none' }),
    )
    await vaults.settle()
    expect(await client.send(new backup.DescribeBackupJobCommand({ BackupJobId }))).toMatchObject({
      State: 'FAILED',
      StatusMessage: 'there is no such database',
    })
  })
})
