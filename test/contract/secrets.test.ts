import * as secrets from '@aws-sdk/client-secrets-manager'
import * as ssm from '@aws-sdk/client-ssm'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { code } from '../support/services.ts'
import { type Account, openAccount } from './account.ts'

let account: Account
let SecretId = ''
let Name = ''

beforeAll(async () => {
  account = await openAccount()
  SecretId = account.unique
  Name = `/${account.unique}/token`
})

afterAll(async () => {
  await account.secrets.send(new secrets.DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }))
  await account.ssm.send(new ssm.DeleteParameterCommand({ Name }))
  await account.close()
})

describe('Secrets Manager', () => {
  test('moves the stages as values are put', async () => {
    await account.secrets.send(new secrets.CreateSecretCommand({ Name: SecretId, SecretString: 'one' }))
    await account.secrets.send(new secrets.PutSecretValueCommand({ SecretId, SecretString: 'two' }))
    const read = async (VersionStage?: string) =>
      (await account.secrets.send(new secrets.GetSecretValueCommand({ SecretId, VersionStage }))).SecretString
    expect(await read()).toBe('two')
    expect(await read('AWSPREVIOUS')).toBe('one')
    expect(await code(read('NONE'))).toBe('ResourceNotFoundException')
  })
})

describe('Parameter Store', () => {
  test('seals a SecureString and refuses to overwrite unasked', async () => {
    const put = () =>
      account.ssm.send(new ssm.PutParameterCommand({ Name, Value: 'hush', Type: 'SecureString' }))
    await put()
    expect(await code(put())).toBe('ParameterAlreadyExists')
    const { Parameter } = await account.ssm.send(new ssm.GetParameterCommand({ Name, WithDecryption: true }))
    expect(Parameter).toMatchObject({ Value: 'hush', Version: 1, Type: 'SecureString' })
  })
})
