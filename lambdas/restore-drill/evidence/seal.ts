import { createHash, createPublicKey } from 'node:crypto'
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms'
import { canonicalBytes, type Evidence, type SealedEvidence } from '../../runtime/evidence/record.ts'

/** Hashes the record and has the key sign the hash; the private half never leaves KMS. */
export async function seal(kms: KMSClient, key: string, evidence: Evidence): Promise<SealedEvidence> {
  const digest = createHash('sha256').update(canonicalBytes(evidence)).digest()
  const signed = await kms.send(
    new SignCommand({
      KeyId: key,
      Message: digest,
      MessageType: 'DIGEST',
      SigningAlgorithm: 'ECDSA_SHA_256',
    }),
  )
  if (!signed.Signature) throw new Error(`kms signed nothing with ${key}`)
  return {
    evidence,
    sha256: digest.toString('hex'),
    signature: {
      algorithm: 'ECDSA_SHA_256',
      key: signed.KeyId ?? key,
      publicKey: await publicKeyOf(kms, key),
      value: Buffer.from(signed.Signature).toString('base64'),
    },
  }
}

/** PEM of the key's public half. */
export async function publicKeyOf(kms: KMSClient, key: string): Promise<string> {
  const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId: key }))
  if (!PublicKey) throw new Error(`kms has no public key for ${key}`)
  return createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' })
    .export({ type: 'spki', format: 'pem' })
    .toString()
}
