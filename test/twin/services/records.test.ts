import * as cloudformation from '@aws-sdk/client-cloudformation'
import * as logs from '@aws-sdk/client-cloudwatch-logs'
import * as route53 from '@aws-sdk/client-route-53'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createCloudFormation } from '../../../twin/services/cloudformation/service.ts'
import { createLogs, type LogsService } from '../../../twin/services/logs/service.ts'
import { createRoute53 } from '../../../twin/services/route53/service.ts'
import { createFaults } from '../../../twin/wire/faults.ts'
import { code, workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'

const bench = workbench()
const lines: string[] = []
const unwell = new Set<string>()
let journal: LogsService
let twin: Awaited<ReturnType<typeof listenerWith>>
const clients: { destroy(): void }[] = []
const made = <T extends { destroy(): void }>(client: T): T => {
  clients.push(client)
  return client
}

beforeAll(async () => {
  journal = createLogs({ ...bench.dependencies('logs'), dir: bench.dir, onLine: line => lines.push(line) })
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
  twin = await listenerWith([journal.service, names.service, stacks])
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

  test('take changes in us-east-1 alone, whatever region signed the call', async () => {
    const faults = createFaults()
    faults.add({ region: 'us-east-1', effect: { kind: 'fail', code: 'NoSuchHostedZone', status: 404 } })
    const { service } = createRoute53({ ...bench.dependencies('route53-lost'), isHealthy: () => true })
    const failing = await listenerWith([service], { faults })
    const seen: string[] = []
    for (const region of ['us-east-1', 'eu-west-1']) {
      const client = made(new route53.Route53Client(failing.config(region)))
      seen.push(await code(client.send(new route53.ListHostedZonesCommand({}))))
    }
    await failing.close()
    expect(seen).toEqual(['NoSuchHostedZone', 'NoSuchHostedZone'])
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
