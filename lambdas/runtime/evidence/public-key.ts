import { createPublicKey } from 'node:crypto'
import { GetPublicKeyCommand, type KMSClient } from '@aws-sdk/client-kms'

/** PEM of the key's public half. */
export async function publicKeyOf(kms: KMSClient, key: string): Promise<string> {
  const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: key }))
  if (!PublicKey) throw new Error(`kms has no public key for ${key}`)
  return createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' })
    .export({ type: 'spki', format: 'pem' })
    .toString()
}
