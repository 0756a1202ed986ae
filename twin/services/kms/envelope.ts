import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { WireError } from '../../wire/call.ts'
import type { Key } from './keys.ts'

const MAGIC = Buffer.from('HFK1')
const IV_BYTES = 12
const TAG_BYTES = 16

export type EncryptionContext = Readonly<Record<string, string>> | undefined

// The order of a context does not matter, so that it is sorted before it is bound to the content.
const bound = (context: EncryptionContext) =>
  Buffer.from(JSON.stringify(Object.entries(context ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))))

/** AES-256-GCM under a key, its ARN in front so that it is found again; the context must be the same to decrypt. */
export function seal(key: Key, plaintext: Uint8Array, context: EncryptionContext): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(key.material, 'base64'), iv)
  cipher.setAAD(bound(context))
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()])
  const arn = Buffer.from(key.arn)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(arn.length)
  return Buffer.concat([MAGIC, length, arn, iv, cipher.getAuthTag(), body])
}

const invalid = () =>
  new WireError('InvalidCiphertextException', 'The ciphertext is not valid for this key or context.')

/** ARN of the key that sealed this. */
export function sealedBy(ciphertext: Uint8Array): string {
  const bytes = Buffer.from(ciphertext)
  if (bytes.length < 6 || !bytes.subarray(0, 4).equals(MAGIC)) throw invalid()
  return bytes.subarray(6, 6 + bytes.readUInt16BE(4)).toString()
}

/** The plaintext; anything changed, in content or context, is refused. */
export function unseal(key: Key, ciphertext: Uint8Array, context: EncryptionContext): Buffer {
  const bytes = Buffer.from(ciphertext)
  const start = 6 + bytes.readUInt16BE(4)
  const iv = bytes.subarray(start, start + IV_BYTES)
  const tag = bytes.subarray(start + IV_BYTES, start + IV_BYTES + TAG_BYTES)
  if (tag.length !== TAG_BYTES) throw invalid()
  const decipher = createDecipheriv('aes-256-gcm', Buffer.from(key.material, 'base64'), iv)
  decipher.setAAD(bound(context))
  decipher.setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(bytes.subarray(start + IV_BYTES + TAG_BYTES)), decipher.final()])
  } catch (cause) {
    const error = invalid()
    error.cause = cause
    throw error
  }
}
