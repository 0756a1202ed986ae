import { createHash, createPublicKey, verify } from 'node:crypto'
import { sequenceOf } from './key.ts'
import { canonicalBytes, digestOf, parseSealed, type SealedEvidence } from './record.ts'

/** What can be wrong with a link, in the order in which it is looked for. */
export type Break =
  | 'unreadable'
  | 'altered'
  | 'wrong key'
  | 'wrong signature'
  | 'misplaced'
  | 'gap'
  | 'repeated'
  | 'reordered'
  | 'wrong chain'
  | 'cut off'

/** One file of a chain: its name (a path or an object key) and its text. */
export type EvidenceFile = { readonly name: string; readonly text: string }

export type Link = {
  readonly name: string
  readonly sequence: number | null
  readonly drill: string | null
  readonly sha256: string | null
  readonly broken?: { readonly why: Break; readonly detail: string }
}

export type Verification = {
  readonly verdict: 'pass' | 'fail'
  readonly links: readonly Link[]
  /** The first link that does not hold. */
  readonly broken?: Link
  /** SHA-256 of the DER of the public key that signed, hex; `null` when nothing could be read. */
  readonly fingerprint: string | null
  /** True when the caller brought the key; false means: signed by the key in the file itself. */
  readonly pinned: boolean
  /** True when every record since the first of the chain was there. */
  readonly complete: boolean
}

export type VerifyOptions = {
  /** PEM of the key that must have signed. */
  readonly pin?: string | undefined
  /** True when the files claim to be the whole chain, so that its first record must be among them. @default false */
  readonly whole?: boolean
  /** The chain that is wanted, e.g. `shop-prod/us-east-1`: another environment's is as well signed. */
  readonly chain?: string | undefined
  /** Hex SHA-256 of the newest record, known from elsewhere: nothing in a chain says that its end was cut off. */
  readonly newest?: string | undefined
}

/** Hex SHA-256 of a public key's DER. @throws when the text is no public key. */
export function fingerprintOf(pem: string): string {
  const der = createPublicKey(pem).export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(der).digest('hex')
}

/**
 * Verifies files as one chain, offline, in the order of their names: hash, signature, key, place and link of each.
 * No file at all is a failure: nothing was proven.
 * The newest records can be cut off unseen unless `newest` says which was the last.
 */
export function verifyChain(files: readonly EvidenceFile[], options: VerifyOptions = {}): Verification {
  const ordered = [...files].sort((a, b) => (a.name < b.name ? -1 : 1))
  const links: Link[] = []
  let before: SealedEvidence | undefined
  let trusted = options.pin
  for (const file of ordered) {
    const { link, sealed } = verifyLink(file, before, trusted, options)
    links.push(link)
    // Without a pin the first record's key speaks for the chain: a later change of key is a break.
    trusted ??= sealed?.signature.publicKey
    before = sealed ?? before
  }
  const last = links.at(-1)
  if (last && !last.broken && options.newest !== undefined && last.sha256 !== options.newest)
    links[links.length - 1] = { ...last, broken: cutOff(options.newest) }
  const broken = links.find(link => link.broken)
  return {
    verdict: broken || links.length === 0 ? 'fail' : 'pass',
    links,
    ...(broken ? { broken } : {}),
    fingerprint: trusted === undefined ? null : fingerprintOrNull(trusted),
    pinned: options.pin !== undefined,
    complete: !broken && links[0]?.sequence === 1,
  }
}

function verifyLink(
  file: EvidenceFile,
  before: SealedEvidence | undefined,
  trusted: string | undefined,
  { whole = false, chain }: VerifyOptions,
): { link: Link; sealed?: SealedEvidence } {
  let sealed: SealedEvidence
  try {
    sealed = parseSealed(file.text)
  } catch (error) {
    const detail = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    const broken = { why: 'unreadable' as const, detail }
    return { link: { name: file.name, sequence: null, drill: null, sha256: null, broken } }
  }
  const { evidence } = sealed
  const own = { name: file.name, sequence: evidence.sequence, drill: evidence.drill, sha256: sealed.sha256 }
  const broken =
    ownFault(sealed, trusted) ??
    placeFault(file, sealed) ??
    chainFault(sealed, chain) ??
    linkFault(sealed, before, whole)
  return { link: broken ? { ...own, broken } : own, sealed }
}

type Fault = Link['broken']

function ownFault(sealed: SealedEvidence, trusted: string | undefined): Fault {
  const digest = digestOf(sealed.evidence)
  if (digest !== sealed.sha256)
    return {
      why: 'altered',
      detail: `its content hashes to ${digest}, the record says ${sealed.sha256}`,
    }
  const own = fingerprintOrNull(sealed.signature.publicKey)
  if (own === null) return { why: 'wrong key', detail: 'its public key cannot be read' }
  if (trusted !== undefined && own !== fingerprintOrNull(trusted))
    return {
      why: 'wrong key',
      detail: `signed by the key ${own}, wanted ${fingerprintOrNull(trusted) ?? 'a readable key'}`,
    }
  const good = verify(
    'sha256',
    canonicalBytes(sealed.evidence),
    sealed.signature.publicKey,
    Buffer.from(sealed.signature.value, 'base64'),
  )
  return good ? undefined : { why: 'wrong signature', detail: 'the signature is not of this content' }
}

function placeFault(file: EvidenceFile, { evidence }: SealedEvidence): Fault {
  const named = sequenceOf(file.name)
  return named === null || named === evidence.sequence
    ? undefined
    : { why: 'misplaced', detail: `its name says ${named}, its content says ${evidence.sequence}` }
}

function chainFault({ evidence }: SealedEvidence, wanted: string | undefined): Fault {
  if (wanted === undefined || evidence.chain === wanted) return undefined
  return { why: 'wrong chain', detail: `it belongs to ${evidence.chain}, wanted ${wanted}` }
}

const cutOff = (newest: string): Fault => ({
  why: 'cut off',
  detail: `the newest record should have the hash ${newest}: what came after this one is missing`,
})

function linkFault({ evidence }: SealedEvidence, before: SealedEvidence | undefined, whole: boolean): Fault {
  if (!before) {
    if (whole && evidence.sequence > 1)
      return { why: 'gap', detail: `${evidence.sequence - 1} missing: 1 to ${evidence.sequence - 1}` }
    if (evidence.sequence === 1 && evidence.previous !== null)
      return { why: 'reordered', detail: 'the first record names one before it' }
    return undefined
  }
  const wanted = before.evidence.sequence + 1
  if (evidence.chain !== before.evidence.chain)
    return { why: 'wrong chain', detail: `it belongs to ${evidence.chain}, not ${before.evidence.chain}` }
  if (evidence.sequence > wanted)
    return {
      why: 'gap',
      detail: `${evidence.sequence - wanted} missing: ${wanted} to ${evidence.sequence - 1}`,
    }
  if (evidence.sequence === before.evidence.sequence)
    return { why: 'repeated', detail: `two records say that they are ${evidence.sequence}` }
  if (evidence.sequence < wanted)
    return { why: 'reordered', detail: `${evidence.sequence} comes after ${before.evidence.sequence}` }
  if (evidence.previous !== before.sha256)
    return {
      why: 'altered',
      detail: `it follows a record with the hash ${evidence.previous}, the one before it has ${before.sha256}`,
    }
  return undefined
}

function fingerprintOrNull(pem: string): string | null {
  try {
    return fingerprintOf(pem)
  } catch {
    // An unreadable key is a finding, reported as `wrong key` by the caller.
    return null
  }
}
