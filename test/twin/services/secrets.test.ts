import * as secrets from '@aws-sdk/client-secrets-manager'
import * as ssm from '@aws-sdk/client-ssm'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { apiOver, dynamicOver } from '../../../twin/in-process.ts'
import { createKms, type KmsService } from '../../../twin/services/kms/service.ts'
import {
  createSecretsManager,
  type Rotation,
  type SecretsService,
} from '../../../twin/services/secretsmanager/service.ts'
import { createSsm } from '../../../twin/services/ssm/service.ts'
import { code, workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'

const bench = workbench()
const rotations: Rotation[] = []
let refuseRotation = false
let kms: KmsService
let service: SecretsService
let twin: Awaited<ReturnType<typeof listenerWith>>
let client: secrets.SecretsManagerClient
let parameters: ssm.SSMClient

beforeAll(async () => {
  kms = createKms(bench.dependencies('kms'))
  const sealing = {
    encrypt: kms.encrypt,
    decrypt: kms.decrypt,
    keyArn: (reference: string, region: string) => kms.findKey(reference, region).arn,
  }
  service = createSecretsManager({
    ...bench.dependencies('secrets'),
    ...sealing,
    isReachable: () => true,
    rotate: async rotation => {
      if (refuseRotation) throw new Error('the database refused')
      rotations.push(rotation)
    },
  })
  twin = await listenerWith([
    service.service,
    createSsm({ ...bench.dependencies('ssm'), ...sealing }),
    kms.service,
  ])
  client = new secrets.SecretsManagerClient(twin.config())
  parameters = new ssm.SSMClient(twin.config())
})

afterAll(async () => {
  client.destroy()
  parameters.destroy()
  await twin.close()
  bench.remove()
})

const value = async (SecretId: string, rest: object = {}) =>
  (await client.send(new secrets.GetSecretValueCommand({ SecretId, ...rest }))).SecretString

describe('a secret', () => {
  test('gives its current value by name and ARN, and the one before by its stage', async () => {
    const made = await client.send(new secrets.CreateSecretCommand({ Name: 'shop/db', SecretString: 'one' }))
    expect(made.ARN).toMatch(/^arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop\/db-[A-Za-z0-9]{6}$/)
    await client.send(new secrets.PutSecretValueCommand({ SecretId: 'shop/db', SecretString: 'two' }))
    expect(await value('shop/db')).toBe('two')
    expect(await value(made.ARN!)).toBe('two')
    expect(await value('shop/db', { VersionStage: 'AWSPREVIOUS' })).toBe('one')
    expect(await value('shop/db', { VersionId: made.VersionId })).toBe('one')
    const { VersionIdsToStages } = await client.send(
      new secrets.DescribeSecretCommand({ SecretId: 'shop/db' }),
    )
    expect(
      Object.values(VersionIdsToStages!)
        .map(stages => stages?.join())
        .sort(),
    ).toEqual(['AWSCURRENT', 'AWSPREVIOUS'])
    expect(await code(client.send(new secrets.CreateSecretCommand({ Name: 'shop/db' })))).toBe(
      'ResourceExistsException',
    )
    expect(await code(value('none'))).toBe('ResourceNotFoundException')
  })

  test('rotates: pending is set where it is used, then current; the old one is previous', async () => {
    const first = JSON.stringify({ username: 'admin', password: 'old' })
    await client.send(new secrets.CreateSecretCommand({ Name: 'rotated', SecretString: first }))
    await client.send(
      new secrets.RotateSecretCommand({ SecretId: 'rotated', RotationRules: { AutomaticallyAfterDays: 30 } }),
    )
    expect(rotations).toHaveLength(1)
    expect(rotations[0]?.current).toBe(first)
    expect(await value('rotated')).toBe(rotations[0]?.pending)
    expect(JSON.parse((await value('rotated'))!)).toMatchObject({
      username: 'admin',
      password: expect.stringMatching(/^[A-Za-z0-9]{32}$/),
    })
    expect(await value('rotated', { VersionStage: 'AWSPREVIOUS' })).toBe(first)
  })

  test('stays as it was when its rotation fails', async () => {
    const first = JSON.stringify({ username: 'admin', password: 'old' })
    await client.send(new secrets.CreateSecretCommand({ Name: 'stuck', SecretString: first }))
    refuseRotation = true
    expect(await code(client.send(new secrets.RotateSecretCommand({ SecretId: 'stuck' })))).toBe(
      'InternalFailure',
    )
    refuseRotation = false
    expect(await value('stuck')).toBe(first)
    expect(twin.bugs.splice(0)).toMatchObject([{ message: 'the database refused' }])
  })

  test('is replicated into another region, where it is read and not written', async () => {
    const input = { Name: 'everywhere', SecretString: 'one', AddReplicaRegions: [{ Region: 'eu-central-1' }] }
    await client.send(new secrets.CreateSecretCommand(input))
    await client.send(new secrets.PutSecretValueCommand({ SecretId: 'everywhere', SecretString: 'two' }))
    const there = new secrets.SecretsManagerClient(twin.config('eu-central-1'))
    const read = await there.send(new secrets.GetSecretValueCommand({ SecretId: 'everywhere' }))
    expect(read.SecretString).toBe('two')
    const write = there.send(new secrets.PutSecretValueCommand({ SecretId: 'everywhere', SecretString: 'x' }))
    expect(await code(write)).toBe('InvalidRequestException')
    there.destroy()
  })

  test('learns the connection of the database that it is attached to', async () => {
    await client.send(new secrets.CreateSecretCommand({ Name: 'attached', SecretString: '{"password":"p"}' }))
    service.attach('attached', 'eu-west-1', { host: 'db.local', port: 5432, engine: 'postgres' })
    expect(JSON.parse((await value('attached'))!)).toEqual({
      password: 'p',
      host: 'db.local',
      port: 5432,
      engine: 'postgres',
    })
  })

  test('that is marked for deletion is not read until it is restored', async () => {
    await client.send(new secrets.CreateSecretCommand({ Name: 'gone', SecretString: 'x' }))
    await client.send(new secrets.DeleteSecretCommand({ SecretId: 'gone' }))
    expect(await code(value('gone'))).toBe('InvalidRequestException')
    await client.send(new secrets.RestoreSecretCommand({ SecretId: 'gone' }))
    expect(await value('gone')).toBe('x')
  })

  test('that nobody made has a stand-in once it is referred to whole, and it is said', async () => {
    const said: string[] = []
    const principal = { accessKeyId: 'x', roleArn: 'arn:aws:iam::111111111111:root', arn: 'x' }
    const dynamic = dynamicOver(apiOver([service.service, kms.service], '111111111111', principal))
    const resolve = (reference: string) =>
      dynamic('eu-west-1', 'secretsmanager', reference, text => said.push(text))
    const both = await Promise.all([
      resolve('shop/prod/pager:SecretString:::'),
      resolve('shop/prod/pager:SecretString:::'),
    ])
    expect(both).toEqual(['https://stand-in.invalid/', 'https://stand-in.invalid/'])
    expect(said).toEqual([
      'secret shop/prod/pager in eu-west-1 is not of this assembly: an address that does not exist stands in for it',
    ])
    await client.send(
      new secrets.PutSecretValueCommand({
        SecretId: 'shop/prod/pager',
        SecretString: 'https://pager.example/',
      }),
    )
    expect(await resolve('shop/prod/pager:SecretString:::')).toBe('https://pager.example/')
    // A key was asked of it: whoever wrote the template expects a secret of the assembly.
    await expect(resolve('shop/prod/owner:SecretString:password::')).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    })
  })

  test('under a disabled key is closed', async () => {
    const { arn } = kms.findKey('alias/aws/secretsmanager', 'eu-west-1')
    await client.send(new secrets.CreateSecretCommand({ Name: 'closed', SecretString: 'x', KmsKeyId: arn }))
    const call = { region: 'eu-west-1' } as never
    await kms.service.operations.DisableKey!.run({ KeyId: arn }, call)
    expect(await code(value('closed'))).toBe('DisabledException')
    await kms.service.operations.EnableKey!.run({ KeyId: arn }, call)
    expect(await value('closed')).toBe('x')
  })

  test('has random passwords without the excluded characters', async () => {
    const { RandomPassword } = await client.send(
      new secrets.GetRandomPasswordCommand({
        PasswordLength: 40,
        ExcludeCharacters: '/@" \'\\',
        ExcludeUppercase: true,
      }),
    )
    expect(RandomPassword).toHaveLength(40)
    expect(RandomPassword).not.toMatch(/[/@" '\\A-Z]/)
    expect(RandomPassword).toMatch(/[a-z]/)
    expect(RandomPassword).toMatch(/[0-9]/)
  })
})

describe('a parameter', () => {
  test('has versions, and is overwritten only when told to', async () => {
    await parameters.send(new ssm.PutParameterCommand({ Name: '/shop/url', Value: 'one', Type: 'String' }))
    const again = { Name: '/shop/url', Value: 'two', Type: 'String' as const }
    expect(await code(parameters.send(new ssm.PutParameterCommand(again)))).toBe('ParameterAlreadyExists')
    await parameters.send(new ssm.PutParameterCommand({ ...again, Overwrite: true }))
    const read = async (Name: string) =>
      (await parameters.send(new ssm.GetParameterCommand({ Name }))).Parameter?.Value
    expect(await read('/shop/url')).toBe('two')
    expect(await read('/shop/url:1')).toBe('one')
    expect(await code(read('/shop/none'))).toBe('ParameterNotFound')
    const all = await parameters.send(new ssm.GetParametersByPathCommand({ Path: '/shop' }))
    expect(all.Parameters?.map(({ Name }) => Name)).toEqual(['/shop/url'])
  })

  test('of a secret kind is sealed, and opened on demand', async () => {
    await parameters.send(new ssm.PutParameterCommand({ Name: 'token', Value: 'hush', Type: 'SecureString' }))
    const read = async (WithDecryption: boolean) =>
      (await parameters.send(new ssm.GetParameterCommand({ Name: 'token', WithDecryption }))).Parameter?.Value
    expect(await read(true)).toBe('hush')
    expect(await read(false)).not.toContain('hush')
  })
})
