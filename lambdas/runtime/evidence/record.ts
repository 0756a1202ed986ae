import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { z } from 'zod'
import { Refusal } from '../failure.ts'

/** The format that this build writes. A change of meaning is a new name, never a new reading of this one. */
export const FORMAT = 'holdfast-evidence-2'

/** What earlier builds wrote, and this one verifies: it knew neither where it ran, nor its key, nor what it stepped over. */
const FIRST_FORMAT = 'holdfast-evidence-1'

/** Bytes of the largest object that is read as a record: whoever may write to the bucket may write five gigabytes. */
export const LARGEST_RECORD = 16 * 1_048_576

const check = z.looseObject({
  name: z.string(),
  verdict: z.enum(['pass', 'fail', 'unknown', 'skipped', 'explained', 'acknowledged']),
  detail: z.string(),
  asked: z.string().optional(),
  answer: z.unknown().optional(),
})

const stage = z.strictObject({
  name: z.string(),
  /** ISO 8601 with milliseconds, UTC. */
  startedAt: z.string(),
  endedAt: z.string(),
  verdict: z.enum(['pass', 'fail', 'unknown', 'skipped']),
  /** One sentence. */
  detail: z.string(),
  checks: z.array(check),
})

const table = z.strictObject({
  /** `schema.table`, quoted where PostgreSQL would quote it. */
  name: z.string(),
  /** How it was compared: `chunks`, `key`, `rows`, `none`. */
  level: z.string(),
  verdict: z.enum(['pass', 'fail', 'unknown', 'skipped', 'explained']),
  rows: z.number().int(),
  compared: z.number().int(),
  equal: z.number().int(),
  changedSince: z.number().int(),
  lost: z.number().int(),
  corrupt: z.number().int(),
  /** Of the rows that were changed since, by how their contents were proven; absent where none were, or nothing can. */
  contents: z
    .strictObject({
      /** The version was seen before, on the primary or on a replica, with the same hash. */
      witness: z.number().int(),
      /** The archive's last image of the row before the copy's end. */
      image: z.number().int(),
      /** The old row in its next change, where whole rows are archived. */
      oldRow: z.number().int(),
      /** Found by their key or not at all. */
      unproven: z.number().int(),
    })
    .optional(),
  /** Why anything was left out, or what differed; empty when all was equal. */
  detail: z.string(),
  /** SHA-256 over the ordered digests of the chunks; empty where nothing was hashed. */
  digest: z.string(),
})

const call = z.strictObject({
  at: z.string(),
  stage: z.string(),
  service: z.string(),
  operation: z.string(),
  requestId: z.string(),
})

const steppedOver = z.strictObject({
  /** The object's key. */
  key: z.string(),
  /** S3's id of the version that was looked at; `null` where S3 did not say one. */
  version: z.string().nullable(),
  /** Hex SHA-256 of its bytes; `null` where they could not be read. */
  sha256: z.string().nullable(),
  /** Bytes; `null` where S3 did not say. */
  size: z.number().int().nullable(),
  /** The verifier's word for it: `unreadable`, `wrong key`, `misplaced`, … */
  why: z.string(),
})

const record = z.strictObject({
  format: z.enum([FORMAT, FIRST_FORMAT]),
  /** Which chain: one a name and a writing region. */
  chain: z.string(),
  /** 1 for the first of its chain. */
  sequence: z.number().int().min(1),
  /** Hex SHA-256 of the record before, `null` for the first. */
  previous: z.string().nullable(),
  drill: z.string(),
  execution: z.string(),
  environment: z.string(),
  mode: z.string(),
  request: z.record(z.string(), z.unknown()),
  code: z.string(),
  configDigest: z.string(),
  startedAt: z.string(),
  endedAt: z.string(),
  verdict: z.enum(['pass', 'fail', 'unknown']),
  /** The verdict in plain words. */
  sentence: z.string(),
  objective: z.strictObject({ rpoSeconds: z.number(), rtoSeconds: z.number(), coverageFloor: z.number() }),
  measured: z.strictObject({
    rpoSeconds: z.number().nullable(),
    rtoSeconds: z.number().nullable(),
    /** Share of rows compared, 0 to 1. */
    coverage: z.number().nullable(),
    /** Seconds from the decision to each clock; a clock that never struck is `null`. */
    clocks: z.record(z.string(), z.number().nullable()),
    /** More facts by name, e.g. rows and bytes compared, hydration. */
    facts: z.record(z.string(), z.unknown()),
  }),
  stages: z.array(stage),
  tables: z.array(table),
  calls: z.array(call),
  /** Whether AWS answered the drill, or a twin. Never in the first format. */
  where: z.enum(['aws', 'twin']).optional(),
  /** ARN of the key that signs. Never in the first format. */
  signedBy: z.string().optional(),
  /** What lies among the records and is none, and no record before has named. Never in the first format. */
  steppedOver: z.array(steppedOver).optional(),
})

const LATER = ['where', 'signedBy', 'steppedOver'] as const

const sealed = z.strictObject({
  evidence: record.refine(
    evidence => LATER.every(key => (evidence[key] !== undefined) === (evidence.format === FORMAT)),
    { message: `${LATER.join(', ')} belong to ${FORMAT}, each of them` },
  ),
  sha256: z.string(),
  signature: z.strictObject({
    algorithm: z.literal('ECDSA_SHA_256'),
    /** ARN of the KMS key. */
    key: z.string(),
    /** PEM of its public half, for offline verification. Pin it: a forger would bring his own. */
    publicKey: z.string(),
    /** DER, base64. */
    value: z.string(),
  }),
})

/** One drill as it is proven: what was asked, done, found and measured. */
export type Evidence = z.output<typeof record>
export type EvidenceStage = z.output<typeof stage>
export type EvidenceTable = z.output<typeof table>
export type EvidenceCall = z.output<typeof call>
/** An object among the records that is none, as the next record names it. */
export type SteppedOver = z.output<typeof steppedOver>

/** A record with its hash and its signature: one file in the evidence bucket. */
export type SealedEvidence = z.output<typeof sealed>

/** The bytes that are hashed and signed: canonical JSON (RFC 8785), so that formatting never matters. */
export function canonicalBytes(evidence: unknown): Buffer {
  const text = canonicalize(evidence)
  if (text === undefined) throw new Error('evidence has no canonical form')
  return Buffer.from(text, 'utf8')
}

/** Hex SHA-256 over the canonical bytes. */
export function digestOf(evidence: unknown): string {
  return createHash('sha256').update(canonicalBytes(evidence)).digest('hex')
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[^\s"]+/g

/** JSON without its formatting: without blanks, each string escaped as JSON.stringify does it. */
function plainly(text: string): string {
  const tokens = text.match(TOKEN) ?? []
  return tokens.map(token => (token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token)).join('')
}

/** @throws Refusal `NotEvidence` when the text is not a sealed record of this format; the hash is not judged here. */
export function parseSealed(text: string): SealedEvidence {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new Refusal('NotEvidence', 'not JSON', 'give a file that holdfast wrote', { cause })
  }
  if (plainly(text) !== JSON.stringify(value))
    throw new Refusal(
      'NotEvidence',
      'its text says more than is signed: a key stands there twice, or a number is written otherwise',
      'give the file as holdfast wrote it',
    )
  const parsed = sealed.safeParse(value)
  // As it was read, since a schema's output leaves out what it does not know, such as a key called __proto__.
  if (parsed.success) return value as SealedEvidence
  const first = parsed.error.issues[0]
  throw new Refusal(
    'NotEvidence',
    `not a record of ${FORMAT}: ${first?.path.join('.') || 'value'}: ${first?.message}`,
    'give a file that holdfast wrote, or use the version that wrote it',
  )
}
