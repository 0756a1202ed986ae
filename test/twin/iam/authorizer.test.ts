import * as kms from '@aws-sdk/client-kms'
import * as rds from '@aws-sdk/client-rds'
import * as s3 from '@aws-sdk/client-s3'
import * as sns from '@aws-sdk/client-sns'
import * as sts from '@aws-sdk/client-sts'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  type Authorizer,
  allowEverything,
  createAuthorizer,
  type Denial,
} from '../../../twin/iam/authorizer.ts'
import type { Identities } from '../../../twin/iam/identities.ts'
import {
  createRoles,
  type ManagedPolicyRecord,
  type RoleRecord,
  type Roles,
} from '../../../twin/iam/roles.ts'
import { createKms, type KmsService } from '../../../twin/services/kms/service.ts'
import { createS3, type S3Service } from '../../../twin/services/s3/service.ts'
import { createSns, type SnsService } from '../../../twin/services/sns/service.ts'
import { createSts } from '../../../twin/services/sts/service.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import type { Service } from '../../../twin/wire/call.ts'
import { code, workbench } from '../../support/services.ts'
import { clientConfig, listenerWith, memoryIdentities } from '../../support/wire.ts'

const ACCOUNT = '111122223333'
const DRILL = `arn:aws:iam::${ACCOUNT}:role/drill`
const PRODUCTION = `arn:aws:rds:eu-west-1:${ACCOUNT}:db:shop-prod`
const bench = workbench()
const denials: Denial[] = []
const ran: string[] = []
const clients: { destroy(): void }[] = []
let roles: Roles
let keys: KmsService
let objects: S3Service
let topics: SnsService
let authorizer: Authorizer
let identities: Identities
let twin: Awaited<ReturnType<typeof listenerWith>>

const role = (name: string, statements: object[], rest: Partial<RoleRecord> = {}): RoleRecord => ({
  arn: `arn:aws:iam::${ACCOUNT}:role/${name}`,
  name,
  path: '/',
  id: 'AROA0',
  createdAt: '2026-11-20T10:00:00Z',
  maxSessionSeconds: 3600,
  trust: {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
    ],
  },
  inline: { own: { Version: '2012-10-17', Statement: statements } },
  managed: [],
  tags: {},
  ...rest,
})

const database: Service = {
  name: 'rds',
  schemas: rds as unknown as Service['schemas'],
  protocol: 'query',
  operations: {
    DeleteDBInstance: {
      questions: input => [
        {
          action: 'rds:DeleteDBInstance',
          resource: `arn:aws:rds:eu-west-1:${ACCOUNT}:db:${input.DBInstanceIdentifier}`,
          ...(input.DBInstanceIdentifier.startsWith('drill-') && {
            context: { 'aws:ResourceTag/holdfast:drill': 'one' },
          }),
        },
      ],
      run: input => {
        ran.push(input.DBInstanceIdentifier)
        return {}
      },
    },
  },
}

beforeAll(async () => {
  const open = <T>(name: string) => openCollection<T>(`${bench.dir}/${name}.json`)
  roles = createRoles(open<RoleRecord>('roles'), open<ManagedPolicyRecord>('managed'))
  keys = createKms(bench.dependencies('kms'))
  authorizer = createAuthorizer({
    roles,
    account: ACCOUNT,
    clock: () => bench.time.now,
    resourcePolicies: {
      s3: arn => objects.policyOf(arn),
      kms: arn => keys.policyOf(arn),
      sns: arn => topics.policyOf(arn),
    },
    onDenial: denial => denials.push(denial),
  })
  objects = createS3({
    ...bench.dependencies('s3'),
    dir: `${bench.dir}/s3`,
    findKey: keys.findKey,
    may: authorizer.may,
    allowsRole: (arn, question, region) => authorizer.allowsRole(arn, question, region).allowed,
  })
  topics = createSns({
    ...bench.dependencies('sns'),
    dir: bench.dir,
    findKey: keys.findKey,
    assertKeyUsable: () => {},
  })
  identities = memoryIdentities()
  const tokens = createSts({ account: ACCOUNT, clock: Date.now, roles, identities })
  const services = [database, keys.service, objects.service, topics.service, tokens]
  twin = await listenerWith(services, { identities, authorize: authorizer.authorize })
  roles.put(
    role('drill', [
      {
        Effect: 'Allow',
        Action: 'rds:*',
        Resource: `arn:aws:rds:*:${ACCOUNT}:db:drill-*`,
        Condition: { StringLike: { 'aws:ResourceTag/holdfast:drill': '*' } },
      },
      { Effect: 'Deny', Action: 'rds:*', Resource: `arn:aws:rds:*:${ACCOUNT}:db:shop-standby` },
      { Effect: 'Allow', Action: ['s3:PutObject', 's3:GetObject'], Resource: 'arn:aws:s3:::evidence/*' },
      { Effect: 'Allow', Action: 'kms:Sign', Resource: '*' },
    ]),
  )
})

afterAll(async () => {
  for (const client of clients) client.destroy()
  await twin.close()
  objects.close()
  bench.remove()
  expect(twin.bugs).toEqual([])
})

const made = <T extends { destroy(): void }>(client: T): T => {
  clients.push(client)
  return client
}
const as = (roleArn: string) => clientConfig(twin.url, identities.forRole(roleArn))
const asRoot = () => clientConfig(twin.url, identities.root())
const bucketClient = (config: object) => made(new s3.S3Client({ ...config, forcePathStyle: true }))

describe('a role', () => {
  test('may what its policy allows, and nothing happens where it may not', async () => {
    const client = made(new rds.RDSClient(as(DRILL)))
    const remove = (DBInstanceIdentifier: string) =>
      client.send(new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier }))
    await remove('drill-shop-prod-1')
    await expect(remove('shop-prod')).rejects.toMatchObject({
      name: 'AccessDenied',
      message: `User: arn:aws:sts::${ACCOUNT}:assumed-role/drill/twin is not authorized to perform: rds:DeleteDBInstance on resource: ${PRODUCTION} because no identity-based policy allows the rds:DeleteDBInstance action`,
      $metadata: { httpStatusCode: 403 },
    })
    expect(ran).toEqual(['drill-shop-prod-1'])
    expect(denials.at(-1)).toMatchObject({
      caller: DRILL,
      missing: { Effect: 'Allow', Action: 'rds:DeleteDBInstance', Resource: PRODUCTION },
    })
    await expect(remove('shop-standby')).rejects.toMatchObject({
      message: expect.stringMatching(/with an explicit deny in an identity-based policy$/),
    })
    expect(denials.at(-1)?.missing).toBeUndefined()
  })

  test('that is gone may nothing', async () => {
    roles.put(role('short', [{ Effect: 'Allow', Action: '*', Resource: '*' }]))
    const client = made(new rds.RDSClient(as(`arn:aws:iam::${ACCOUNT}:role/short`)))
    await client.send(new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier: 'x' }))
    roles.records.delete(`arn:aws:iam::${ACCOUNT}:role/short`)
    expect(await code(client.send(new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier: 'x' })))).toBe(
      'AccessDenied',
    )
  })

  test('is held by its boundary', async () => {
    const boundary = `arn:aws:iam::${ACCOUNT}:policy/limit`
    roles.putManaged({
      arn: boundary,
      name: 'limit',
      document: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] },
    })
    roles.put(role('bound', [{ Effect: 'Allow', Action: '*', Resource: '*' }], { boundary }))
    const client = made(new rds.RDSClient(as(`arn:aws:iam::${ACCOUNT}:role/bound`)))
    await expect(
      client.send(new rds.DeleteDBInstanceCommand({ DBInstanceIdentifier: 'x' })),
    ).rejects.toMatchObject({
      message: expect.stringContaining(
        'because no permissions boundary allows the rds:DeleteDBInstance action',
      ),
    })
  })

  test('carries the policies that AWS manages, and one that the twin lacks is refused by name', () => {
    const managed = (name: string) => role('managed', [], { managed: [`arn:aws:iam::aws:policy/${name}`] })
    roles.put(managed('service-role/AWSLambdaBasicDurableExecutionRolePolicy'))
    const question = { action: 'lambda:CheckpointDurableExecution', resource: '*' }
    expect(authorizer.allowsRole(`arn:aws:iam::${ACCOUNT}:role/managed`, question, 'eu-west-1').allowed).toBe(
      true,
    )
    expect(() => roles.put(managed('AdministratorAccess'))).toThrow(
      'the twin does not carry the AWS managed policy AdministratorAccess. HINT:',
    )
  })
})

describe('each service refuses in its own words', () => {
  test('KMS, S3 and SNS', async () => {
    const signer = made(new kms.KMSClient(as(DRILL)))
    const root = made(new kms.KMSClient(asRoot()))
    const { KeyMetadata } = await root.send(new kms.CreateKeyCommand({}))
    await expect(
      signer.send(new kms.DescribeKeyCommand({ KeyId: KeyMetadata!.KeyId! })),
    ).rejects.toMatchObject({
      name: 'AccessDeniedException',
      $metadata: { httpStatusCode: 400 },
    })
    await bucketClient(asRoot()).send(new s3.CreateBucketCommand({ Bucket: 'evidence' }))
    const list = new s3.ListObjectsV2Command({ Bucket: 'evidence' })
    await expect(bucketClient(as(DRILL)).send(list)).rejects.toMatchObject({
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403 },
    })
    const TopicArn = `arn:aws:sns:eu-west-1:${ACCOUNT}:pages`
    const publish = made(new sns.SNSClient(as(DRILL))).send(
      new sns.PublishCommand({ TopicArn, Message: 'x' }),
    )
    await expect(publish).rejects.toBeInstanceOf(sns.AuthorizationErrorException)
  })
})

describe('a key', () => {
  test('whose policy does not leave it to the account is closed to every policy but its own', async () => {
    const root = made(new kms.KMSClient(asRoot()))
    const { KeyMetadata } = await root.send(
      new kms.CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
    )
    const KeyId = KeyMetadata!.KeyId!
    const signer = made(new kms.KMSClient(as(DRILL)))
    const sign = () =>
      code(
        signer.send(
          new kms.SignCommand({ KeyId, Message: Buffer.from('x'), SigningAlgorithm: 'ECDSA_SHA_256' }),
        ),
      )
    expect(await sign()).toBe('no error')
    const policyFor = (principal: string) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { AWS: principal }, Action: 'kms:*', Resource: '*' }],
      })
    await root.send(
      new kms.PutKeyPolicyCommand({ KeyId, Policy: policyFor(`arn:aws:iam::${ACCOUNT}:role/other`) }),
    )
    expect(await sign()).toBe('AccessDeniedException')
    expect(await code(root.send(new kms.DescribeKeyCommand({ KeyId })))).toBe('AccessDeniedException')
  })

  test('that the role may not use keeps it from the objects under it', async () => {
    const root = made(new kms.KMSClient(asRoot()))
    const { KeyMetadata } = await root.send(new kms.CreateKeyCommand({}))
    const put = new s3.PutObjectCommand({
      Bucket: 'evidence',
      Key: 'k',
      Body: 'x',
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: KeyMetadata!.Arn!,
    })
    await expect(bucketClient(as(DRILL)).send(put)).rejects.toMatchObject({
      name: 'AccessDenied',
      message: expect.stringContaining(`kms:GenerateDataKey on resource: ${KeyMetadata!.Arn}`),
    })
    roles.put(
      role('keyed', [
        { Effect: 'Allow', Action: 's3:*', Resource: '*' },
        {
          Effect: 'Allow',
          Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
          Resource: '*',
          Condition: { StringEquals: { 'kms:ViaService': 's3.eu-west-1.amazonaws.com' } },
        },
      ]),
    )
    expect(await code(bucketClient(as(`arn:aws:iam::${ACCOUNT}:role/keyed`)).send(put))).toBe('no error')
  })
})

describe('an encrypted topic', () => {
  test('takes what CloudWatch publishes only when its key lets CloudWatch in', async () => {
    const root = made(new kms.KMSClient(asRoot()))
    const { KeyMetadata } = await root.send(new kms.CreateKeyCommand({}))
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'cloudwatch.amazonaws.com' },
          Action: 'sns:Publish',
          Resource: '*',
        },
      ],
    })
    const { TopicArn = '' } = await made(new sns.SNSClient(asRoot())).send(
      new sns.CreateTopicCommand({
        Name: 'pages',
        Attributes: { KmsMasterKeyId: KeyMetadata!.KeyId!, Policy },
      }),
    )
    const refused = () =>
      [{ action: 'sns:Publish', resource: TopicArn }, ...topics.keyQuestions(TopicArn)]
        .filter(
          question => !authorizer.allowsService('cloudwatch.amazonaws.com', question, 'eu-west-1').allowed,
        )
        .map(({ action }) => action)
    expect(refused()).toEqual(['kms:GenerateDataKey', 'kms:Decrypt'])
    await root.send(
      new kms.PutKeyPolicyCommand({
        KeyId: KeyMetadata!.KeyId!,
        Policy: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { Service: 'cloudwatch.amazonaws.com' },
              Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
              Resource: '*',
            },
          ],
        }),
      }),
    )
    expect(refused()).toEqual([])
  })
})

describe('a bucket policy', () => {
  test('denies what the role may, root included', async () => {
    const root = bucketClient(asRoot())
    await root.send(new s3.PutObjectCommand({ Bucket: 'evidence', Key: 'held', Body: 'x' }))
    await root.send(
      new s3.PutBucketPolicyCommand({
        Bucket: 'evidence',
        Policy: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Deny',
              Principal: '*',
              Action: 's3:DeleteObject',
              Resource: 'arn:aws:s3:::evidence/*',
            },
            {
              Effect: 'Deny',
              Principal: '*',
              Action: 's3:*',
              Resource: 'arn:aws:s3:::evidence/*',
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            },
          ],
        }),
      }),
    )
    await expect(
      root.send(new s3.DeleteObjectCommand({ Bucket: 'evidence', Key: 'held' })),
    ).rejects.toMatchObject({
      message: expect.stringContaining('with an explicit deny in a resource-based policy'),
    })
    expect(await code(root.send(new s3.GetObjectCommand({ Bucket: 'evidence', Key: 'held' })))).toBe(
      'no error',
    )
    const malformed = new s3.PutBucketPolicyCommand({
      Bucket: 'evidence',
      Policy: '{"Statement":[{"Effect":"Maybe"}]}',
    })
    expect(await code(root.send(malformed))).toBe('MalformedPolicy')
  })
})

describe('STS', () => {
  test('says who calls, and gives a role only to whom it trusts', async () => {
    const client = made(new sts.STSClient(as(DRILL)))
    expect(await client.send(new sts.GetCallerIdentityCommand({}))).toMatchObject({
      Account: ACCOUNT,
      Arn: `arn:aws:sts::${ACCOUNT}:assumed-role/drill/twin`,
    })
    const trust = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { AWS: DRILL }, Action: 'sts:AssumeRole' }],
    }
    roles.put(role('reader', [{ Effect: 'Allow', Action: 's3:ListAllMyBuckets', Resource: '*' }], { trust }))
    const assume = (name: string) =>
      client.send(
        new sts.AssumeRoleCommand({
          RoleArn: `arn:aws:iam::${ACCOUNT}:role/${name}`,
          RoleSessionName: 'test',
        }),
      )
    expect(await code(assume('keyed'))).toBe('AccessDenied')
    const { Credentials } = await assume('reader')
    const credentials = {
      accessKeyId: Credentials!.AccessKeyId!,
      secretAccessKey: Credentials!.SecretAccessKey!,
      sessionToken: Credentials!.SessionToken!,
    }
    const reader = bucketClient({ ...asRoot(), credentials })
    expect(await code(reader.send(new s3.ListBucketsCommand({})))).toBe('no error')
    const { sessionToken: _, ...withoutToken } = credentials
    const stranger = bucketClient({ ...asRoot(), credentials: withoutToken })
    expect(await code(stranger.send(new s3.ListBucketsCommand({})))).toBe('InvalidAccessKeyId')
  })
})

describe('without IAM', () => {
  test('everything is allowed', () => {
    expect(() =>
      allowEverything.authorize({} as never, [{ action: 'rds:DeleteDBInstance', resource: PRODUCTION }]),
    ).not.toThrow()
  })
})
