import { z } from 'zod'
import { FAULTS } from '../examine/request.ts'
import { Refusal } from '../runtime/failure.ts'
import { TAGS } from './names.ts'

const MODES = ['instance-loss', 'bad-write', 'region-loss', 'account-loss'] as const

const moment = z.iso.datetime({
  offset: true,
  error: 'want an ISO time with a zone, like 2026-11-20T14:03:00Z',
})

const target = z.discriminatedUnion('kind', [
  /** The newest moment that can be restored when the drill decides. */
  z.strictObject({ kind: z.literal('latest') }),
  /** A moment, whole seconds; one in the near future is waited for. */
  z.strictObject({ kind: z.literal('time'), at: moment }),
  /** A moment a few seconds ahead, with sentinels committed around it, waited for until it can be restored. */
  z.strictObject({ kind: z.literal('now') }),
  z.strictObject({ kind: z.literal('snapshot'), identifier: z.string().min(1) }),
  /** A moment anywhere in the restorable window: what a scheduled drill asks. */
  z.strictObject({ kind: z.literal('random') }),
  /**
   * The last minute before the daily backup window's most recent beginning: the newest full backup was then a day
   * old, and as much log must be replayed as ever. `window` is `hh:mm-hh:mm`, UTC.
   */
  z.strictObject({
    kind: z.literal('before-backup-window'),
    window: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/, 'want hh:mm-hh:mm, like 03:30-04:30'),
  }),
])

const request = z
  .strictObject({
    mode: z.enum(MODES).default('bad-write'),
    target: target.default({ kind: 'random' }),
    /** Where to restore: `standby` uses the replicated automated backups and must be sent to the standby region's function. */
    region: z.enum(['home', 'standby']).default('home'),
    objective: z.strictObject({ rpoSeconds: z.number().min(0), rtoSeconds: z.number().positive() }),
    /** Share of rows that must be compared, 0 to 1. */
    coverageFloor: z.number().min(0).max(1).default(0.99),
    /** Share of the rows changed or deleted since the cut whose contents must be proven, in each archived table, 0 to 1. */
    provenFloor: z.number().min(0).max(1).default(1),
    assertions: z.array(z.strictObject({ name: z.string(), sql: z.string() })).default([]),
    /** A fault put between the restore and the checks: the drill then succeeds only when the right check turns red. */
    negativeControl: z.enum(FAULTS).optional(),
    /** For the control `other-database`: the instance that is restored instead of ours. */
    controlSource: z.string().optional(),
    /** Seconds after which a restore counts as stuck. @default three times the RTO, between 10 minutes and 4 hours */
    restoreSeconds: z.number().positive().optional(),
    /** The workload's own queries: the RTO ends when the copy has answered them all. */
    warm: z.array(z.string()).optional(),
    /** When the damage was done; the loss is measured up to it. @default the target's moment; the decision for `latest` and `snapshot` */
    disasterAt: moment.optional(),
    /** Who asked, for the evidence: a schedule's name or a person. */
    requestedBy: z.string().min(1),
  })
  .refine(
    ({ negativeControl, controlSource }) =>
      (negativeControl === 'other-database') === (controlSource !== undefined),
    {
      path: ['controlSource'],
      message: 'name the other instance with the control other-database, and only with it',
    },
  )

const cleanUp = z.strictObject({
  /** ARN of a drill's execution that was stopped: its copy is deleted, nothing else is done. */
  cleanUp: z.string().regex(/^arn:/, 'want the ARN of an execution'),
  requestedBy: z.string().min(1),
})
export type CleanUpRequest = z.output<typeof cleanUp>

/** What a schedule or a person writes. Defaults may be left out; `objective` and `requestedBy` may not. */
export type DrillRequestInput = z.input<typeof request>
export type DrillRequest = z.output<typeof request>
export type DrillTarget = DrillRequest['target']

/** What the execution returns: small, since the evidence holds the rest. */
export type DrillResult = {
  readonly drill: string
  readonly verdict: 'pass' | 'fail' | 'unknown'
  readonly sentence: string
  /** Key in the evidence bucket, or `null` when it could not be written. */
  readonly evidence: { readonly bucket: string; readonly key: string; readonly sha256: string } | null
  readonly measured: {
    readonly rpoSeconds: number | null
    readonly rtoSeconds: number | null
    readonly coverage: number | null
  }
  readonly stages: readonly {
    readonly name: string
    readonly verdict: 'pass' | 'fail' | 'unknown' | 'skipped'
    readonly seconds: number
    readonly detail: string
  }[]
}

/** @throws Refusal `RequestRefused` that names each wrong field. */
export function parseRequest(value: unknown): DrillRequest | CleanUpRequest {
  const shape = typeof value === 'object' && value !== null && 'cleanUp' in value ? cleanUp : request
  const parsed = shape.safeParse(value)
  if (parsed.success) return parsed.data
  throw new Refusal(
    'RequestRefused',
    `the drill request is wrong: ${parsed.error.issues.map(issue => `${issue.path.join('.') || 'request'}: ${issue.message}`).join('; ')}`,
    'send { "mode", "target": { "kind": "latest" | "time" | "now" | "snapshot" | "random" | "before-backup-window" }, "objective": { "rpoSeconds", "rtoSeconds" }, "requestedBy" }',
  )
}

// Twice the longest restore, which ends with its execution after a day, and an hour.
const FARTHEST_SECONDS = 49 * 3_600

/**
 * When a copy says that it expires, in milliseconds since the epoch; `null` for none, and for one so far ahead that no
 * drill wrote it.
 */
export function expiryOf(tags: Readonly<Record<string, string>>, now: number): number | null {
  const expires = Date.parse(tags[TAGS.expires] ?? '')
  return Number.isNaN(expires) || expires > now + FARTHEST_SECONDS * 1_000 ? null : expires
}
