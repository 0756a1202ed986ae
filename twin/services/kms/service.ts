import * as schemas from '@aws-sdk/client-kms'
import { type Service, WireError } from '../../wire/call.ts'
import type { ServiceDependencies } from '../dependencies.ts'
import type { UsableKey } from '../s3/context.ts'
import { dataKeyOperations, encryptionOperations, signingOperations } from './crypto-operations.ts'
import { type EncryptionContext, seal, sealedBy, unseal } from './envelope.ts'
import { aliasOperations, keyOperations } from './key-operations.ts'
import { type Alias, assertEnabled, type Key, type Keyring, keyContext, requireKey } from './keys.ts'

/** The twin's KMS, with what other services of the twin ask of it. */
export type KmsService = {
  readonly service: Service
  /** The key that a reference means in a region, for a service that encrypts with it; `code` of refusals starts with `KMS.`. */
  findKey(reference: string, region: string): UsableKey
  /** The key's state, or undefined when there is no such key. */
  stateOf(reference: string, region: string): Key['state'] | undefined
  /** Policy of the key that an ARN names. */
  policyOf(arn: string): unknown
  encrypt(reference: string, region: string, plaintext: Uint8Array, context?: EncryptionContext): Buffer
  decrypt(region: string, ciphertext: Uint8Array, context?: EncryptionContext): Buffer
}

// A service that meets a KMS refusal passes it on under KMS's name.
function asDependant<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    throw new WireError(`KMS.${error.code}`, error.message, error.status)
  }
}

/** The KMS of one twin, all regions. */
export function createKms(dependencies: ServiceDependencies): KmsService {
  const ring: Keyring = {
    account: dependencies.account,
    clock: dependencies.clock,
    keys: dependencies.open<Key>('keys'),
    aliases: dependencies.open<Alias>('aliases'),
  }
  const enabled = (reference: string, region: string) => {
    const key = requireKey(ring, reference, region)
    assertEnabled(key)
    return key
  }
  return {
    service: {
      name: 'kms',
      schemas,
      protocol: 'json1.1',
      operations: {
        ...encryptionOperations(ring),
        ...dataKeyOperations(ring),
        ...signingOperations(ring),
        ...keyOperations(ring),
        ...aliasOperations(ring),
      },
    },
    findKey: (reference, region) => {
      const key = asDependant(() => requireKey(ring, reference, region))
      return {
        arn: key.arn,
        context: keyContext(ring, key),
        assertUsable: () => asDependant(() => void enabled(key.arn, key.region)),
      }
    },
    stateOf: (reference, region) => {
      try {
        return requireKey(ring, reference, region).state
      } catch (error) {
        if (error instanceof WireError) return undefined
        throw error
      }
    },
    policyOf: arn => ring.keys.get(`${arn.split(':')[3]}/${arn.split('/').at(-1)}`)?.policy,
    encrypt: (reference, region, plaintext, context) => seal(enabled(reference, region), plaintext, context),
    decrypt: (region, ciphertext, context) =>
      unseal(enabled(sealedBy(ciphertext), region), ciphertext, context),
  }
}
