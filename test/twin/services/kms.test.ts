import { createHash, createPublicKey, verify } from 'node:crypto'
import * as kms from '@aws-sdk/client-kms'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createKms, type KmsService } from '../../../twin/services/kms/service.ts'
import { code, workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'

const bench = workbench()
let service: KmsService
let twin: Awaited<ReturnType<typeof listenerWith>>
let client: kms.KMSClient

beforeAll(async () => {
  service = createKms(bench.dependencies('kms'))
  twin = await listenerWith([service.service])
  client = new kms.KMSClient(twin.config())
})

afterAll(async () => {
  client.destroy()
  await twin.close()
  bench.remove()
  expect(twin.bugs).toEqual([])
})

const newKey = async (input: kms.CreateKeyCommandInput = {}) =>
  (await client.send(new kms.CreateKeyCommand(input))).KeyMetadata!.KeyId!

describe('a symmetric key', () => {
  const EncryptionContext = { bucket: 'shop', key: 'one' }
  const Plaintext = Buffer.from('a secret')

  test('opens what it sealed, under the same context in any order', async () => {
    const KeyId = await newKey()
    const sealed = await client.send(new kms.EncryptCommand({ KeyId, Plaintext, EncryptionContext }))
    const opened = await client.send(
      new kms.DecryptCommand({
        CiphertextBlob: sealed.CiphertextBlob,
        EncryptionContext: { key: 'one', bucket: 'shop' },
      }),
    )
    expect(Buffer.from(opened.Plaintext!).toString()).toBe('a secret')
    expect(opened.KeyId).toBe(`arn:aws:kms:eu-west-1:111122223333:key/${KeyId}`)
  })

  test('refuses another context, a changed byte, and the wrong key', async () => {
    const KeyId = await newKey()
    const { CiphertextBlob } = await client.send(
      new kms.EncryptCommand({ KeyId, Plaintext, EncryptionContext }),
    )
    const decrypt = (input: Partial<kms.DecryptCommandInput>) =>
      code(client.send(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext, ...input })))
    expect(await decrypt({ EncryptionContext: { bucket: 'other' } })).toBe('InvalidCiphertextException')
    const changed = Buffer.from(CiphertextBlob!)
    changed[changed.length - 1]! ^= 1
    expect(await decrypt({ CiphertextBlob: changed })).toBe('InvalidCiphertextException')
    expect(await decrypt({ CiphertextBlob: Buffer.from('nonsense') })).toBe('InvalidCiphertextException')
    expect(await decrypt({ KeyId: await newKey() })).toBe('IncorrectKeyException')
    expect(await decrypt({ KeyId })).toBe('no error')
  })

  test('makes data keys that decrypt to their plaintext', async () => {
    const KeyId = await newKey()
    const made = await client.send(new kms.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256' }))
    expect(made.Plaintext).toHaveLength(32)
    const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob: made.CiphertextBlob }))
    expect(opened.Plaintext).toEqual(made.Plaintext)
  })

  test('that is disabled does nothing until it is enabled', async () => {
    const KeyId = await newKey()
    await client.send(new kms.DisableKeyCommand({ KeyId }))
    const encrypt = () => code(client.send(new kms.EncryptCommand({ KeyId, Plaintext })))
    expect(await encrypt()).toBe('DisabledException')
    expect(service.stateOf(KeyId, 'eu-west-1')).toBe('Disabled')
    expect(() => service.findKey(KeyId, 'eu-west-1').assertUsable()).toThrow('is disabled')
    await client.send(new kms.EnableKeyCommand({ KeyId }))
    expect(await encrypt()).toBe('no error')
    await client.send(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
    expect(await encrypt()).toBe('KMSInvalidStateException')
  })

  test('rotates when it is told to', async () => {
    const KeyId = await newKey()
    await client.send(new kms.EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 180 }))
    expect(await client.send(new kms.GetKeyRotationStatusCommand({ KeyId }))).toMatchObject({
      KeyRotationEnabled: true,
      RotationPeriodInDays: 180,
    })
  })
})

describe('a signing key', () => {
  const message = Buffer.from('evidence')
  const digest = createHash('sha256').update(message).digest()

  test.each([
    ['RAW', message],
    ['DIGEST', digest],
  ] as const)('signs a %s so that OpenSSL and KMS verify it', async (MessageType, Message) => {
    const KeyId = await newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
    const SigningAlgorithm = 'ECDSA_SHA_256'
    const { PublicKey } = await client.send(new kms.GetPublicKeyCommand({ KeyId }))
    const publicKey = createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' })
    for (let round = 0; round < 20; round++) {
      const { Signature } = await client.send(
        new kms.SignCommand({ KeyId, Message, MessageType, SigningAlgorithm }),
      )
      expect(verify('sha256', message, publicKey, Signature!)).toBe(true)
      const answer = await client.send(
        new kms.VerifyCommand({ KeyId, Message: digest, MessageType: 'DIGEST', SigningAlgorithm, Signature }),
      )
      expect(answer.SignatureValid).toBe(true)
    }
  })

  test('does not verify another message or another key, and does not encrypt', async () => {
    const KeyId = await newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
    const at = { MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' } as const
    const { Signature } = await client.send(new kms.SignCommand({ KeyId, Message: digest, ...at }))
    const other = createHash('sha256').update('other').digest()
    const verifyWith = (input: Partial<kms.VerifyCommandInput>) =>
      code(client.send(new kms.VerifyCommand({ KeyId, Message: digest, Signature, ...at, ...input })))
    expect(await verifyWith({ Message: other })).toBe('KMSInvalidSignatureException')
    const stranger = await newKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' })
    expect(await verifyWith({ KeyId: stranger })).toBe('KMSInvalidSignatureException')
    expect(await verifyWith({ Message: Buffer.from('short') })).toBe('ValidationException')
    expect(await code(client.send(new kms.EncryptCommand({ KeyId, Plaintext: message })))).toBe(
      'InvalidKeyUsageException',
    )
  })
})

describe('an alias', () => {
  test('stands for its key in its own region, and AWS makes its own', async () => {
    const KeyId = await newKey()
    await client.send(new kms.CreateAliasCommand({ AliasName: 'alias/shop', TargetKeyId: KeyId }))
    const found = await client.send(new kms.DescribeKeyCommand({ KeyId: 'alias/shop' }))
    expect(found.KeyMetadata?.KeyId).toBe(KeyId)
    const elsewhere = new kms.KMSClient(twin.config('eu-central-1'))
    expect(await code(elsewhere.send(new kms.DescribeKeyCommand({ KeyId: 'alias/shop' })))).toBe(
      'NotFoundException',
    )
    elsewhere.destroy()
    const own = await client.send(new kms.DescribeKeyCommand({ KeyId: 'alias/aws/s3' }))
    expect(own.KeyMetadata?.KeyManager).toBe('AWS')
    expect(await code(newKey({ KeySpec: 'RSA_4096' }))).toBe('UnsupportedOperationException')
  })
})
