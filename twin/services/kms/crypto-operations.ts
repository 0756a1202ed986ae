import { randomBytes } from 'node:crypto'
import type {
  DecryptCommandInput,
  EncryptCommandInput,
  GenerateDataKeyCommandInput,
  ReEncryptCommandInput,
  SignCommandInput,
  VerifyCommandInput,
} from '@aws-sdk/client-kms'
import { type Call, type Operation, type Question, WireError } from '../../wire/call.ts'
import { publicKeyOf, signEcdsa, verifyEcdsa } from './ecdsa.ts'
import { type EncryptionContext, seal, sealedBy, unseal } from './envelope.ts'
import { assertEnabled, type Key, type Keyring, keyContext, requireKey } from './keys.ts'

/** What `Encrypt` takes at most. */
const MAX_PLAINTEXT_BYTES = 4096
const SIGNING = 'ECDSA_SHA_256'

/** One question about a key, with everything that a policy may ask of it. */
export function askKey(
  ring: Keyring,
  action: string,
  reference: string | undefined,
  call: Call,
  more: Question['context'] = {},
): Question[] {
  const key = requireKey(ring, reference ?? '', call.region)
  const alias: Record<string, string> = reference?.includes('alias/')
    ? { 'kms:RequestAlias': reference.slice(reference.indexOf('alias/')) }
    : {}
  return [{ action, resource: key.arn, context: { ...keyContext(ring, key), ...alias, ...more } }]
}

const contextKeys = (context: EncryptionContext): Record<string, string | string[]> =>
  context && Object.keys(context).length > 0
    ? {
        'kms:EncryptionContextKeys': Object.keys(context),
        ...Object.fromEntries(
          Object.entries(context).map(([key, value]) => [`kms:EncryptionContext:${key}`, value]),
        ),
      }
    : {}

function usable(ring: Keyring, reference: string | undefined, call: Call, usage: Key['usage']): Key {
  const key = requireKey(ring, reference ?? '', call.region)
  assertEnabled(key)
  if (key.usage !== usage) {
    const message = `${key.arn} key usage is ${key.usage} which is not valid for ${call.operation}.`
    throw new WireError('InvalidKeyUsageException', message)
  }
  return key
}

/** Encrypt, Decrypt, ReEncrypt. */
export function encryptionOperations(ring: Keyring): Record<string, Operation> {
  return {
    Encrypt: {
      questions: (input: EncryptCommandInput, call) =>
        askKey(ring, 'kms:Encrypt', input.KeyId, call, contextKeys(input.EncryptionContext)),
      run: (input: EncryptCommandInput, call) => {
        const key = usable(ring, input.KeyId, call, 'ENCRYPT_DECRYPT')
        const plaintext = input.Plaintext ?? new Uint8Array()
        if (plaintext.length > MAX_PLAINTEXT_BYTES) {
          const message = `Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to ${MAX_PLAINTEXT_BYTES}`
          throw new WireError('ValidationException', `1 validation error detected: ${message}`)
        }
        return {
          CiphertextBlob: seal(key, plaintext, input.EncryptionContext),
          KeyId: key.arn,
          EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        }
      },
    },
    Decrypt: {
      questions: (input: DecryptCommandInput, call) =>
        askKey(
          ring,
          'kms:Decrypt',
          sealedBy(input.CiphertextBlob ?? new Uint8Array()),
          call,
          contextKeys(input.EncryptionContext),
        ),
      run: (input: DecryptCommandInput, call) => decrypt(ring, input, call),
    },
    ReEncrypt: {
      questions: (input: ReEncryptCommandInput, call) => [
        ...askKey(ring, 'kms:ReEncryptFrom', sealedBy(input.CiphertextBlob ?? new Uint8Array()), call),
        ...askKey(ring, 'kms:ReEncryptTo', input.DestinationKeyId, call),
      ],
      run: (input: ReEncryptCommandInput, call) => {
        const ciphertext = input.CiphertextBlob ?? new Uint8Array()
        const from = usable(ring, sealedBy(ciphertext), call, 'ENCRYPT_DECRYPT')
        const to = usable(ring, input.DestinationKeyId, call, 'ENCRYPT_DECRYPT')
        const plaintext = unseal(from, ciphertext, input.SourceEncryptionContext)
        return {
          CiphertextBlob: seal(to, plaintext, input.DestinationEncryptionContext),
          SourceKeyId: from.arn,
          KeyId: to.arn,
        }
      },
    },
  }
}

function decrypt(ring: Keyring, input: DecryptCommandInput, call: Call) {
  const ciphertext = input.CiphertextBlob ?? new Uint8Array()
  const key = usable(ring, sealedBy(ciphertext), call, 'ENCRYPT_DECRYPT')
  if (input.KeyId && requireKey(ring, input.KeyId, call.region).arn !== key.arn) {
    const message = 'The key ID in the request does not identify a CMK that can perform this operation.'
    throw new WireError('IncorrectKeyException', message)
  }
  return {
    KeyId: key.arn,
    Plaintext: unseal(key, ciphertext, input.EncryptionContext),
    EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
  }
}

/** GenerateDataKey and its kin. */
export function dataKeyOperations(ring: Keyring): Record<string, Operation> {
  const generate = (input: GenerateDataKeyCommandInput, call: Call) => {
    const key = usable(ring, input.KeyId, call, 'ENCRYPT_DECRYPT')
    const plaintext = randomBytes(input.NumberOfBytes ?? (input.KeySpec === 'AES_128' ? 16 : 32))
    return {
      KeyId: key.arn,
      Plaintext: plaintext,
      CiphertextBlob: seal(key, plaintext, input.EncryptionContext),
    }
  }
  const questions = (action: string) => (input: GenerateDataKeyCommandInput, call: Call) =>
    askKey(ring, action, input.KeyId, call, contextKeys(input.EncryptionContext))
  return {
    GenerateDataKey: { questions: questions('kms:GenerateDataKey'), run: generate },
    GenerateDataKeyWithoutPlaintext: {
      questions: questions('kms:GenerateDataKeyWithoutPlaintext'),
      run: (input: GenerateDataKeyCommandInput, call) => {
        const { Plaintext: _, ...rest } = generate(input, call)
        return rest
      },
    },
    GenerateRandom: {
      questions: () => [{ action: 'kms:GenerateRandom', resource: '*' }],
      run: (input: { NumberOfBytes?: number }) => ({ Plaintext: randomBytes(input.NumberOfBytes ?? 32) }),
    },
  }
}

function assertSigning(algorithm: string | undefined): void {
  if (algorithm === SIGNING) return
  const message = `Algorithm ${algorithm} and key spec ECC_NIST_P256 are incompatible.`
  throw new WireError('InvalidKeyUsageException', message)
}

/** Sign, Verify, GetPublicKey. */
export function signingOperations(ring: Keyring): Record<string, Operation> {
  const context = (input: SignCommandInput | VerifyCommandInput) => ({
    'kms:SigningAlgorithm': input.SigningAlgorithm ?? '',
    'kms:MessageType': input.MessageType ?? 'RAW',
  })
  return {
    Sign: {
      questions: (input: SignCommandInput, call) =>
        askKey(ring, 'kms:Sign', input.KeyId, call, context(input)),
      run: (input: SignCommandInput, call) => {
        const key = usable(ring, input.KeyId, call, 'SIGN_VERIFY')
        assertSigning(input.SigningAlgorithm)
        const message = input.Message ?? new Uint8Array()
        const signature = signEcdsa(key.material, message, input.MessageType === 'DIGEST')
        return { KeyId: key.arn, Signature: signature, SigningAlgorithm: SIGNING }
      },
    },
    Verify: {
      questions: (input: VerifyCommandInput, call) =>
        askKey(ring, 'kms:Verify', input.KeyId, call, context(input)),
      run: (input: VerifyCommandInput, call) => {
        const key = usable(ring, input.KeyId, call, 'SIGN_VERIFY')
        assertSigning(input.SigningAlgorithm)
        const [message, signature] = [input.Message ?? new Uint8Array(), input.Signature ?? new Uint8Array()]
        if (!verifyEcdsa(key.material, message, input.MessageType === 'DIGEST', signature)) {
          throw new WireError('KMSInvalidSignatureException', 'The signature is not valid.')
        }
        return { KeyId: key.arn, SignatureValid: true, SigningAlgorithm: SIGNING }
      },
    },
    GetPublicKey: {
      questions: (input: { KeyId?: string }, call) => askKey(ring, 'kms:GetPublicKey', input.KeyId, call),
      run: (input: { KeyId?: string }, call) => {
        const key = usable(ring, input.KeyId, call, 'SIGN_VERIFY')
        return {
          KeyId: key.arn,
          PublicKey: publicKeyOf(key.material),
          KeySpec: key.spec,
          CustomerMasterKeySpec: key.spec,
          KeyUsage: key.usage,
          SigningAlgorithms: [SIGNING],
        }
      },
    },
  }
}
