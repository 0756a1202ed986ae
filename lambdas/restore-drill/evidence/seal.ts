import { createHash } from 'node:crypto'
import { type KMSClient, SignCommand } from '@aws-sdk/client-kms'
import { canonicalBytes, type Evidence, type SealedEvidence } from '../../runtime/evidence/record.ts'

/**
 * Hashes the record and has the key that it names sign the hash; the private half never leaves KMS.
 * @param publicKey PEM of the other half
 */
export async function seal(
  kms: KMSClient,
  publicKey: string,
  evidence: Evidence & { readonly signedBy: string },
): Promise<SealedEvidence> {
  const key = evidence.signedBy
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
      key,
      publicKey,
      value: Buffer.from(signed.Signature).toString('base64'),
    },
  }
}
