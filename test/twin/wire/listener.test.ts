import { Readable } from 'node:stream'
import * as cloudwatch from '@aws-sdk/client-cloudwatch'
import * as kms from '@aws-sdk/client-kms'
import * as lambda from '@aws-sdk/client-lambda'
import * as rds from '@aws-sdk/client-rds'
import * as route53 from '@aws-sdk/client-route-53'
import * as s3 from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Call, type Service, WireError } from '../../../twin/wire/call.ts'
import { createFaults } from '../../../twin/wire/faults.ts'
import { listenerWith, memoryIdentities } from '../../support/wire.ts'

const seen: { call: Call; input: Record<string, unknown> }[] = []
const answers: Record<string, (input: Record<string, unknown>) => unknown> = {
  DescribeDBInstances: () => ({
    DBInstances: [
      {
        DBInstanceIdentifier: 'shop-prod',
        InstanceCreateTime: new Date('2026-11-20T10:00:00Z'),
        Endpoint: { Address: 'a<b>&"c', Port: 5432 },
        TagList: [{ Key: 'one', Value: '1' }],
        ReadReplicaDBInstanceIdentifiers: ['shop-prod-read-1', 'shop-prod-read-2'],
        MultiAZ: true,
      },
    ],
    Marker: 'next',
  }),
  AddTagsToResource: () => undefined,
  DeleteDBInstance: () => {
    throw new WireError('DBInstanceNotFound', 'DBInstance shop-prod not found.', 404)
  },
  Encrypt: input => ({
    CiphertextBlob: input.Plaintext,
    KeyId: 'key',
    EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
  }),
  DescribeKey: () => {
    throw new WireError('NotFoundException', 'Alias alias/none is not found.')
  },
  GetMetricData: () => ({
    MetricDataResults: [{ Id: 'm1', Timestamps: [new Date('2026-11-20T10:00:00Z')], Values: [1.5] }],
  }),
  PutMetricData: () => undefined,
  GetDashboard: () => {
    throw new WireError('ResourceNotFound', 'Dashboard none does not exist', 404)
  },
  Invoke: input => ({ StatusCode: 200, ExecutedVersion: '3', Payload: input.Payload }),
  GetFunction: () => {
    throw new WireError('ResourceNotFoundException', 'Function not found: none', 404)
  },
  PutObject: async input => {
    const chunks: Buffer[] = []
    for await (const chunk of input.Body as AsyncIterable<Buffer>) chunks.push(chunk)
    const { trailers } = input.Body as unknown as { trailers: Record<string, string> }
    return { ETag: Buffer.concat(chunks).toString(), ChecksumCRC32: trailers['x-amz-checksum-crc32'] }
  },
  GetObject: () => ({ Body: Buffer.from('hello'), ContentLength: 5, ETag: '"e"', Metadata: { who: 'me' } }),
  ListObjectsV2: () => ({ Name: 'bucket', Contents: [{ Key: 'a b/ü', Size: 1 }], KeyCount: 1 }),
  HeadObject: () => {
    throw new WireError('NotFound', 'Not Found', 404)
  },
  CopyObject: () => ({ CopyObjectResult: { ETag: '"copy"' } }),
  GetBucketVersioning: () => ({ Status: 'Enabled' }),
  DeleteObjects: () => ({ Deleted: [{ Key: 'x' }] }),
  ChangeResourceRecordSets: () => ({
    ChangeInfo: { Id: '/change/1', Status: 'INSYNC', SubmittedAt: new Date(0) },
  }),
}

const service = (
  name: string,
  schemas: object,
  protocol: Service['protocol'],
  operations: string[],
): Service => ({
  name,
  schemas: schemas as Service['schemas'],
  protocol,
  operations: Object.fromEntries(
    operations.map(operation => [
      operation,
      {
        questions: () => [{ action: `${name}:${operation}`, resource: '*' }],
        run: (input, call) => {
          seen.push({ call, input })
          return answers[operation]!(input)
        },
      },
    ]),
  ),
})

const services = [
  service('rds', rds, 'query', ['DescribeDBInstances', 'AddTagsToResource', 'DeleteDBInstance']),
  service('kms', kms, 'json1.1', ['Encrypt', 'DescribeKey']),
  service('monitoring', cloudwatch, 'json1.0', ['GetMetricData', 'PutMetricData', 'GetDashboard']),
  service('lambda', lambda, 'rest-json', ['Invoke', 'GetFunction']),
  service('s3', s3, 'rest-xml', [
    'PutObject',
    'GetObject',
    'ListObjectsV2',
    'HeadObject',
    'CopyObject',
    'GetBucketVersioning',
    'DeleteObjects',
  ]),
  service('route53', route53, 'rest-xml', ['ChangeResourceRecordSets']),
]

let twin: Awaited<ReturnType<typeof listenerWith>>
const faults = createFaults()
const clients: { destroy(): void }[] = []
const made = <T extends { destroy(): void }>(client: T): T => {
  clients.push(client)
  return client
}

beforeAll(async () => {
  twin = await listenerWith(services, { faults })
})

afterAll(async () => {
  for (const client of clients) client.destroy()
  await twin.close()
  expect(twin.bugs).toEqual([])
})

const last = () => seen.at(-1)!
const s3Client = (config: object = {}) =>
  made(new s3.S3Client({ ...twin.config(), forcePathStyle: true, ...config }))

describe('the query protocol', () => {
  test('reads lists and filters and writes lists, timestamps and escaped text', async () => {
    const client = made(new rds.RDSClient(twin.config('eu-central-1')))
    const output = await client.send(
      new rds.DescribeDBInstancesCommand({
        MaxRecords: 20,
        Filters: [{ Name: 'engine', Values: ['postgres', 'mysql'] }],
      }),
    )
    expect(last().input).toEqual({
      MaxRecords: 20,
      Filters: [{ Name: 'engine', Values: ['postgres', 'mysql'] }],
    })
    expect(last().call).toMatchObject({ service: 'rds', region: 'eu-central-1', account: '111122223333' })
    expect(output.Marker).toBe('next')
    expect(output.DBInstances).toEqual([
      {
        DBInstanceIdentifier: 'shop-prod',
        InstanceCreateTime: new Date('2026-11-20T10:00:00Z'),
        Endpoint: { Address: 'a<b>&"c', Port: 5432 },
        TagList: [{ Key: 'one', Value: '1' }],
        ReadReplicaDBInstanceIdentifiers: ['shop-prod-read-1', 'shop-prod-read-2'],
        MultiAZ: true,
      },
    ])
  })

  test('answers an operation without a result and reads an empty list', async () => {
    const client = made(new rds.RDSClient(twin.config()))
    await client.send(new rds.AddTagsToResourceCommand({ ResourceName: 'arn', Tags: [] }))
    expect(last().input).toEqual({ ResourceName: 'arn', Tags: [] })
  })

  test('turns a wire code into the exception that the SDK declares', async () => {
    const client = made(new rds.RDSClient(twin.config()))
    const refusal = client.send(new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier: 'shop-prod' }))
    await expect(refusal).rejects.toBeInstanceOf(rds.DBInstanceNotFoundFault)
    await expect(refusal).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } })
  })

  test('names the action that the twin does not have', async () => {
    const client = made(new rds.RDSClient(twin.config()))
    await expect(client.send(new rds.DescribeDBClustersCommand({}))).rejects.toMatchObject({
      name: 'InvalidAction',
      message: 'The twin does not have the action DescribeDBClusters of rds.',
    })
  })

  test('names the parameter that is missing', async () => {
    const client = made(new rds.RDSClient(twin.config()))
    await expect(client.send(new rds.DeleteDBInstanceCommand({} as never))).rejects.toMatchObject({
      name: 'MissingParameter',
      message: 'The request must contain the parameter DBInstanceIdentifier.',
    })
  })
})

/** Lets a client send what its types do not have: the body is changed before it is signed. */
function tamper(client: { middlewareStack: unknown }, change: (body: string) => string) {
  const stack = client.middlewareStack as { add(middleware: unknown, options: object): void }
  stack.add(
    (next: (args: unknown) => unknown) =>
      (args: { request: { body: string; headers: Record<string, string> } }) => {
        args.request.body = change(args.request.body)
        args.request.headers['content-length'] = String(Buffer.byteLength(args.request.body))
        return next(args)
      },
    { step: 'build', priority: 'low', name: 'tamper' },
  )
}

describe('what the model does not have', () => {
  test('is refused by its path in a form', async () => {
    const client = made(new rds.RDSClient(twin.config()))
    tamper(client, body => `${body}&Filters.Filter.1.Colour=red`)
    await expect(client.send(new rds.DescribeDBInstancesCommand({}))).rejects.toMatchObject({
      name: 'UnknownParameter',
      message: expect.stringContaining('Filters.Filter.1.Colour is not a parameter of DescribeDBInstances'),
    })
  })

  test('is refused by its path in JSON', async () => {
    const client = made(new kms.KMSClient(twin.config()))
    tamper(client, () => '{"KeyId":"k","Colour":"red"}')
    await expect(client.send(new kms.DescribeKeyCommand({ KeyId: 'k' }))).rejects.toMatchObject({
      name: 'UnknownParameter',
      message: expect.stringContaining('Colour is not a parameter of DescribeKey'),
    })
  })
})

describe('the JSON protocols', () => {
  test('carry blobs and typed errors', async () => {
    const client = made(new kms.KMSClient(twin.config()))
    const output = await client.send(
      new kms.EncryptCommand({ KeyId: 'k', Plaintext: Buffer.from([0, 255]), EncryptionContext: { a: 'b' } }),
    )
    expect(last().input).toMatchObject({ EncryptionContext: { a: 'b' } })
    expect(Buffer.from(output.CiphertextBlob!)).toEqual(Buffer.from([0, 255]))
    const refusal = client.send(new kms.DescribeKeyCommand({ KeyId: 'alias/none' }))
    await expect(refusal).rejects.toBeInstanceOf(kms.NotFoundException)
    await expect(refusal).rejects.toMatchObject({ message: 'Alias alias/none is not found.' })
  })

  test('name a missing member', async () => {
    const client = made(new kms.KMSClient(twin.config()))
    await expect(client.send(new kms.DescribeKeyCommand({} as never))).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining("Value null at 'keyId'"),
    })
  })

  test('carry timestamps, large gzipped bodies and the old codes of CloudWatch', async () => {
    const client = made(new cloudwatch.CloudWatchClient(twin.config()))
    const end = new Date('2026-11-20T10:00:00.500Z')
    const data = await client.send(
      new cloudwatch.GetMetricDataCommand({ StartTime: new Date(0), EndTime: end, MetricDataQueries: [] }),
    )
    expect(last().input.EndTime).toEqual(end)
    expect(data.MetricDataResults).toMatchObject([
      { Timestamps: [new Date('2026-11-20T10:00:00Z')], Values: [1.5] },
    ])
    const MetricData = Array.from({ length: 900 }, (_, index) => ({
      MetricName: `metric-${index}`,
      Value: index,
    }))
    await client.send(new cloudwatch.PutMetricDataCommand({ Namespace: 'n', MetricData }))
    expect((last().input.MetricData as unknown[]).length).toBe(900)
    await expect(
      client.send(new cloudwatch.GetDashboardCommand({ DashboardName: 'none' })),
    ).rejects.toMatchObject({
      message: 'Dashboard none does not exist',
      $metadata: { httpStatusCode: 404 },
    })
  })
})

describe('the REST protocols', () => {
  test('bind labels, query, headers, status and payload', async () => {
    const client = made(new lambda.LambdaClient(twin.config()))
    const FunctionName = 'arn:aws:lambda:eu-west-1:111122223333:function:f'
    const output = await client.send(
      new lambda.InvokeCommand({
        FunctionName,
        Qualifier: 'live',
        InvocationType: 'Event',
        Payload: '{"a":1}',
      }),
    )
    expect(last().input).toMatchObject({ FunctionName, Qualifier: 'live', InvocationType: 'Event' })
    expect(output).toMatchObject({ StatusCode: 200, ExecutedVersion: '3' })
    expect(output.Payload?.transformToString()).toBe('{"a":1}')
    const refusal = client.send(new lambda.GetFunctionCommand({ FunctionName: 'none' }))
    await expect(refusal).rejects.toBeInstanceOf(lambda.ResourceNotFoundException)
  })

  test('carry XML in both directions', async () => {
    const client = made(new route53.Route53Client(twin.config()))
    const output = await client.send(
      new route53.ChangeResourceRecordSetsCommand({
        HostedZoneId: 'Z1',
        ChangeBatch: {
          Changes: [
            {
              Action: 'UPSERT',
              ResourceRecordSet: {
                Name: 'write',
                Type: 'CNAME',
                TTL: 5,
                ResourceRecords: [{ Value: 'x<y' }],
              },
            },
          ],
        },
      }),
    )
    expect(last().input).toEqual({
      HostedZoneId: 'Z1',
      ChangeBatch: {
        Changes: [
          {
            Action: 'UPSERT',
            ResourceRecordSet: { Name: 'write', Type: 'CNAME', TTL: 5, ResourceRecords: [{ Value: 'x<y' }] },
          },
        ],
      },
    })
    expect(output.ChangeInfo).toEqual({ Id: '/change/1', Status: 'INSYNC', SubmittedAt: new Date(0) })
  })

  test('tell S3 operations apart by query, header and path', async () => {
    const client = s3Client()
    const at = { Bucket: 'bucket', Key: 'a b/ü+(1)' }
    const read = await client.send(new s3.GetObjectCommand(at))
    expect(last().call.operation).toBe('GetObject')
    expect(last().input).toMatchObject(at)
    expect(await read.Body?.transformToString()).toBe('hello')
    expect(read.Metadata).toEqual({ who: 'me' })
    const list = await client.send(new s3.ListObjectsV2Command({ Bucket: 'bucket', Prefix: 'a b' }))
    expect(list.Contents).toEqual([{ Key: 'a b/ü', Size: 1 }])
    await client.send(new s3.CopyObjectCommand({ ...at, CopySource: 'bucket/other' }))
    expect(last().call.operation).toBe('CopyObject')
    expect(await client.send(new s3.GetBucketVersioningCommand({ Bucket: 'bucket' }))).toMatchObject({
      Status: 'Enabled',
    })
    await client.send(
      new s3.DeleteObjectsCommand({ Bucket: 'bucket', Delete: { Objects: [{ Key: '<x>' }] } }),
    )
    expect(last().input.Delete).toEqual({ Objects: [{ Key: '<x>' }] })
    await expect(client.send(new s3.HeadObjectCommand(at))).rejects.toMatchObject({ name: 'NotFound' })
    await expect(client.send(new s3.GetObjectAclCommand(at))).rejects.toMatchObject({
      name: 'NotImplemented',
    })
  })

  test('take the aws-chunked framing off a streamed body and keep its trailer', async () => {
    const client = s3Client()
    const body = Readable.from([Buffer.from('hello '), Buffer.from('world')])
    const output = await client.send(
      new s3.PutObjectCommand({ Bucket: 'b', Key: 'k', Body: body, ContentLength: 11 }),
    )
    expect(output.ETag).toBe('hello world')
    expect(output.ChecksumCRC32).toBe('DUoRhQ==')
  })
})

describe('who calls', () => {
  test('is refused with a wrong secret, an unknown key and no key', async () => {
    const root = twin.identities.root()
    const stranger = memoryIdentities().root()
    const wrong = {
      ...twin.config(),
      credentials: { accessKeyId: root.principal.accessKeyId, secretAccessKey: 'x' },
    }
    await expect(
      made(new rds.RDSClient(wrong)).send(new rds.DescribeDBInstancesCommand({})),
    ).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
      $metadata: { httpStatusCode: 403 },
    })
    const unknown = {
      ...twin.config(),
      credentials: { accessKeyId: stranger.principal.accessKeyId, secretAccessKey: stranger.secretAccessKey },
    }
    await expect(
      made(new kms.KMSClient(unknown)).send(new kms.DescribeKeyCommand({ KeyId: 'k' })),
    ).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    })
    const response = await fetch(`${twin.url}/bucket/key`)
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('<Code>MissingAuthenticationToken</Code>')
  })

  test('is refused before the operation runs when authorize throws', async () => {
    const guarded = await listenerWith(services, {
      authorize: (call, questions) => {
        throw new WireError('AccessDenied', `${call.principal.arn} ${questions[0]?.action}`, 403)
      },
    })
    const before = seen.length
    const client = made(new rds.RDSClient(guarded.config()))
    await expect(client.send(new rds.DescribeDBInstancesCommand({}))).rejects.toMatchObject({
      name: 'AccessDenied',
      message: 'arn:aws:iam::111122223333:root rds:DescribeDBInstances',
    })
    expect(seen.length).toBe(before)
    await guarded.close()
  })
})

describe('a fault', () => {
  test('throttles as many calls as it says and no more', async () => {
    faults.add({ service: 'rds', operation: 'Describe*', times: 2, effect: { kind: 'throttle' } })
    const client = made(new rds.RDSClient(twin.config()))
    const describeInstances = () => client.send(new rds.DescribeDBInstancesCommand({}))
    await expect(describeInstances()).rejects.toMatchObject({ name: 'Throttling' })
    await expect(describeInstances()).rejects.toMatchObject({ name: 'Throttling' })
    await expect(describeInstances()).resolves.toMatchObject({ Marker: 'next' })
  })

  test('loses an answer after the call happened', async () => {
    faults.add({ operation: 'AddTagsToResource', times: 1, effect: { kind: 'lose-answer' } })
    const before = seen.length
    const client = made(new rds.RDSClient(twin.config()))
    await expect(
      client.send(new rds.AddTagsToResourceCommand({ ResourceName: 'a', Tags: [] })),
    ).rejects.toMatchObject({
      message: expect.stringContaining('socket hang up'),
    })
    expect(seen.length).toBe(before + 1)
  })

  test('skews the clock so that honest requests are too old until the SDK corrects itself', async () => {
    faults.skewClock(3_600_000)
    const config = twin.config()
    const client = made(new rds.RDSClient(config))
    await expect(client.send(new rds.DescribeDBInstancesCommand({}))).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
    })
    await expect(client.send(new rds.DescribeDBInstancesCommand({}))).resolves.toMatchObject({
      Marker: 'next',
    })
    faults.skewClock(0)
  })

  test('holds calls into a region until it is cleared', async () => {
    const id = faults.add({ region: 'eu-west-2', effect: { kind: 'hang' } })
    const client = made(new rds.RDSClient(twin.config('eu-west-2')))
    const held = client.send(new rds.DescribeDBInstancesCommand({})).catch(error => error)
    await expect(
      made(new rds.RDSClient(twin.config())).send(new rds.DescribeDBInstancesCommand({})),
    ).resolves.toBeDefined()
    while (faults.list()[0]?.touched !== 1) await new Promise(resolve => setImmediate(resolve))
    faults.clear(id)
    expect(await held).toMatchObject({ name: 'ServiceUnavailable' })
  })
})
