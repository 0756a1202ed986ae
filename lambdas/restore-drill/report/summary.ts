import type { SealedEvidence } from '../../runtime/evidence/record.ts'

/** One drill as the history shows it. */
export type Summary = {
  readonly sequence: number
  readonly drill: string
  readonly endedAt: string
  readonly mode: string
  readonly verdict: 'pass' | 'fail' | 'unknown'
  /** The control's fault, or `null` for an ordinary drill. */
  readonly control: string | null
  readonly sentence: string
  readonly rpoSeconds: number | null
  readonly rtoSeconds: number | null
  readonly rpoObjective: number
  readonly rtoObjective: number
  readonly coverage: number | null
}

/** The few facts of a record that fit one line of a list. */
export function summaryOf({ evidence }: SealedEvidence): Summary {
  const { measured, objective, request } = evidence
  return {
    sequence: evidence.sequence,
    drill: evidence.drill,
    endedAt: evidence.endedAt,
    mode: evidence.mode,
    verdict: evidence.verdict,
    control: typeof request.negativeControl === 'string' ? request.negativeControl : null,
    sentence: evidence.sentence,
    rpoSeconds: measured.rpoSeconds,
    rtoSeconds: measured.rtoSeconds,
    rpoObjective: objective.rpoSeconds,
    rtoObjective: objective.rtoSeconds,
    coverage: measured.coverage,
  }
}
