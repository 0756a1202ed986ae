import { type EvidenceFile, fingerprintOrNull, inspectFile } from './inspect.ts'
import { followChain, type Link } from './walk.ts'

export type { Break, EvidenceFile } from './inspect.ts'
export { fingerprintOf } from './inspect.ts'
export type { Link } from './walk.ts'

export type Verification = {
  readonly verdict: 'pass' | 'fail'
  readonly links: readonly Link[]
  /** The first link that does not hold. */
  readonly broken?: Link
  /** What lies among the records, is none, and is named by a later one: no fault of the chain, and a warning. */
  readonly steppedOver: readonly { readonly name: string; readonly why: string; readonly by: number }[]
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

/**
 * Verifies files as one chain, offline, in the order of their names: hash, signature, key, place and link of each.
 * No record at all is a failure: nothing was proven. An object that is no record fails too, unless a later record
 * has named it.
 * The newest records can be cut off unseen unless `newest` says which was the last.
 */
export function verifyChain(files: readonly EvidenceFile[], options: VerifyOptions = {}): Verification {
  const walk = followChain(options.whole ?? false)
  let trusted = options.pin
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const inspected = inspectFile(file, trusted, options.chain)
    walk.add(inspected)
    // Without a pin the first record's key speaks for the chain: a later change of key is a break.
    trusted ??= inspected.sealed?.signature.publicKey
  }
  const links = [...walk.links()]
  const last = links.findLastIndex(link => !link.broken && !link.steppedOver)
  const newest = links[last]
  if (newest && options.newest !== undefined && newest.sha256 !== options.newest)
    links[last] = { ...newest, broken: cutOff(options.newest) }
  const broken = links.find(link => link.broken)
  return {
    verdict: broken || !newest ? 'fail' : 'pass',
    links,
    ...(broken ? { broken } : {}),
    steppedOver: [
      ...links.flatMap(({ name, steppedOver }) =>
        steppedOver ? [{ name, why: steppedOver.why, by: steppedOver.by }] : [],
      ),
      ...walk.absent().map(({ key, why, by }) => ({ name: key, why: `${why}, and not here any more`, by })),
    ],
    fingerprint: trusted === undefined ? null : fingerprintOrNull(trusted),
    pinned: options.pin !== undefined,
    complete: !broken && walk.isWhole(),
  }
}

const cutOff = (newest: string) => ({
  why: 'cut off' as const,
  detail: `the newest record should have the hash ${newest}: what came after this one is missing`,
})
