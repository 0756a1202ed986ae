import { KMSClient } from '@aws-sdk/client-kms'
import { publicKeyOf } from '../../lambdas/runtime/evidence/public-key.ts'

/** PEM of the environment's own key, from KMS: what lies in a bucket may bring any. */
export async function askKey(region: string, key: string): Promise<string> {
  const kms = new KMSClient({ region })
  try {
    return await publicKeyOf(kms, key)
  } finally {
    kms.destroy()
  }
}
