import type { S3Client } from '@aws-sdk/client-s3'
import type { Inspected } from '../runtime/evidence/inspect.ts'
import { type Placed, readChain } from '../runtime/evidence/read.ts'
import type { Evidence } from '../runtime/evidence/record.ts'
import type { Drilled } from './request.ts'

/** How the newest drill of a mode ended, and the seconds since it began. */
export type Outcome = { readonly age: number; readonly passed: boolean }

export type EvidenceAges = {
  readonly proofs: Readonly<Record<string, number>>
  /** The newest drill of each mode that had no fault put into its copy; none where there was none. */
  readonly outcomes: Readonly<Record<string, Outcome>>
  /** Undefined where a chain could not be read: the newest might be in it. */
  readonly control: number | undefined
  /** Objects among the records that are none, and new: no record names them, or they came within the last day. */
  readonly foreign: number
  /** Why a chain could not be read; the modes that it proves are then not among the proofs. */
  readonly failed?: unknown
}

/** Where the chains lie, and the key of each: PEM, by region. */
export type Evidences = {
  readonly bucket: string
  readonly name: string
  readonly pinOf: (region: string) => Promise<string>
}

/** An object never changes once it is written, so a warm function reads each one once. */
const read = new Map<string, Inspected>()

// Long enough to be heard; what is locked for years must not ring for years.
const NEW_SECONDS = 86_400
// Clocks differ by less: a record that begins later than now was not written by a drill.
const SKEW_SECONDS = 300

/**
 * Seconds since the newest passed drill of each mode, and since the newest negative control, by the chain of each
 * region. Only a record counts that the environment's key has signed and that follows the one before it; whatever
 * else lies there is counted as foreign.
 * @param now milliseconds since the epoch
 */
export async function evidenceAges(
  s3: S3Client,
  { bucket, name, pinOf }: Evidences,
  drilled: readonly Drilled[],
  now: number,
): Promise<EvidenceAges> {
  const found = await Promise.allSettled(
    [...new Set(drilled.map(({ region }) => region))].map(region =>
      agesOf(s3, { bucket, name, pinOf }, { region, drilled, now }),
    ),
  )
  const known = found.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = found.find(one => one.status === 'rejected')
  return {
    proofs: Object.assign({}, ...known.map(({ proofs }) => proofs)),
    outcomes: Object.assign({}, ...known.map(({ outcomes }) => outcomes)),
    control: failed ? undefined : Math.min(now / 1_000, ...known.map(({ control }) => control)),
    foreign: known.reduce((sum, { foreign }) => sum + foreign, 0),
    ...(failed && { failed: failed.reason }),
  }
}

type Asked = { readonly region: string; readonly drilled: readonly Drilled[]; readonly now: number }

async function agesOf(s3: S3Client, { bucket, name, pinOf }: Evidences, { region, drilled, now }: Asked) {
  const never = now / 1_000
  const modes = drilled.filter(drill => drill.region === region).map(({ mode }) => mode)
  const proofs: Record<string, number> = Object.fromEntries(modes.map(mode => [mode, never]))
  const outcomes: Record<string, Outcome> = {}
  const strange: Placed[] = []
  let control = never
  const { walk } = await readChain(
    s3,
    { bucket, region, chain: `${name}/${region}`, pin: await pinOf(region) },
    (placed, inspected, isRecord) => {
      remember(bucket, placed, inspected)
      const evidence = inspected.sealed?.evidence
      if (!isRecord || evidence === undefined) {
        strange.push(placed)
        return
      }
      const age = ageOf(evidence, now)
      if (age === null) return
      const proof = proofs[evidence.mode]
      const passed = evidence.verdict === 'pass'
      if (evidence.request.negativeControl !== undefined) control = Math.min(control, age)
      else if (proof !== undefined) {
        // Records come in the order of the chain: the last one is the newest.
        outcomes[evidence.mode] = { age, passed }
        if (passed) proofs[evidence.mode] = Math.min(proof, age)
      }
    },
    placed => read.get(keyOf(bucket, placed)),
  )
  const unnamed = new Set(walk.unnamed().map(({ key }) => key))
  const foreign = strange.filter(
    ({ key, writtenAt }) => unnamed.has(key) || now - writtenAt < NEW_SECONDS * 1_000,
  )
  return { proofs, outcomes, control, foreign: foreign.length }
}

const keyOf = (bucket: string, { key, tag }: Placed) => `${bucket}/${key} ${tag}`

/** Without what nobody asks for again: a record with all its tables may have megabytes. */
function remember(bucket: string, placed: Placed, { sealed, ...inspected }: Inspected): void {
  const { negativeControl } = sealed?.evidence.request ?? {}
  const request = negativeControl === undefined ? {} : { negativeControl }
  const small = sealed && {
    ...sealed,
    evidence: { ...sealed.evidence, request, stages: [], tables: [], calls: [] },
  }
  read.set(keyOf(bucket, placed), { ...inspected, ...(small && { sealed: small }) })
}

/** Seconds since the drill began; `null` for one that begins in the future, which proves nothing. */
function ageOf({ startedAt }: Evidence, now: number): number | null {
  const age = (now - Date.parse(startedAt)) / 1_000
  return age < -SKEW_SECONDS || Number.isNaN(age) ? null : Math.max(0, age)
}
