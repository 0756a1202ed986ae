import { createHash, createPublicKey, verify } from 'node:crypto'
import * as kms from '@aws-sdk/client-kms'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { code } from '../support/services.ts'
import { type Account, openAccount } from './account.ts'

let account: Account
let sealing = ''
let signing = ''

beforeAll(async () => {
  account = await openAccount()
  const create = async (input: kms.CreateKeyCommandInput) =>
    (await account.kms.send(new kms.CreateKeyCommand(input))).KeyMetadata?.KeyId ?? ''
  sealing = await create({ Description: account.unique })
  signing = await create({ Description: account.unique, KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
})

afterAll(async () => {
  for (const KeyId of [sealing, signing]) {
    await account.kms.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
  }
  await account.close()
})

describe('KMS', () => {
  test('binds a ciphertext to its context', async () => {
    const EncryptionContext = { a: '1' }
    const { CiphertextBlob } = await account.kms.send(
      new kms.EncryptCommand({ KeyId: sealing, Plaintext: Buffer.from('x'), EncryptionContext }),
    )
    const decrypt = (context: Record<string, string>) =>
      account.kms.send(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext: context }))
    expect(Buffer.from((await decrypt(EncryptionContext)).Plaintext!).toString()).toBe('x')
    expect(await code(decrypt({ a: '2' }))).toBe('InvalidCiphertextException')
  })

  test('signs a digest so that the message verifies offline', async () => {
    const message = Buffer.from('evidence')
    const { PublicKey } = await account.kms.send(new kms.GetPublicKeyCommand({ KeyId: signing }))
    const { Signature } = await account.kms.send(
      new kms.SignCommand({
        KeyId: signing,
        Message: createHash('sha256').update(message).digest(),
        MessageType: 'DIGEST',
        SigningAlgorithm: 'ECDSA_SHA_256',
      }),
    )
    const publicKey = createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' })
    expect(verify('sha256', message, publicKey, Signature!)).toBe(true)
  })

  test('names a key that is not there and a use that it does not have', async () => {
    const describeKey = (KeyId: string) => code(account.kms.send(new kms.DescribeKeyCommand({ KeyId })))
    expect(await describeKey('alias/holdfast-none')).toBe('NotFoundException')
    const encrypt = new kms.EncryptCommand({ KeyId: signing, Plaintext: Buffer.from('x') })
    expect(await code(account.kms.send(encrypt))).toBe('InvalidKeyUsageException')
  })
})
