import { createHash, createPublicKey, verify } from 'node:crypto'
import { sequenceOf } from './key.ts'
import { canonicalBytes, digestOf, LARGEST_RECORD, parseSealed, type SealedEvidence } from './record.ts'

/** What can be wrong with a link, in the order in which it is looked for. */
export type Break =
  | 'too large'
  | 'unreadable'
  | 'altered'
  | 'wrong key'
  | 'wrong signature'
  | 'misplaced'
  | 'wrong chain'
  | 'gap'
  | 'repeated'
  | 'reordered'
  | 'cut off'

export type Fault = { readonly why: Break; readonly detail: string }

/** One object of a chain: its name (a path or an object key) and its text, or why it has none. */
export type EvidenceFile = {
  readonly name: string
  readonly text: string | Fault
  /** Bytes, as S3 lists them. @default the text's */
  readonly size?: number
  readonly version?: string
}

/** What a file is by itself, whatever lies before it. */
export type Inspected = {
  readonly name: string
  readonly version: string | null
  /** Bytes. */
  readonly size: number | null
  /** Hex SHA-256 of the bytes; `null` where they were not read. */
  readonly bytes: string | null
  /** Absent where it could not be read. */
  readonly sealed?: SealedEvidence
  readonly fault?: Fault
}

/**
 * Reads one file and judges its hash, key, signature, place and chain.
 * @param trusted PEM of the key that must have signed; undefined: whichever the file brings
 * @param chain the chain that is wanted
 */
export function inspectFile(
  file: EvidenceFile,
  trusted: string | undefined,
  chain: string | undefined,
): Inspected {
  const { name, text, version = null } = file
  if (typeof text !== 'string') return { name, version, size: file.size ?? null, bytes: null, fault: text }
  const size = file.size ?? Buffer.byteLength(text)
  const own = { name, version, size, bytes: createHash('sha256').update(text).digest('hex') }
  if (size > LARGEST_RECORD) return { ...own, fault: tooLarge(size) }
  let sealed: SealedEvidence
  try {
    sealed = parseSealed(text)
  } catch (error) {
    const detail = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    return { ...own, fault: { why: 'unreadable', detail } }
  }
  const fault = ownFault(sealed, trusted) ?? placeFault(name, sealed) ?? chainFault(sealed, chain)
  return { ...own, sealed, ...(fault && { fault }) }
}

/** Of an object that nobody reads. @param size bytes */
export function tooLarge(size: number): Fault {
  return { why: 'too large', detail: `it has ${size} bytes, a record has at most ${LARGEST_RECORD}` }
}

/** Hex SHA-256 of a public key's DER. @throws when the text is no public key. */
export function fingerprintOf(pem: string): string {
  const der = createPublicKey(pem).export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('hex')
}

/** The same, or `null`: an unreadable key is a finding, reported as `wrong key` by the caller. */
export function fingerprintOrNull(pem: string): string | null {
  try {
    return fingerprintOf(pem)
  } catch {
    return null
  }
}

function ownFault(sealed: SealedEvidence, trusted: string | undefined): Fault | undefined {
  const { evidence, signature } = sealed
  const digest = digestOf(evidence)
  if (digest !== sealed.sha256)
    return {
      why: 'altered',
      detail: `its content hashes to ${digest}, the record says ${sealed.sha256}`,
    }
  if (evidence.signedBy !== undefined && evidence.signedBy !== signature.key)
    return {
      why: 'altered',
      detail: `beside the signature stands the key ${signature.key}, signed is ${evidence.signedBy}`,
    }
  const own = fingerprintOrNull(signature.publicKey)
  if (own === null) return { why: 'wrong key', detail: 'its public key cannot be read' }
  if (trusted !== undefined && own !== fingerprintOrNull(trusted))
    return {
      why: 'wrong key',
      detail: `signed by the key ${own}, wanted ${fingerprintOrNull(trusted) ?? 'a readable key'}`,
    }
  const good = verify(
    'sha256',
    canonicalBytes(evidence),
    signature.publicKey,
    Buffer.from(signature.value, 'base64'),
  )
  return good ? undefined : { why: 'wrong signature', detail: 'the signature is not of this content' }
}

function placeFault(name: string, { evidence }: SealedEvidence): Fault | undefined {
  const named = sequenceOf(name)
  return named === null || named === evidence.sequence
    ? undefined
    : { why: 'misplaced', detail: `its name says ${named}, its content says ${evidence.sequence}` }
}

function chainFault({ evidence }: SealedEvidence, wanted: string | undefined): Fault | undefined {
  if (wanted === undefined || evidence.chain === wanted) return undefined
  return { why: 'wrong chain', detail: `it belongs to ${evidence.chain}, wanted ${wanted}` }
}
